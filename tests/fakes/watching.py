"""A listener that writes down what a watch of a server tells, and lets a test wait for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.imap.watch import ServerWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.imap.pool import Pool
    from postboat.imap.session import Session

PATIENCE = 10.0


class Told:
    """What was told, in order: words, or sets of mailboxes."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self._stirred = asyncio.Event()
        self._read = 0

    def armed(self, how, folders):
        self._note((how, *folders))

    def changed(self, mailboxes):
        self._note(set(mailboxes))

    def restructured(self):
        self._note("restructured")

    def lost(self):
        self._note("lost")

    def _note(self, what: object) -> None:
        self.all.append(what)
        self._stirred.set()

    async def until(self, wanted: object) -> list[object]:
        """Wait until this is told; everything told since the last wait, with it."""
        async with asyncio.timeout(PATIENCE):
            while wanted not in self.all[self._read :]:
                self._stirred.clear()
                await self._stirred.wait()
        place = self.all.index(wanted, self._read) + 1
        new, self._read = self.all[self._read : place], place
        return new

    def since(self) -> list[object]:
        """Everything told since the last wait."""
        return self.all[self._read :]


@asynccontextmanager
async def watching(
    pool: Pool[Session], *mailboxes: str, keepalive: float = 0, calm: float = 0.05
) -> AsyncIterator[tuple[Told, asyncio.Task[None]]]:
    """Watch for the length of the block; the task may end in it."""
    told = Told()
    watch = asyncio.create_task(ServerWatch(pool, mailboxes, told, keepalive=keepalive, calm=calm).run())
    try:
        yield told, watch
    finally:
        watch.cancel()
        await asyncio.wait([watch])
