"""What the service asks of a side of an account, be it a server (`server`) or a tree of Maildirs (`maildirs`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from postboat.config.schema import MaildirConfig, ServerConfig
    from postboat.folder_list import FolderList
    from postboat.maildir.quarantine import Kept
    from postboat.maildir.touched import Touched
    from postboat.model import Flags, FolderName, Glimpse, Key, Side
    from postboat.sync.ports import Replica

    Told = Callable[[int, int], None]
    """Hears how many messages were dealt with, and of how many."""

SERVER = "server -"
"""The layout of every server: names are its own business."""


class Shore(Protocol):
    """One side of an account. Errors are those of `sync.ports.Replica`."""

    side: Side

    @property
    def config(self) -> MaildirConfig | ServerConfig:
        """The repository it is made of."""
        ...

    @property
    def root(self) -> Path | None:
        """The directory that all its folders lie in, which may be lost as a whole; None: it is a server."""
        ...

    @property
    def layout(self) -> str:
        """How names of folders become directories below the root, in words for the ledger."""
        ...

    @property
    def width(self) -> int:
        """How many connections there may be at once; for a root, as many as are worth the while."""
        ...

    async def standing(self, *, mark: bool = True) -> str:
        """What tells the root from another one in its place: see `maildir.standing`; "" when it is missing."""
        ...

    async def list(self, known: Collection[FolderName] = (), empty: Collection[FolderName] = ()) -> FolderList:
        """All folders; `known` are those that held messages when they were last synced, `empty` the others."""
        ...

    async def glimpses(self, names: Collection[FolderName], listed: FolderList) -> Mapping[FolderName, Glimpse]:
        """What is known of folders without opening them; what tells nothing is left out."""
        ...

    async def create(self, name: FolderName, listed: FolderList) -> None:
        """Make a folder; one that is there already is as good as made. Raises `FolderError`."""
        ...

    async def remove(self, name: FolderName, listed: FolderList) -> bool:
        """Remove a folder that holds no mail; returns whether it is gone, and tells as a warning why it is not."""
        ...

    async def disown(self, names: Collection[FolderName]) -> None:
        """Know that folders are gone: made anew, each is another one."""
        ...

    def mailbox(
        self,
        name: FolderName,
        listed: FolderList,
        *,
        glimpse: Glimpse | None = None,
        alone: bool = False,
        touched: Touched | None = None,
        told: Told | None = None,
    ) -> Replica:
        """A folder as a replica; `told` hears from any thread how far long looks at it are.

        `glimpse` is what the listing told and is believed, `touched` what a watch told since the last look that came to
        its end. `alone`: the connection broke that it was worked on over.
        """
        ...

    def lies(self, name: FolderName, listed: FolderList) -> Callable[[Key, Flags], str]:
        """What tells where a message of the folder lies: a path, or the URL of a message (RFC 5092)."""
        ...

    async def kept(self, told: Told) -> Sequence[Kept]:
        """What earlier runs removed and is kept, oldest first. Raises `FolderError`."""
        ...

    async def put_back(self, kept: Kept, listed: FolderList) -> int:
        """Put what is kept of a folder back into it, as new messages; returns how many. Raises `FolderError`."""
        ...

    async def prune(self) -> None:
        """Throw away what was kept for long enough."""
        ...

    async def close(self) -> None:
        """Leave it."""
        ...
