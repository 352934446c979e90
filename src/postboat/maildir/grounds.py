"""Directories in which Maildirs may come and go. Everything here blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from postboat.maildir.layout import DEEPEST, SUBDIRECTORIES
from postboat.maildir.scan import checkpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from postboat.maildir.layout import Layout

MOST = 5000
"""Directories looked at: beyond that a tree is not one of mail."""


class Grounds(NamedTuple):
    """A tree of Maildirs, as it is."""

    open: frozenset[str]
    """Directories, relative to the root, in which a Maildir may come to be or be completed."""
    maildirs: frozenset[str]
    root: tuple[int, int] | None
    """Device and inode number of the root; None while it is missing."""


def survey(root: Path, layout: Layout) -> Grounds:
    """Walk the tree, but not what lies in Maildirs; what cannot be read is left out."""
    number = number_of(root)
    if number is None:
        return Grounds(frozenset(), frozenset(), None)
    open_, maildirs, pending = {""}, set[str](), [""]
    while pending and len(open_) + len(maildirs) < MOST:
        directory = pending.pop()
        below = _directories(root / directory)
        if below >= set(SUBDIRECTORIES):
            maildirs.add(directory)
        if directory and layout.kind != "nested":
            if directory not in maildirs:
                open_.add(directory)
            continue
        open_.add(directory)
        for step in below.difference(SUBDIRECTORIES):
            path = f"{directory}/{step}" if directory else step
            if path.count("/") < DEEPEST and layout.name(path) is not None:
                pending.append(path)
    return Grounds(frozenset(open_), frozenset(maildirs), number)


def number_of(root: Path) -> tuple[int, int] | None:
    """Device and inode number; None of what is missing."""
    try:
        stat = root.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _directories(path: Path) -> set[str]:
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    except OSError:
        return set()


class Standing(NamedTuple):
    """A Maildir's new/ and cur/ at a moment."""

    numbers: tuple[tuple[int, int], tuple[int, int]]
    """Device and inode number of each."""
    checkpoint: str


def standings(root: Path, directories: Iterable[str]) -> Mapping[str, Standing]:
    """How these Maildirs stand now; those that are not there are left out."""
    found: dict[str, Standing] = {}
    for directory in directories:
        try:
            new, cur = ((root / directory / sub).stat(follow_symlinks=False) for sub in ("new", "cur"))
        except OSError:
            continue
        numbers = (new.st_dev, new.st_ino), (cur.st_dev, cur.st_ino)
        found[directory] = Standing(numbers, checkpoint_of(new, cur))
    return found
