r"""Changes flags and removes messages, always by UID and never beyond the messages named.

Flags are added and removed, never replaced: what other programs set stays. Nothing is expunged that others marked
\Deleted, and no mailbox is left by CLOSE, which would do that. The mailbox was opened afresh and its UIDVALIDITY
confirmed before; all commands then go out together, and behind them the question what is there now.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from postboat.imap.presence import Presence
from postboat.imap.refusals import refusal, require_ok
from postboat.imap.unsearchable import found_or_listed
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.model import DELETED, Gone, Marked, Refused
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postboat.errors import CommandFailed
    from postboat.imap.server_kind import ServerKind
    from postboat.imap.session import Selected, Session
    from postboat.model import Flags, FlagsHeld, Reflagging

LEFT = "the server says that it removed it, and left it where it is; move it to the trash instead"
"""Gmail does so in the mailbox of all mail, from which only a move to the trash takes a message. Postboat makes no such
move by itself, since it would take the message out of all other mailboxes too."""
PAUSES = (0.0, 0.1, 0.4)
"""Seconds after which a removal is asked for again. While another session works in the same mailbox, Dovecot may answer
OK to UID EXPUNGE and leave the message where it is."""
DELETED_ONES = f"UID 1:{MAX_UID} DELETED"
r"""All messages marked \Deleted; without the UIDs iCloud tells sequence numbers."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One STORE: flags to add ("+") or to remove ("-")."""

    uids: UidSet
    sign: str
    flags: Flags

    def cut(self, kind: ServerKind) -> list[_Change]:
        """The same in as many commands as that kind of server wants it."""
        return [_Change(piece, self.sign, self.flags) for piece in kind.pieces(self.uids)]

    def halves(self, left: UidSet) -> list[_Change]:
        """The same for those messages of it that are `left`, in two commands."""
        uids = list(self.uids & left)
        middle = len(uids) // 2
        return [_Change(UidSet.of(half), self.sign, self.flags) for half in (uids[:middle], uids[middle:]) if half]


async def change_flags(session: Session, selected: Selected, reflaggings: Sequence[Reflagging]) -> list[Refused | Gone]:
    """Add and remove flags, all messages of equal change by one command.

    Returns what the server refused, and the messages that are gone: a STORE passes over them in silence.
    """
    wanted = UidSet.of(int(reflagging.key) for reflagging in reflaggings)
    work = _Work(session, selected, wanted)
    present = await work.carry_out(_grouped(reflaggings, selected.holds))
    return [*work.refused(present), *(Gone(str(uid)) for uid in wanted - present)]


def _grouped(reflaggings: Iterable[Reflagging], holds: FlagsHeld) -> list[_Change]:
    groups: dict[tuple[str, Flags], list[int]] = defaultdict(list)
    for wanted in reflaggings:
        for sign, flags in (("+", holds.mask(wanted.add)), ("-", holds.mask(wanted.remove))):
            if flags:
                groups[sign, flags].append(int(wanted.key))
    return [_Change(UidSet.of(uids), sign, flags) for (sign, flags), uids in groups.items()]


async def remove(session: Session, selected: Selected, uids: Sequence[int], *, expunge: bool) -> list[Refused | Marked]:
    r"""Mark messages \Deleted and, with `expunge`, remove exactly these; returns those that are still there.

    One that is there after the server said that it removed it is refused, and never taken for deleted: it would come
    back, or be deleted in every run. Raises `CommandFailed` when the server marks them and refuses to remove them.
    """
    wanted = UidSet.of(uids)
    exactly = expunge and "UIDPLUS" in session.capabilities
    work = _Work(session, selected, wanted, expunge=exactly)
    left = await work.carry_out([_Change(wanted, "+", frozenset({DELETED}))])
    refused = work.refused(left)
    marked = left - UidSet.of(work.blamed)
    if marked and work.not_expunged is not None:
        raise work.not_expunged
    expunged = exactly
    if exactly and marked:
        marked = await work.expunge_again(marked)
    if expunge and not exactly and marked and not await found_or_listed(session, DELETED_ONES, flag=DELETED) - marked:
        marked &= await _expunge_all(session, selected, marked)
        expunged = True
    return [*refused, *(Refused(str(uid), LEFT) if expunged else Marked(str(uid)) for uid in marked)]


async def _expunge_all(session: Session, selected: Selected, ours: UidSet) -> UidSet:
    r"""Remove every \Deleted message, which are ours alone; those of ours that are still there."""
    answer = session.ask(commands.expunge())
    left = Presence(session, selected, ours, now=True)
    require_ok(commands.expunge(), await answer)
    return await left.known()


class _Work:
    """Changes to some messages under way, and whom the server refuses them for."""

    def __init__(self, session: Session, selected: Selected, wanted: UidSet, *, expunge: bool = False) -> None:
        self._session, self._selected, self._wanted, self._expunge = session, selected, wanted, expunge
        self.blamed: dict[int, CommandFailed] = {}
        """Messages that the server refuses a change for when it is asked for them alone."""
        self.not_expunged: CommandFailed | None = None
        """Why the server removes nothing."""

    def refused(self, present: UidSet) -> list[Refused]:
        """Outcomes for the blamed messages that are there: gone is as good as done."""
        return [
            Refused(str(uid), f"the server refused {why}") for uid, why in sorted(self.blamed.items()) if uid in present
        ]

    async def carry_out(self, changes: list[_Change]) -> UidSet:
        """Make the changes; those of the messages that are there afterwards.

        A change that is refused is halved until the messages to blame stand alone. Raises `CommandFailed` when the
        server does not know a command.
        """
        while True:
            refusals, present = await self._fly(changes)
            changes = []
            for change, why in refusals:
                if len(change.uids) == 1:
                    self.blamed.setdefault(change.uids.last, why)
                else:
                    changes += change.halves(present)
            if not changes:
                return present

    async def expunge_again(self, left: UidSet) -> UidSet:
        """Ask a few times more for the removal of what is still there after it; those that stay."""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            commanded = [commands.uid_expunge(piece) for piece in self._session.kind.pieces(left)]
            answers = [(command, self._session.ask(command)) for command in commanded]
            presence = Presence(self._session, self._selected, left, now=True)
            answered = [(command, await answer) for command, answer in answers]
            left &= await presence.known()
            for command, answer in answered:
                require_ok(command, answer)
            if not left:
                break
        return left

    async def _fly(self, changes: Iterable[_Change]) -> tuple[list[tuple[_Change, CommandFailed]], UidSet]:
        r"""Send everything, then take the answers: the changes refused, and what is there now.

        The removal does not wait for the marking. Were that refused, the removal would take only those of our
        messages that somebody else marked: they are to go in any case.
        """
        kind = self._session.kind
        pieces = [piece for change in changes for piece in change.cut(kind)]
        stores = [self._session.ask(commands.uid_store(p.uids, p.sign, p.flags)) for p in pieces]
        expunges = [commands.uid_expunge(piece) for piece in kind.pieces(self._wanted)] if self._expunge else []
        removals = [self._session.ask(command) for command in expunges]
        presence = Presence(self._session, self._selected, self._wanted, now=True)
        stored, removed = [await store for store in stores], [await removal for removal in removals]
        present = await presence.known()
        for answer in removed:
            if answer.status != "OK":
                self.not_expunged = refusal("UID EXPUNGE", answer)
        refused = [(piece, answer) for piece, answer in zip(pieces, stored, strict=True) if answer.status != "OK"]
        refusals = [(piece, refusal("UID STORE", answer)) for piece, answer in refused]
        for why in [why for _, why in refusals if why.status != "NO"]:
            raise why
        return refusals, present
