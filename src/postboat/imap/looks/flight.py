"""A SELECT and the questions behind it, sent at once: what all ways of looking are made of."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from postboat.errors import CommandFailed, FolderError
from postboat.imap.looks.heard import Heard
from postboat.imap.refusals import require_ok
from postboat.imap.wire import commands

if TYPE_CHECKING:
    from postboat.imap.opening import Opening
    from postboat.imap.selected import Selected
    from postboat.imap.selection import Selection
    from postboat.imap.session import Session
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition
    from postboat.imap.wire.uid_set import UidSet

ABREAST = 4
"""Windows of a long listing that are on their way at once."""


class Flight:
    """One flight, as a context in which its questions are asked: all before the first `await`.

    The mailbox is always selected anew, so that nothing is compared with what an older selection showed. `since` is a
    UIDVALIDITY and a mod-sequence, all changes after which are then told (QRESYNC, RFC 7162 section 3.2.5).
    """

    def __init__(self, session: Session, opening: Opening, since: tuple[int, int] | None = None) -> None:
        self.heard = Heard(opening.told)
        self.refused: CommandFailed | None = None
        """The first refusal among the answers, once the flight has landed."""
        self._session, self._opening = session, opening
        self._before = session.selection
        self._hearing = ExitStack()
        self._selections: list[Selection] = []
        self._asked: list[tuple[Command, asyncio.Future[Condition]]] = []
        self._open(since)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hearing.close()

    def ask(self, command: Command) -> None:
        """Send a question; once something was awaited, behind another SELECT if other readers sent theirs.

        Nothing more is asked of a mailbox that was refused: `landed` tells.
        """
        if not self._selections[-1].stands:
            return
        if self._session.selection is not self._selections[-1]:
            self._open()
        self._asked.append((command, self._session.ask(command)))

    def fetch(self, uids: UidSet | str, items: str) -> None:
        """Ask for items of messages, with as many commands as a long set takes."""
        pieces = [uids] if isinstance(uids, str) else self._session.kind.pieces(uids)
        for piece in pieces:
            self.ask(commands.uid_fetch(piece, items))

    async def room(self) -> None:
        """Wait until no more than a few questions are without an answer."""
        waiting = [answer for _, answer in self._asked if not answer.done()]
        if len(waiting) >= ABREAST:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def landed(self) -> Selected:
        """Wait for all answers; the mailbox as the first SELECT opened it.

        Raises `FolderGone`, or `FolderError` when the mailbox is not opened or its UIDs may mean other messages.
        """
        try:
            opened = [await self._opening.confirmed(selection) for selection in self._selections]
        except FolderError:
            await self._all_answered()
            raise
        await self._all_answered()
        for command, answer in self._asked:
            self._note_refusal(command, answer.result())
            self.heard.listing.understood &= not _is_cut_short(answer.result())
        if self.heard.is_mixed and self._follows_another():
            self.heard.listing.understood = False
        self.heard.end()
        return opened[0]

    def _open(self, since: tuple[int, int] | None = None) -> None:
        opening, take = self._opening, self.heard.selecting_since if since else self.heard.selecting
        selection = self._session.open(opening.name, read_only=opening.read_only, fresh=True, since=since, take=take)
        self._selections.append(selection)
        self._hearing.enter_context(selection.heard_by(self.heard.behind))

    def _follows_another(self) -> bool:
        """Whether another mailbox was selected until this flight came."""
        before = self._before.known if self._before is not None else None
        return before is not None and before.name != self._opening.name

    async def _all_answered(self) -> None:
        """The session is not given back with questions in the air."""
        if self._asked:
            await asyncio.wait([answer for _, answer in self._asked])

    def _note_refusal(self, command: Command, condition: Condition) -> None:
        try:
            require_ok(command, condition)
        except CommandFailed as failure:
            self.refused = self.refused or failure


def _is_cut_short(condition: Condition) -> bool:
    """Whether a command was carried out for some of its messages only (RFC 9738 section 3.1)."""
    return condition.code is not None and condition.code.name == "MESSAGELIMIT"
