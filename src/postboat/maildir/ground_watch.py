"""Watches on the directories in which Maildirs may come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.maildir import inotify
from postboat.maildir.grounds import Grounds, number_of, survey
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from postboat.maildir.folders import MaildirStore
    from postboat.model import FolderName

_ROUNDS = 5
"""Walks through a tree that keeps changing before it is left to the next event."""


class Kernel(Protocol):
    """What sets watches."""

    def add(self, path: Path, mask: int) -> int | None:
        """Watch a directory; None when that cannot be."""
        ...

    def remove(self, number: int) -> None:
        """Watch it no more."""
        ...


class GroundWatch:
    """The tree of one store, as the last walk through it showed it."""

    def __init__(self, store: MaildirStore, kernel: Kernel) -> None:
        self._store, self._kernel = store, kernel
        self._watches: dict[str, int] = {}
        """By where the directories lie."""
        self._tree = Grounds(frozenset(), frozenset(), None)
        self._listed: frozenset[FolderName] = frozenset()
        self._unlisted: frozenset[FolderName | None] = frozenset()
        """By what the tree differed from what was listed, when that was last asked."""

    @property
    def root(self) -> tuple[int, int] | None:
        """Device and inode number of the root; None while it is missing."""
        return self._tree.root

    async def is_sure(self) -> bool:
        """Whether the root is watched and is what it was: of what is mounted over it no event tells."""
        return "" in self._watches and await in_thread(number_of, self._store.root) == self.root

    def was_listed(self) -> None:
        """Take what the store has found by now for known. What it makes later is not followed yet, and so is news."""
        self._listed = self._store.found

    def has_unlisted(self) -> bool:
        """Whether other Maildirs are there than were listed, unless that was the answer before."""
        names = {self._store.layout.name(directory) for directory in self._tree.maildirs} - {None}
        before, self._unlisted = self._unlisted, frozenset(names ^ self._listed)
        return bool(self._unlisted) and self._unlisted != before

    async def walk(self) -> None:
        """Watch all directories in which Maildirs may come to be, also those that are made meanwhile."""
        for _ in range(_ROUNDS):
            root = self.root
            self._tree = await in_thread(survey, self._store.root, self._store.layout)
            self._leave(self._watches.keys() - self._tree.open if self.root == root else set(self._watches))
            new = self._tree.open - self._watches.keys()
            made = {path: self._kernel.add(self._store.root / path, inotify.DIRECTORIES) for path in new}
            self._watches |= {path: number for path, number in made.items() if number is not None}
            if not any(made.values()):
                break

    def leave_all(self) -> None:
        """Watch nothing until the next walk: watches may be on other directories than they are for."""
        self._leave(set(self._watches))

    def _leave(self, paths: Collection[str]) -> None:
        for path in paths:
            self._kernel.remove(self._watches.pop(path))
