"""Where messages go that are removed from a Maildir: kept for a while, and put back when they are missed.

A batch is what one run removed. It is a directory with the time of the run as its name, in it one directory for each
folder, in that the files under the names that they had, flags included.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postboat.model import FolderName


@dataclass(frozen=True, slots=True)
class Kept:
    """What one run removed from one folder."""

    when: float
    """Seconds since the epoch, whole."""
    folder: FolderName
    """Its local name."""
    files: tuple[str, ...]
    """Their names."""
    batch: str
    """Name of the batch: the time in UTC as `2026-11-23T045900Z`, and a number when one directory was not enough."""


class Batch:
    """Where this run puts what it removes from one folder. It is made when first needed."""

    def __init__(self, quarantine: Quarantine, folder: FolderName) -> None:
        self._quarantine, self._folder = quarantine, folder


class Quarantine:
    """The quarantine of one account below `root`; what is in it is kept for `days`. Everything here blocks."""

    def __init__(self, root: Path, days: float, *, clock: Callable[[], float] = time.time, fsync: bool = True) -> None:
        self._root, self._days, self._clock, self._fsync = root, days, clock, fsync

    def batch(self, folder: FolderName) -> Batch:
        """Where this run puts what it removes from `folder`."""
        return Batch(self, folder)

    def kept(self) -> list[Kept]:
        """All that is kept, oldest first. Raises `FolderError`."""
        raise NotImplementedError

    def prune(self) -> None:
        """Remove what was kept for long enough, at the cost of one directory listing when there is nothing."""
        raise NotImplementedError
