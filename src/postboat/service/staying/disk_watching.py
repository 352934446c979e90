"""Takes what the disk tells of one side's Maildirs to the account's agenda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.events import DiskWatched
from postboat.maildir.watch import DiskWatch

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.events import Publish
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName, Side
    from postboat.service.shores.maildirs import MaildirShore


class Hearer(Protocol):
    """Whoever acts on it."""

    def touched(self, side: Side, folder: FolderName, what: Touched | None) -> None:
        """Files of a side's folder changed; None: it is not known which."""
        ...

    def gap(self) -> None:
        """Folders came and went, or nobody listened for a while."""
        ...


class DiskWatching:
    """The watch of a tree of Maildirs (`maildir.watch.DiskListener`). `poll_every` is in seconds."""

    def __init__(self, shore: MaildirShore, account: str, tell: Publish, hearer: Hearer, *, poll_every: float) -> None:
        self._side, self._name, self._tell, self._hearer = shore.side, account, tell, hearer
        self._watch = DiskWatch(shore.store, self, poll_every=poll_every)

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
        self._tell(DiskWatched(self._name, how, reason, self._side.value))

    def touched(self, folder: FolderName, names: Touched) -> None:
        """Take which files changed."""
        self._hearer.touched(self._side, folder, names)

    def unsure(self, folders: frozenset[FolderName] | None) -> None:
        """Take that something happened, and that it is not known what; None: not even where."""
        if folders is None:
            self._hearer.gap()
            return
        for folder in folders:
            self._hearer.touched(self._side, folder, None)

    def restructured(self) -> None:
        """Take that Maildirs came or went."""
        self._hearer.gap()
