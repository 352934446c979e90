"""Moves messages to another mailbox on the server itself: by MOVE (RFC 6851), else by COPY alone.

Nothing is removed here: what is in both mailboxes afterwards is told (`Stored.copied`), and is for the caller to
delete. What became of each message the server tells by COPYUID (RFC 4315 section 3); what it does not tell, or tells
in a way that cannot be, is looked for.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.imap.presence import Presence
from postboat.imap.recover import candidates_from, match_just_stored
from postboat.imap.uploads import WAY_OUT
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Condition
from postboat.imap.wire.uid_set import UidSet
from postboat.model import Gone, Refused, Stored, Unsettled
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.imap.recover import Token
    from postboat.imap.session import Selected, Session
    from postboat.imap.wire.responses import Response
    from postboat.model import Key

    Outcome = Stored | Unsettled | Refused | Gone

CANNOT = "the server cannot move messages"
LEFT = "the server says that it moved it, and left it where it was"
NOT_FOUND_THERE = f"the server moved it, but no new message in the other folder is certainly it: {WAY_OUT}"


@dataclass(slots=True)
class _Scene:
    """The mailbox as the commands found it, and how they went."""

    before: UidSet
    refused: dict[int, str] = field(default_factory=dict)
    """Why, for people."""
    told: set[int] = field(default_factory=set)
    """Messages of the commands after which the server told where any of them went: it then told of all that went."""


class Moving:
    """Messages, known by their UIDs, on their way to the mailbox `to` of UIDVALIDITY `validity`."""

    def __init__(self, tokens: Mapping[int, Token], to: str, validity: str, taken: set[int]) -> None:
        self._tokens, self._to, self._validity = tokens, to, validity
        self._taken = taken
        """UIDs of the other mailbox that were given out in this run; grows."""
        self._outcomes: dict[int, Outcome] = {}
        self._left = UidSet()
        """Messages that this mailbox shows afterwards."""
        self._only_copied = False
        self.unknown: dict[int, Token] = {}
        """Messages that went, or may have gone, under a UID that nobody knows yet."""

    @property
    def outcomes(self) -> Mapping[Key, Outcome]:
        """What became of each message, by its key."""
        return {str(uid): self._marked_as_copied(uid, outcome) for uid, outcome in self._outcomes.items()}

    def _marked_as_copied(self, uid: int, outcome: Outcome) -> Outcome:
        """The same; of a message that is in both mailboxes, it says so.

        After a COPY every one counts as such, whatever the server shows: deleting what is not there does no harm.
        """
        if isinstance(outcome, Stored) and (self._only_copied or uid in self._left):
            return replace(outcome, copied=True)
        return outcome

    async def carry_out(self, session: Session, selected: Selected) -> None:
        """Move or copy what can be, in a mailbox that was just opened for writing."""
        if session.capabilities.isdisjoint({"MOVE", "UIDPLUS"}):
            self._outcomes = {uid: Refused(str(uid), CANNOT) for uid in self._tokens}
            return
        self._only_copied = "MOVE" not in session.capabilities
        self._judge(await self._ask(session, selected))

    async def look_for_unknown(self, session: Session) -> None:
        """Find in the other mailbox, just opened, what went there under an unknown UID."""
        first = min(token.uidnext for token in self.unknown.values())
        wanted = {str(uid): token for uid, token in sorted(self.unknown.items())}
        found = match_just_stored(wanted, await candidates_from(session, first, self._taken))
        for uid, token in self.unknown.items():
            if str(uid) in found:
                self._went(uid, found[str(uid)])
            elif token.stored:
                self._outcomes[uid] = Unsettled(str(uid), NOT_FOUND_THERE, token.encode())
            else:
                self._outcomes[uid] = Gone(str(uid))
        self.unknown = {}

    async def _ask(self, session: Session, selected: Selected) -> _Scene:
        """Send the command between two questions for what is there, all in one flight."""
        build = commands.uid_copy if self._only_copied else commands.uid_move
        wanted = UidSet.of(self._tokens)
        before = Presence(session, selected, wanted, now=False, hear=self._hear)
        sent = [(piece, session.ask(build(piece, self._to), self._hear)) for piece in session.kind.pieces(wanted)]
        after = Presence(session, selected, wanted, now=True)
        there = await before.known()
        answers = [(piece, await answer) for piece, answer in sent]
        self._left = await after.known()
        scene = _Scene(there)
        for piece, condition in answers:
            self._hear(condition)
            if not self._outcomes.keys().isdisjoint(piece):
                scene.told.update(piece)
            if condition.status != "OK":
                scene.refused.update(dict.fromkeys(piece, f"the server refused it: {condition.text}"))
        return scene

    def _hear(self, response: Response) -> None:
        """Take the pairs of UIDs that a server tells, in whatever place, unless they cannot be true."""
        told = response.code.copyuid if isinstance(response, Condition) and response.code is not None else None
        if told is not None and str(told[0]) == self._validity and self._may_be(told[1]):
            for here, there in told[1]:
                self._went(here, there)

    def _may_be(self, pairs: Sequence[tuple[int, int]]) -> bool:
        """Whether all are ours and went to new places, each to its own."""
        here, there = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
        new = len(here) == len(there) == len(pairs) and there.isdisjoint(self._taken)
        ours = here <= self._tokens.keys() - self._outcomes.keys()
        return new and ours and all(uid >= self._tokens[at].uidnext for at, uid in pairs)

    def _went(self, here: int, there: int) -> None:
        self._outcomes[here] = Stored(str(here), str(there))
        self._taken.add(there)

    def _judge(self, scene: _Scene) -> None:
        """Tell of each message what became of it, or that it has to be looked for."""
        for uid, token in self._tokens.items():
            if uid in self._outcomes:
                continue
            stays, why = uid in self._left, scene.refused.get(uid)
            told_of_all = uid in scene.told and why is None
            # A refused MOVE may have moved some (RFC 6851 section 3.3), a refused COPY copied none.
            if uid not in scene.before or told_of_all or (why is not None if self._only_copied else stays):
                self._outcomes[uid] = Refused(str(uid), why or LEFT) if stays else Gone(str(uid))
            else:
                self.unknown[uid] = replace(token, stored=why is None)
