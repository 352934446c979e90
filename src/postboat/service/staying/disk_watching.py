"""Takes what the disk tells of an account's Maildirs to its agenda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.events import DiskWatched
from postboat.maildir.watch import DiskWatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.events import Publish
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.staying.pace import Pace


class Hearer(Protocol):
    """Whoever acts on it."""

    def touched(self, folder: FolderName, what: Touched | None) -> None:
        """Files of a folder changed; None: it is not known which."""
        ...

    def disk_gap(self) -> None:
        """Folders came and went, or nobody listened for a while."""
        ...


class DiskWatching:
    """The watch of an account's Maildirs (`maildir.watch.DiskListener`)."""

    def __init__(self, parts: AccountParts, tell: Publish, hearer: Hearer, pace: Pace) -> None:
        self._name, self._tell, self._hearer = parts.name, tell, hearer
        self._watch = DiskWatch(parts.store, self, poll_every=pace.poll_disk)

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._watch.run()

    async def follow(self, folders: Collection[FolderName]) -> None:
        """Watch these folders and no others; when this returns, all that happens in them is told."""
        await self._watch.follow(folders)

    def untouched(self, folder: FolderName) -> Touched | None:
        """What to look at in a folder of which nothing was told; None when that is all of it."""
        return self._watch.untouched(folder)

    def watched(self, how: str, reason: str) -> None:
        """Take how the disk is watched."""
        self._tell(DiskWatched(self._name, how, reason))

    def touched(self, folder: FolderName, names: Touched) -> None:
        """Take which files changed."""
        self._hearer.touched(folder, names)

    def unsure(self, folders: frozenset[FolderName] | None) -> None:
        """Take that something happened, and that it is not known what; None: not even where."""
        if folders is None:
            self._hearer.disk_gap()
            return
        for folder in folders:
            self._hearer.touched(folder, None)

    def restructured(self) -> None:
        """Take that Maildirs came or went."""
        self._hearer.disk_gap()
