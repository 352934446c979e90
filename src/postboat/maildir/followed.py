"""The folders that a watch follows: by events, or by their times where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.maildir.grounds import standings
from postboat.maildir.sightings import Sightings
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from postboat.maildir.grounds import Standing
    from postboat.model import FolderName


class Followed:
    """A folder whose new/ and cur/ are watched, by the watches of these numbers. `new_name` names a watch."""

    def __init__(self, name: FolderName, directory: str, numbers: tuple[int, ...], new_name: Callable[[], str]) -> None:
        self.name, self.directory, self.numbers = name, directory, numbers
        self._new_name = new_name
        self.watch = new_name()
        """What the watch is called that has seen all since it bears this name."""
        self.standing: Standing | None = None
        """How the folder stood when it began."""
        self.sightings = Sightings()

    @property
    def began(self) -> str:
        """The folder's checkpoint when the watch began; "" when it is not known, or something was missed since."""
        return self.standing.checkpoint if self.standing is not None else ""

    def begin_anew(self) -> None:
        """Something was missed: what is told from now on is no proof of what was before."""
        self.watch = self._new_name()
        self.sightings.forget()
        if self.standing is not None:
            self.standing = self.standing._replace(checkpoint="")


class Polled:
    """Folders whose times are looked at now and then."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[FolderName, tuple[str, Standing | None]] = {}

    def __len__(self) -> int:
        return len(self._folders)

    def add(self, name: FolderName, directory: str, standing: Standing | None) -> None:
        """Look at a folder from now on, which stands so; None: it is not there."""
        self._folders[name] = directory, standing

    def replace(self, folders: Mapping[FolderName, tuple[str, Standing | None]]) -> None:
        """Look at these and no others."""
        self._folders = dict(folders)

    async def changed(self) -> frozenset[FolderName]:
        """Those that do not stand as they did when this was last asked."""
        before = dict(self._folders)
        now = await in_thread(standings, self._root, [directory for directory, _ in before.values()])
        changed = {name for name, (directory, standing) in before.items() if now.get(directory) != standing}
        changed &= self._folders.keys()
        self._folders |= {name: (before[name][0], now.get(before[name][0])) for name in changed}
        return frozenset(changed)
