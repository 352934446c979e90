"""Someone who listens to the disk, and can wait until something was told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from postboat.maildir.watch import DiskWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from postboat.maildir.folders import MaildirStore
    from postboat.maildir.watch import Touched
    from postboat.model import FolderName


class Ears:
    """Remembers what was told (`maildir.watch.DiskListener`)."""

    def __init__(self) -> None:
        self.how: list[tuple[str, str]] = []
        self.files: dict[FolderName, Touched] = {}
        self.tellings = 0
        """How often files were told of."""
        self.doubts: list[frozenset[FolderName] | None] = []
        self.structure = 0
        self._told = asyncio.Event()

    def watched(self, how: str, reason: str) -> None:
        self.how.append((how, reason))

    def touched(self, folder: FolderName, names: Touched) -> None:
        before = self.files.get(folder)
        self.files[folder] = names if before is None else before.merged(names)
        self.tellings += 1
        self._told.set()

    def unsure(self, folders: frozenset[FolderName] | None) -> None:
        self.doubts.append(folders)
        self._told.set()

    def restructured(self) -> None:
        self.structure += 1
        self._told.set()

    async def until(self, is_so: Callable[[Ears], object], seconds: float = 5) -> None:
        """Wait until enough was told; fails when it is not."""
        async with asyncio.timeout(seconds):
            while not is_so(self):
                self._told.clear()
                await self._told.wait()

    def spots(self, folder: FolderName) -> dict[str, bool]:
        """All that was told of the folder's files, as `sub/name`, and whether each is there."""
        told = self.files[folder].spots if folder in self.files else {}
        return {"/".join(spot): there for spots in told.values() for spot, there in spots.items()}

    def taken(self, folder: FolderName) -> Touched | None:
        """What was told of the folder, which is forgotten then."""
        return self.files.pop(folder, None)


@asynccontextmanager
async def listening(
    store: MaildirStore, folders: Collection[FolderName], *, poll_every: float = 60
) -> AsyncIterator[tuple[Ears, DiskWatch]]:
    """A watch over a store that was listed, while the block runs."""
    ears = Ears()
    watch = DiskWatch(store, ears, poll_every=poll_every)
    running = asyncio.create_task(watch.run())
    try:
        await asyncio.sleep(0)
        await store.list()
        await watch.follow(folders)
        yield ears, watch
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
