"""Stores messages in a mailbox and learns their UIDs: from APPENDUID where it can be believed, else by looking.

An OK means that the message is stored. When its UID cannot be told then, the outcome is `Unsettled`: never "refused",
or the message would be sent a second time. Its token then says so to every run to come.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderGone, MessageError
from postboat.imap.appending import Window, append_many
from postboat.imap.recover import Token, candidates_from, match_just_stored
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import UidSet
from postboat.model import FLAGGED, Content, Refused, Stored, Unsettled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from postboat.imap.session import Selected, Session
    from postboat.model import Key

Outcome = Stored | Refused | Unsettled

WAY_OUT = "it is not sent again; if you see it there, delete this copy of it"
UID_NOT_TOLD = (
    f"it is stored, but the server did not tell under which UID, and no new message is certainly it: {WAY_OUT}"
)
NOT_FOUND = f"the server said that it stored it, and no new message is certainly it: {WAY_OUT}"
ONLY_ONE_COPY = (
    "the server keeps one copy of identical messages and has it as UID {}: delete one of the two where they come from"
)
_TOO_MUCH = frozenset({"OVERQUOTA", "TOOBIG", "LIMIT"})
_TOO_MUCH_TEXT = re.compile(r"quota|too (large|big)", re.I)


class Uploads:
    """A batch of messages on its way into the selected mailbox."""

    def __init__(
        self, session: Session, selected: Selected, validity: str, taken: set[int], window: Window | None = None
    ) -> None:
        self._session, self._selected, self._validity = session, selected, validity
        self._taken = taken
        """UIDs given out in this run; grows."""
        self._window = window or Window()
        self._outcomes: dict[Key, Outcome] = {}
        self._untold: dict[Key, int | None] = {}
        """Stored, though under an unknown UID: with the one that the server told and that another message has.

        In the order in which they were stored.
        """

    async def store(self, contents: Sequence[Content], tokens: Sequence[Token]) -> list[Outcome]:
        """Store contents, and tell for each what became of it, in their order. Raises `FolderGone`."""
        limit = append_limit(self._session.capabilities)
        acceptable: list[Content] = []
        for content in contents:
            refused = await refused_unsent(content, limit)
            if refused is None:
                acceptable.append(content)
            else:
                self._outcomes[content.key] = refused
        await self._send(acceptable)
        if self._untold:
            await self._look_for(dict(zip((c.key for c in contents), tokens, strict=True)))
        if self._session.kind.forgets_flagged:
            await self._flag_again([content.key for content in contents if FLAGGED in content.flags])
        return [self._outcomes[content.key] for content in contents]

    async def _send(self, contents: Sequence[Content]) -> None:
        """Send what can be sent, and judge the answers in the order in which the server gave them."""
        holds = self._selected.holds
        items = [(holds.mask(c.flags), c.date, c.size, octets_of(c)) for c in contents]
        answers = await append_many(self._session, self._selected.name, items, self._window)
        for place, answer in answers.items():
            self._judge(contents[place], answer)

    async def _flag_again(self, keys: Sequence[Key]) -> None:
        r"""Set \Flagged once more: Exchange shows one that came with APPEND in IMAP alone, and not in Outlook.

        What becomes of that is not asked, since here the flag is there in any case.
        """
        stored = [outcome for key in keys if isinstance(outcome := self._outcomes[key], Stored)]
        uids = UidSet.of(int(outcome.key) for outcome in stored)
        if uids and FLAGGED in self._selected.holds.mask(frozenset({FLAGGED})):
            pieces = self._session.kind.pieces(uids)
            await self._session.ask_all([commands.uid_store(piece, "+", {FLAGGED}) for piece in pieces])

    def _judge(self, content: Content, answer: tuple[int, int] | CommandFailed | None) -> None:
        if isinstance(answer, CommandFailed):
            if answer.code == "TRYCREATE":
                raise FolderGone(f"the server has no such folder (any more): {answer.text}")
            reason = f"the server refused it: {answer.text}"
            self._outcomes[content.key] = Refused(content.key, reason, own_fault=is_too_much(answer))
        elif answer is not None and self._believable(*answer):
            self._taken.add(answer[1])
            self._outcomes[content.key] = Stored(content.key, str(answer[1]))
        else:
            self._untold[content.key] = answer[1] if answer is not None and str(answer[0]) == self._validity else None

    def _believable(self, validity: int, uid: int) -> bool:
        """Some servers tell another UIDVALIDITY than the folder's, or one UID for several messages."""
        return str(validity) == self._validity and uid not in self._taken

    async def _look_for(self, tokens: dict[Key, Token]) -> None:
        """Find the UIDs of what was stored. Courier shows a message it took only after a NOOP.

        One for which a UID was told that another has already may be no message of its own at all: only one that
        certainly is it may be given to it.
        """
        wanted = {key: replace(tokens[key], stored=told is None) for key, told in self._untold.items()}
        await self._session.noop()
        first = min(token.uidnext for token in wanted.values())
        candidates = await candidates_from(self._session, first, self._taken)
        found = match_just_stored(wanted, candidates)
        self._taken.update(found.values())
        for key, told in self._untold.items():
            if key in found:
                self._outcomes[key] = Stored(key, str(found[key]))
            elif told is not None:
                self._outcomes[key] = Refused(key, ONLY_ONE_COPY.format(told), own_fault=True)
            else:
                self._outcomes[key] = Unsettled(key, UID_NOT_TOLD, wanted[key].encode())


def append_limit(capabilities: frozenset[str]) -> int | None:
    """The largest message in octets that the server takes (RFC 7889 section 3); None when it does not say."""
    for name in capabilities:
        word, _, number = name.partition("=")
        if word == "APPENDLIMIT" and number.isdigit():
            return int(number)
    return None


def is_too_much(failure: CommandFailed) -> bool:
    """Whether a refusal is for lack of room: by its code (RFC 5530, RFC 7889), or in the words of servers without."""
    return failure.code in _TOO_MUCH or bool(_TOO_MUCH_TEXT.search(failure.text))


async def refused_unsent(content: Content, limit: int | None) -> Refused | None:
    """Why a message cannot be sent at all; None when it can."""
    if content.size == 0:
        return Refused(content.key, "it is empty, and IMAP servers store no empty messages", own_fault=True)
    if limit is not None and content.size > limit:
        reason = f"it has {content.size} octets, and the server takes at most {limit}"
        return Refused(content.key, reason, own_fault=True)
    try:
        if await _holds_nul(content):
            reason = "it holds a NUL octet, which IMAP cannot carry (RFC 3501 section 4.3)"
            return Refused(content.key, reason, own_fault=True)
    except MessageError as error:
        return Refused(content.key, str(error), passing=error.passing)
    return None


async def _holds_nul(content: Content) -> bool:
    """A server would refuse such a message, or store other octets than it was sent."""
    octets = octets_of(content)
    if isinstance(octets, bytes):
        return b"\0" in octets
    return any([b"\0" in chunk async for chunk in octets()])


def octets_of(content: Content) -> bytes | Callable[[], AsyncIterator[bytes]]:
    """A message's octets, or what yields them."""
    if content.data is not None:
        return content.data
    assert content.chunks is not None, "a content has data or chunks"
    return content.chunks
