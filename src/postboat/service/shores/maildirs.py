"""A tree of Maildirs as a side of an account."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postboat.folder_list import FolderList, ListedFolder
from postboat.maildir.folders import MaildirStore
from postboat.maildir.names import place_for
from postboat.maildir.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from postboat.config.schema import MaildirConfig
    from postboat.maildir.mailbox import MaildirMailbox
    from postboat.maildir.quarantine import Kept
    from postboat.maildir.touched import Touched
    from postboat.model import Flags, FolderName, Glimpse, Key, Side
    from postboat.service.shores.shore import Told

WIDTH = 3
"""Folders of two trees that are worked on at once are as many as over so many connections."""


class MaildirShore:
    """The Maildirs of one repository. What is removed from them goes to `quarantined`."""

    def __init__(
        self,
        side: Side,
        config: MaildirConfig,
        quarantined: Path,
        *,
        fsync: bool,
        dry_run: bool,
        clock: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self.side, self.config = side, config
        self.store = MaildirStore(
            config.localfolders,
            config.layout,
            config.sep,
            fsync=fsync,
            read_only=dry_run or config.readonly,
            clock=clock,
            quarantine=Quarantine(quarantined, config.keepdeleted, clock=clock, fsync=fsync),
            warn=warn,
        )

    @property
    def root(self) -> Path:
        """Their root."""
        return self.store.root

    @property
    def layout(self) -> str:
        """Kind and separator."""
        return f"{self.store.layout.kind} {self.store.layout.sep}"

    @property
    def width(self) -> int:
        """See `WIDTH`."""
        return WIDTH

    async def standing(self, *, mark: bool = True) -> str:
        """See `MaildirStore.standing`."""
        return await self.store.standing(mark=mark)

    async def list(self, known: Collection[FolderName] = (), empty: Collection[FolderName] = ()) -> FolderList:
        """Find them; one that lacks a directory is completed if it is `known`, and so is one that cannot be reached."""
        found = await self.store.list()
        names = {*found.names, *await self.store.completed(list(known)), *filter(self.store.is_barred, known)}
        folders = tuple(ListedFolder(name, self.store.directory(name)) for name in sorted(names))
        return FolderList(self.store.layout.sep, folders=folders, problems=tuple(found.unusable))

    async def glimpses(self, names: Collection[FolderName], listed: FolderList) -> Mapping[FolderName, Glimpse]:
        """See `MaildirStore.glimpses`."""
        return await self.store.glimpses(names)

    async def create(self, name: FolderName, listed: FolderList) -> None:
        """Make its directories."""
        await self.store.create(name)

    async def remove(self, name: FolderName, listed: FolderList) -> bool:
        """See `MaildirStore.remove`."""
        return await self.store.remove(name)

    async def disown(self, names: Collection[FolderName]) -> None:
        """Take their identifiers from what is left of them."""
        for name in names:
            await self.store.disown(name)

    def mailbox(
        self,
        name: FolderName,
        listed: FolderList,
        *,
        glimpse: Glimpse | None = None,
        alone: bool = False,
        touched: Touched | None = None,
        told: Told | None = None,
    ) -> MaildirMailbox:
        """The folder, which need not exist."""
        mailbox = self.store.mailbox(name, touched=touched)
        if told is not None:
            mailbox.tell(told)
        return mailbox

    def lies(self, name: FolderName, listed: FolderList) -> Callable[[Key, Flags], str]:
        """The path that a message was delivered to."""
        directory = str(self.root / self.store.directory(name))
        return lambda key, flags: os.path.join(directory, *place_for(key, flags))  # noqa: PTH118 - one a message

    async def kept(self, told: Told) -> Sequence[Kept]:
        """See `MaildirStore.kept`."""
        return await self.store.kept(told)

    async def put_back(self, kept: Kept, listed: FolderList) -> int:
        """See `MaildirStore.put_back`."""
        return await self.store.put_back(kept)

    async def prune(self) -> None:
        """Empty the quarantine of what was kept for long enough."""
        await self.store.prune()

    async def close(self) -> None:
        """Do nothing: nothing is open."""
