"""Which message on the server is the one that was sent: for servers without UIDPLUS, and after an interrupted run.

No mark is ever added to a message. What tells a copy is when it came (its UID is not below the UIDNEXT of the
moment before), its header, its size, and the INTERNALDATE we gave it.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from postboat.errors import MessageError
from postboat.imap.bodies import fetch_all
from postboat.imap.headers import header_of, header_of_content, lenient_digest, message_id
from postboat.imap.listing import status
from postboat.imap.unsearchable import found_or_listed
from postboat.imap.wire.uid_set import UidSet
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

    from postboat.imap.session import Selected, Session
    from postboat.imap.wire.responses import Fetched
    from postboat.model import Content, Key

HIGHEST_UID = 4294967295
"""The end of every open range: `*` would name the last message even when its UID lies below the range's start."""


CANDIDATE = "UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER]"
"""What a `Candidate` is made of."""
PATIENCE = 1.0
"""Seconds after which a server that stores nothing more has dealt with what a broken connection had sent it."""
_LOOKS = 5
ADDED = 4096
"""Octets by which the lines that a server adds may lengthen a message; an eighth more may be due to its counting."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is written down of a message before it is sent."""

    validity: str
    uidnext: int
    """No UID below this can be the message's."""
    size: int
    header: str
    """Lenient digest of the header."""
    date: int | None
    """INTERNALDATE in whole seconds since the epoch; None when the server chooses."""
    message_id: str = ""
    """For servers that add lines to a header; "" when the message has none."""
    stored: bool = False
    """Whether the server said that it stored the message, under whatever UID."""

    def encode(self) -> str:
        """The token as the ledger keeps it."""
        fields = [self.validity, self.uidnext, self.size, self.header, self.date, self.message_id]
        return json.dumps([*fields, "stored"] if self.stored else fields)

    @classmethod
    def decode(cls, text: str) -> Token | None:
        """The token that was written; None when it is none of ours."""
        try:
            validity, uidnext, size, header, date, name, *more = json.loads(text)
            when = None if date is None else int(date)
            return cls(str(validity), int(uidnext), int(size), str(header), when, str(name), more == ["stored"])
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message on the server that may be one of those sent."""

    uid: int
    size: int | None
    header: str
    date: int | None
    message_id: str = ""


_CERTAIN: tuple[Callable[[Token | Candidate], Hashable], ...] = (
    lambda m: (m.header, m.size, m.date),
    lambda m: (m.header, m.date),
    lambda m: (m.header, m.size),
    lambda m: (m.message_id, m.date) if m.message_id and m.date is not None else None,
)
"""Traits that tell a message, the surest first; None: it has none such. Some servers count octets wrongly (Exchange),
some ignore the date, some add lines to the header."""


async def token_for(content: Content, validity: str, uidnext: int) -> Token:
    """What to write down of `content` before it is sent to a folder whose next UID is `uidnext`.

    One that cannot be read any more gets a token that matches nothing: it will not be sent.
    """
    date = None if content.date is None else int(content.date)
    try:
        header = await header_of_content(content)
    except MessageError:
        return Token(validity, uidnext, content.size, "", date)
    return Token(validity, uidnext, content.size, lenient_digest(header), date, message_id(header))


async def tokens_of(session: Session, uids: Sequence[int], validity: str, uidnext: int) -> dict[int, Token]:
    """As `token_for`, of messages of the selected mailbox that are to go to one of the same server."""
    found: dict[int, Token] = {}

    def take(message: Fetched) -> bool:
        candidate = _candidate(message)
        if candidate is not None and candidate.size is not None:
            seen = candidate.size, candidate.header, candidate.date, candidate.message_id
            found[candidate.uid] = Token(validity, uidnext, *seen)
        return message.header is not None

    await fetch_all(session, UidSet.of(uids), CANDIDATE, take)
    return {uid: found[uid] for uid in uids if uid in found}


async def candidates_from(session: Session, uidnext: int, taken: Collection[int]) -> list[Candidate]:
    """The selected mailbox's messages from `uidnext` on, but for those `taken`, oldest first.

    What others take while the answer is on its way is left out, too: nobody else has a message that is taken of these
    before the next `await`.
    """
    found: dict[int, Candidate] = {}

    def each(message: Fetched) -> None:
        candidate = _candidate(message)
        if candidate is not None and candidate.uid >= uidnext and candidate.uid not in taken:
            found[candidate.uid] = candidate

    await session.fetch(f"{uidnext}:{HIGHEST_UID}", CANDIDATE, each)
    return [found[uid] for uid in sorted(found) if uid not in taken]


def _candidate(message: Fetched) -> Candidate | None:
    if message.uid is None or message.header is None:
        return None
    date = None if message.date is None else int(message.date)
    header = header_of(message.header)
    return Candidate(message.uid, message.size, lenient_digest(header), date, message_id(header))


async def find_stored(session: Session, tokens: Mapping[Key, Token], taken: Collection[int]) -> dict[Key, int]:
    """UIDs of the messages, sent over a connection that broke, that arrived in the selected mailbox.

    The server may still be at work on what it received before the break: one that is missing is not believed to be
    lost before a second look, a pause later, shows nothing new. To send it again at once could double it. One that is
    stored for sure is not sent again in any case, and is not waited for.
    """
    first, seen = min(token.uidnext for token in tokens.values()), None
    doubtful = {key for key, token in tokens.items() if not token.stored}
    for look in range(_LOOKS):
        if look:
            await asyncio.sleep(PATIENCE)
            await session.noop()
        candidates = await candidates_from(session, first, taken)
        if doubtful <= match(tokens, candidates).keys() or candidates == seen:
            break
        seen = candidates
    return match(tokens, candidates)


def match(tokens: Mapping[Key, Token], candidates: Sequence[Candidate], *, oldest: bool = False) -> dict[Key, int]:
    """UIDs of the messages that are certainly the tokens' ones, each given out once.

    Of identical messages the newest are they, whose pairing is less likely to be written down already; or the `oldest`.
    A message that is stored for sure may have got another header from the server: one of its Message-ID is it, or the
    only one of its date and size.
    """
    matched: dict[Key, int] = {}
    for trait in _CERTAIN:
        _match_by(trait, tokens, candidates, matched, oldest=oldest)
    stored = {key: token for key, token in tokens.items() if token.stored}
    _match_by(lambda m: m.message_id or None, stored, candidates, matched, oldest=oldest)
    rest, free = _unmatched(stored, candidates, matched)
    for key, token in rest.items():
        alike = [c.uid for c in free if (c.size, c.date) == (token.size, token.date)]
        rivals = [k for k, t in rest.items() if (t.size, t.date) == (token.size, token.date)]
        if len(alike) == 1 and len(rivals) == 1 and alike[0] >= token.uidnext:
            matched[key] = alike[0]
    return matched


def match_just_stored(tokens: Mapping[Key, Token], candidates: Sequence[Candidate]) -> dict[Key, int]:
    """As `match`, for messages sent a moment ago: as many new messages as were stored are they, in their order.

    Later this would be no proof, for other mail may have come in their place; nor is it now when one of them cannot be
    what was sent. Those that may not have been stored are not counted.

    Of identical messages the oldest are taken: those that came later are left to who began later to store them.
    """
    matched = match(tokens, candidates, oldest=True)
    rest, free = _unmatched({key: token for key, token in tokens.items() if token.stored}, candidates, matched)
    if len(rest) == len(free) and all(map(_may_be, rest.values(), free)):
        matched.update(zip(rest, (c.uid for c in free), strict=True))
    return matched


def _may_be(token: Token, candidate: Candidate) -> bool:
    """Whether nothing speaks against a message being the one sent, with its header changed by the server."""
    if candidate.uid < token.uidnext:
        return False
    if token.message_id and candidate.message_id and token.message_id != candidate.message_id:
        return False
    if token.date is not None and candidate.date is not None and token.date != candidate.date:
        return False
    return candidate.size is None or abs(candidate.size - token.size) <= ADDED + token.size // 8


def _match_by(
    trait: Callable[[Token | Candidate], Hashable],
    tokens: Mapping[Key, Token],
    candidates: Iterable[Candidate],
    matched: dict[Key, int],
    *,
    oldest: bool,
) -> None:
    """Give candidates, by rising UID, to tokens of equal trait in their order: the newest, or the `oldest` first."""
    given = set(matched.values())
    free: dict[Hashable, list[int]] = defaultdict(list)
    for candidate in candidates:
        if candidate.uid not in given:
            free[trait(candidate)].append(candidate.uid)
    for key, token in list(tokens.items())[:: 1 if oldest else -1]:
        waiting = free.get(trait(token), []) if trait(token) is not None else []
        first = bisect_left(waiting, token.uidnext)
        if key not in matched and first < len(waiting):
            matched[key] = waiting.pop(first if oldest else -1)


def _unmatched(
    tokens: Mapping[Key, Token], candidates: Sequence[Candidate], matched: Mapping[Key, int]
) -> tuple[dict[Key, Token], list[Candidate]]:
    given = set(matched.values())
    return {k: t for k, t in tokens.items() if k not in matched}, [c for c in candidates if c.uid not in given]


async def next_uid(session: Session, selected: Selected) -> int:
    """A UID that no message of the mailbox has reached yet; Courier does not tell it on SELECT."""
    if selected.uidnext:
        return selected.uidnext
    told = (await status(session, selected.name, ("UIDNEXT",))).get("UIDNEXT")
    return told or (await found_or_listed(session, f"UID 1:{HIGHEST_UID}")).last + 1
