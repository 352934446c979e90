"""Listing a Maildir: what lies in new/ and cur/, by key, and whether the listing can be relied on."""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from postboat.maildir import names
from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.maildir.place import OpenFolder
    from postboat.model import Flags, Key

SETTLED = 2.0
"""Seconds without a change after which a directory's mtime tells the next change apart, whatever the clock's grain."""


class Entry(NamedTuple):
    """A message's file as it was last seen. Another program may have renamed it since."""

    sub: str
    """`new` or `cur`."""
    name: str
    flags: Flags

    def __str__(self) -> str:
        return f"{self.sub}/{names.printable(self.name)}"


@dataclass(slots=True)
class Listing:
    """A look at a whole folder."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    untouchable: dict[Key, str] = field(default_factory=dict)
    """Keys that are there but must be neither read nor changed, and why: no regular file, or two files."""
    checkpoint: str | None = None
    """Identity of the directories as listed; None when a change meanwhile, or just before, may have been missed."""

    @property
    def steady(self) -> bool:
        """Whether nothing moved while it was made, so that what it lacks was not there."""
        return self.checkpoint is not None


def list_folder(folder: OpenFolder, now: float) -> Listing:
    """List new/ and cur/ once. Raises `OSError`.

    new/ comes first, since mail moves from there to cur/: a file that moves meanwhile is met twice, not missed.
    """
    before = checkpoint_now(folder)
    listing = Listing()
    twice: dict[Key, list[Entry]] = {}
    for sub in ("new", "cur"):
        _list_into(listing, twice, folder, sub)
    for key, entries in twice.items():
        _settle(listing, folder, key, entries)
    for key in listing.untouchable:
        listing.entries.pop(key, None)
    if any(os.fstat(fd).st_nlink == 0 for fd in (folder.new, folder.cur)):
        raise FileNotFoundError(errno.ENOENT, "was removed while it was listed")
    if _settled(folder, now) and checkpoint_now(folder) == before:
        listing.checkpoint = before
    return listing


def checkpoint_now(folder: OpenFolder) -> str:
    """Identity of the directories as they are, to compare with a listing's checkpoint."""
    return checkpoint_of(os.fstat(folder.new), os.fstat(folder.cur))


def checkpoint_of(new: os.stat_result, cur: os.stat_result) -> str:
    """The same of directories that were looked at already."""
    return json.dumps([[s.st_dev, s.st_ino, s.st_mtime_ns] for s in (new, cur)], separators=(",", ":"))


def stat_entry(folder: OpenFolder, entry: Entry) -> os.stat_result:
    """Stat a message's file itself, not what a link points to. Raises `OSError`."""
    return os.stat(entry.name, dir_fd=folder.sub(entry.sub), follow_symlinks=False)


def mark_of(info: os.stat_result) -> str:
    """How a file is known again under another name."""
    return f"{info.st_ino}-{info.st_size}-{info.st_mtime_ns}"


def weight_of(mark: str) -> int | None:
    """The octets on disk of the file that `mark_of` marked; None for any other text."""
    parts = mark.split("-", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else None


def _settled(folder: OpenFolder, now: float) -> bool:
    return all(os.fstat(fd).st_mtime < now - SETTLED for fd in (folder.new, folder.cur))


def _list_into(listing: Listing, twice: dict[Key, list[Entry]], folder: OpenFolder, sub: str) -> None:
    entries, key_and_flags = listing.entries, names.key_and_flags
    with os.scandir(folder.sub(sub)) as found:
        for item in found:
            name = item.name
            if name.startswith("."):
                continue
            key, flags = key_and_flags(name)
            if not item.is_file(follow_symlinks=False):
                if not item.is_dir(follow_symlinks=False):
                    listing.untouchable[key] = f"{sub}/{names.printable(name)} is not a regular file"
                continue
            entry = Entry(sub, name, flags)
            if key in entries:
                twice.setdefault(key, [entries[key]]).append(entry)
            entries[key] = entry


def _settle(listing: Listing, folder: OpenFolder, key: Key, entries: list[Entry]) -> None:
    """A key was met more than once: one file that is being renamed, links to one file, or different files."""
    present: list[tuple[Entry, int]] = []
    for entry in entries:
        try:
            info = stat_entry(folder, entry)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(info.st_mode):
            present.append((entry, info.st_ino))
    if len({inode for _, inode in present}) > 1:
        files = " and ".join(str(entry) for entry, _ in present)
        listing.untouchable[key] = f"{files} are different messages under one name"
    elif present:
        listing.entries[key] = present[-1][0]
