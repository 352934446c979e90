"""Opens one folder on whichever session is free, with the promise that its UIDs mean what they meant before."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderError, NoLastingKeys, ValidityChanged
from postboat.imap.patience import patiently

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from postboat.imap.patience import Patience
    from postboat.imap.pool import Pool
    from postboat.imap.selection import Selection
    from postboat.imap.session import Selected, Session

    Told = Callable[[int, int], object]
    """Hears how many messages were looked at, and of how many."""

MUCH = 1 << 20
"""Octets from which a batch is better read over a connection of its own."""

MOST_BREAKS = 24
"""Connections that one folder may cost while it is found out which of its messages break them."""


class Opening:
    """How one folder of a server is opened, and the UIDVALIDITY that holds for the run.

    `alone` keeps it off the sessions that others read from: what breaks the connection is then its own doing, and
    nothing that others do breaks the one it is on.
    """

    def __init__(
        self, pool: Pool[Session], name: str, *, read_only: bool, validity: str | None = None, alone: bool = False
    ) -> None:
        self._pool, self.alone = pool, alone
        self.breaks_left = MOST_BREAKS
        """How many more connections may be spent on finding out which messages break them."""
        self.name = name
        """Wire name."""
        self.read_only = read_only
        self.validity = validity
        """UIDVALIDITY, known before or once the folder was opened."""
        self.floor: int | None = None
        """No message stored from now on gets a UID below this; None when that is not known.

        It is a UIDNEXT of this run, of a server that tells the UIDs of what it stores (UIDPLUS): elsewhere what is
        stored has to be told from what came meanwhile, and that takes the UIDNEXT of the moment before.
        """
        self.told: Told | None = None
        """Hears how far long looks are."""
        self._tells_uids = False
        self._begun: Selected | None = None
        """The mailbox as it was when the validity was learnt, until someone has used it."""
        self._unused: Selected | None = None
        """The selection that was made to learn the validity, until someone who wants a fresh one has used it."""

    @property
    def patience(self) -> Patience:
        """The pauses that the account keeps."""
        return self._pool.patience

    async def begin(self) -> str:
        """Open the folder to learn its UIDVALIDITY; the next one to open it afresh on the same session need not."""
        async with self.opened(fresh=True) as (_, selected):
            self._unused, self._begun = selected, replace(selected)
            return str(selected.uidvalidity)

    def use_begun(self) -> Selected | None:
        """The mailbox as it was when its validity was learnt, once; who opens it afresh next does so in earnest."""
        begun, self._begun, self._unused = self._begun, None, None
        return begun

    @asynccontextmanager
    async def lent(self, *, much: bool = False) -> AsyncIterator[Session]:
        """Lend a session, shared with other readers, to one who opens the folder with each flight (`looks.flight`).

        Who reads alone shares it with nobody. `much` is whether more is expected than a connection brings in the time
        that another one takes to open. A refused command inside the block becomes a `FolderError`.
        """
        pool = self._pool
        lent = pool.session(self.name) if self.alone else pool.reading(self.name, much=much)
        async with lent as session:
            self._tells_uids = "UIDPLUS" in session.capabilities
            with _named(pool.called), _refusals_stop_the_folder():
                yield session

    @asynccontextmanager
    async def opened_for_reading(self, *, octets: int = 0) -> AsyncIterator[tuple[Session, Selection]]:
        """Lend a session as `lent` does, for one flight of questions that goes out with the SELECT.

        `octets` are those that are expected to come, as far as that is known: many are better compressed. All must be
        asked before the first `await` of the block, and answers count only once `confirmed` returned. A refused
        command inside the block becomes a `FolderError`.
        """
        async with self.lent(much=octets > MUCH) as session:
            await session.compress_if_it_pays(octets)
            yield session, session.open(self.name, read_only=self.read_only, fresh=session.kind.mixes_up)

    async def confirmed(self, selection: Selection) -> Selected:
        """Wait for the answer to a SELECT that was sent ahead. Raises as `opened`: what came behind it is then void."""
        selected = await selection.mailbox()
        self._check(selected, writing=False)
        return selected

    @asynccontextmanager
    async def opened(
        self, *, fresh: bool = False, writing: bool = False, octets: int = 0
    ) -> AsyncIterator[tuple[Session, Selected]]:
        """Lend a session that has the folder selected, for the length of the block.

        `fresh` asks the server anew even when the folder is selected already. `octets` are those that will be carried,
        as far as that is known: many are better compressed. Raises `FolderGone`, or `FolderError` when the server
        refuses, gives no UIDVALIDITY that lasts, gives another one than before in this run, or opens for reading only
        what is to be written. A refused command inside the block becomes a `FolderError` too.
        """
        async with self._pool.session(prefer=self.name) as session:
            self._tells_uids = "UIDPLUS" in session.capabilities
            await session.compress_if_it_pays(octets)
            with _named(self._pool.called):
                selected = await self._select(session, fresh=fresh)
                self._check(selected, writing=writing)
                with _refusals_stop_the_folder():
                    yield session, selected

    @asynccontextmanager
    async def opened_without_promise(self) -> AsyncIterator[Session]:
        """Lend a session that opened the folder for reading, whatever its UIDs mean: they hold within the block only.

        A refused command inside the block becomes a `FolderError`.
        """
        async with self._pool.session() as session:
            with _named(self._pool.called):
                await session.select(self.name, read_only=True)
                with _refusals_stop_the_folder():
                    yield session

    @patiently
    async def _select(self, session: Session, *, fresh: bool) -> Selected:
        unused, self._unused = self._unused, None
        if (fresh or session.kind.mixes_up) and (unused is None or session.selected is not unused):
            return await session.select(self.name, read_only=self.read_only)
        return await session.ensure(self.name, read_only=self.read_only)

    def _check(self, selected: Selected, *, writing: bool) -> None:
        """Nothing is read from or written to a folder whose UIDs may mean other messages than we think."""
        if not selected.uidvalidity:
            raise NoLastingKeys("the server gives no UIDVALIDITY: messages cannot be told apart safely")
        if selected.uid_not_sticky:
            raise NoLastingKeys("the server gives messages new UIDs each time: they cannot be told apart safely")
        validity = str(selected.uidvalidity)
        if self.validity is None:
            self.validity = validity
        elif self.validity != validity:
            raise ValidityChanged(
                f"changed its UIDVALIDITY during the sync, from {self.validity} to {validity}: "
                "nothing more is sent, the next run looks anew"
            )
        if writing and selected.read_only:
            raise FolderError("the server opened the folder for reading only")
        if self._tells_uids:
            self.floor = selected.uidnext or self.floor


@contextmanager
def _named(called: str) -> Iterator[None]:
    """Let a folder's failures say whose they are, where that must be told."""
    try:
        yield
    except FolderError as failure:
        if called and not isinstance(failure, NoLastingKeys):  # which stops nothing, and is told by who knows
            failure.args = (f"{called}{failure}",)
        raise


@contextmanager
def _refusals_stop_the_folder() -> Iterator[None]:
    try:
        yield
    except CommandFailed as failure:
        raise FolderError(f"the server refused {failure}") from failure
