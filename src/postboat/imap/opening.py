"""Opens one folder on whichever session is free, with the promise that its UIDs mean what they meant before."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.imap.pool import Pool
    from postboat.imap.session import Selected, Session


class Opening:
    """How one folder of a server is opened, and the UIDVALIDITY that holds for the run."""

    def __init__(self, pool: Pool[Session], name: str, *, read_only: bool) -> None:
        self._pool = pool
        self.name = name
        """Wire name."""
        self.read_only = read_only
        self.validity: str | None = None
        """UIDVALIDITY, once the folder was opened."""
        self._unused: Selected | None = None
        """The selection that was made to learn the validity, until someone who wants a fresh one has used it."""

    async def begin(self) -> str:
        """Open the folder to learn its UIDVALIDITY; the next one to open it afresh on the same session need not."""
        async with self.opened(fresh=True) as (_, selected):
            self._unused = selected
            return str(selected.uidvalidity)

    @asynccontextmanager
    async def opened(self, *, fresh: bool = False, writing: bool = False) -> AsyncIterator[tuple[Session, Selected]]:
        """Lend a session that has the folder selected, for the length of the block.

        `fresh` asks the server anew even when the folder is selected already. Raises `FolderGone`, or `FolderError`
        when the server refuses, gives no UIDVALIDITY that lasts, gives another one than before in this run, or opens
        for reading only what is to be written. A refused command inside the block becomes a `FolderError` too.
        """
        async with self._pool.session(prefer=self.name) as session:
            selected = await self._select(session, fresh=fresh)
            self._check(selected, writing=writing)
            try:
                yield session, selected
            except CommandFailed as failure:
                raise FolderError(f"the server refused {failure}") from failure

    async def _select(self, session: Session, *, fresh: bool) -> Selected:
        unused, self._unused = self._unused, None
        if fresh and (unused is None or session.selected is not unused):
            return await session.select(self.name, read_only=self.read_only)
        return await session.ensure(self.name, read_only=self.read_only)

    def _check(self, selected: Selected, *, writing: bool) -> None:
        """Nothing is read from or written to a folder whose UIDs may mean other messages than we think."""
        if not selected.uidvalidity:
            raise FolderError("the server gives no UIDVALIDITY: messages cannot be told apart safely")
        if selected.uid_not_sticky:
            raise FolderError("the server gives messages new UIDs each time: they cannot be told apart safely")
        validity = str(selected.uidvalidity)
        if self.validity is None:
            self.validity = validity
        elif self.validity != validity:
            raise FolderError(
                f"changed its UIDVALIDITY during the sync, from {self.validity} to {validity}: "
                "nothing more is sent, the next run looks anew"
            )
        if writing and selected.read_only:
            raise FolderError("the server opened the folder for reading only")
