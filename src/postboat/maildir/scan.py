"""Listing a Maildir: what lies in new/ and cur/, by key, and whether the listing can be relied on."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from postboat.maildir import names
from postboat.maildir.system import examine
from postboat.model import MAILDIR_FLAGS
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.system import File
    from postboat.model import Flags, Key

SETTLED = 2.0
"""Seconds without a change after which a directory's mtime tells the next change apart, whatever the clock's grain."""


HEAVY = 16 * 1024
"""Octets on disk from which a message's size is told. Wire form is larger by an octet a line, so the size is only a
hint; of smaller ones it is not told, since what a message weighs that nothing is known of is enough for them."""


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
    """Files that are not as agreed."""
    untouchable: dict[Key, str] = field(default_factory=dict)
    """Keys that are there but must be neither read nor changed, and why: no regular file, or two files."""
    doubles: dict[Key, list[Entry]] = field(default_factory=dict)
    """Keys that different files bear at once, all of them."""
    missing: frozenset[Key] = frozenset()
    """Keys agreed on that were not met."""
    checkpoint: str | None = None
    """Identity of the directories as listed; None when a change meanwhile, or just before, may have been missed."""

    @property
    def steady(self) -> bool:
        """Whether nothing moved while it was made, so that what it lacks was not there."""
        return self.checkpoint is not None


def list_folder(folder: OpenFolder, now: float, agreed: Mapping[Key, Flags]) -> Listing:
    """List new/ and cur/ once, and remember only what is not as `agreed`. Raises `OSError`.

    new/ comes first, since mail moves from there to cur/: a file that moves meanwhile is met twice, not missed.
    """
    before = checkpoint_now(folder)
    listing = _differing(folder, agreed) or _without_agreed(_all(folder), agreed)
    if any(os.fstat(fd).st_nlink == 0 for fd in (folder.new, folder.cur)):
        raise FileNotFoundError(errno.ENOENT, "was removed while it was listed")
    if _settled(folder, now) and checkpoint_now(folder) == before:
        listing.checkpoint = before
    return listing


def find_files(folder: OpenFolder, keys: frozenset[Key]) -> Listing:
    """Where the files of `keys` are now, whatever was agreed; nothing is said of others. Raises `OSError`."""
    return _all(folder, keys)


def checkpoint_now(folder: OpenFolder) -> str:
    """Identity of the directories as they are, to compare with a listing's checkpoint."""
    return checkpoint_of(os.fstat(folder.new), os.fstat(folder.cur))


def checkpoint_of(new: os.stat_result, cur: os.stat_result) -> str:
    """The same of directories that were looked at already."""
    return json.dumps([[s.st_dev, s.st_ino, s.st_mtime_ns] for s in (new, cur)], separators=(",", ":"))


def examine_entry(folder: OpenFolder, entry: Entry) -> File:
    """Look at a message's file itself, not at what a link points to. Raises `OSError`."""
    return examine(folder.sub(entry.sub), entry.name)


def mark_of(file: File, folder: OpenFolder) -> str:
    """How a file is known again under another name or in another folder.

    Inode number, size and mtime alone do not tell it from another one: the next file gets the number that was freed,
    and programs set mtimes to whole seconds. With its birth they do. Where none is kept, the mark holds in this one
    folder only, by the folder's own number. There a new file that has all three from one removed since the last look
    is taken for it: nothing better is known without reading both, and one of them is gone.
    """
    common = f"{file.number}-{file.size}-{file.modified}"
    return f"{common}-{file.born}" if file.born is not None else f"{common}@{examine(folder.fd).number}"


def mark_and_size(folder: OpenFolder, entry: Entry) -> tuple[str, int | None]:
    """A file's mark, and its octets on disk where they matter to how much is held in memory at once.

    The mark of one that is gone is "".
    """
    try:
        file = examine_entry(folder, entry)
    except FileNotFoundError:
        return "", None
    return mark_of(file, folder), file.size if file.size >= HEAVY else None


def weight_of(mark: str) -> int | None:
    """The octets on disk of the file that `mark_of` marked, or marked before births were in it; else None."""
    parts = mark.split("-", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else None


def _settled(folder: OpenFolder, now: float) -> bool:
    return all(os.fstat(fd).st_mtime < now - SETTLED for fd in (folder.new, folder.cur))


def _differing(folder: OpenFolder, agreed: Mapping[Key, Flags]) -> Listing | None:
    """What is not as agreed, at little cost for what is; None when a key was met twice, and care must be taken."""
    listing = Listing()
    left, held = dict(agreed), {flags: flags & MAILDIR_FLAGS for flags in frozenset(agreed.values())}
    for sub, key, flags, item in _files(folder, listing):
        expected = left.pop(key, None)
        if expected is None and (key in agreed or key in listing.entries):
            return None
        if expected is None or flags != held[expected]:
            listing.entries[key] = Entry(sub, item.name, flags)
    for key in listing.untouchable:
        listing.entries.pop(key, None)
    listing.missing = frozenset(left)
    return listing


def _all(folder: OpenFolder, wanted: frozenset[Key] | None = None) -> Listing:
    """All files, or those of the keys `wanted`."""
    listing = Listing()
    twice: dict[Key, list[Entry]] = {}
    for sub, key, flags, item in _files(folder, listing):
        if wanted is None or key in wanted:
            entry = Entry(sub, item.name, flags)
            if key in listing.entries:
                twice.setdefault(key, [listing.entries[key]]).append(entry)
            listing.entries[key] = entry
    for key, entries in twice.items():
        _settle(listing, folder, key, entries)
    for key in listing.untouchable:
        listing.entries.pop(key, None)
    return listing


def _without_agreed(listing: Listing, agreed: Mapping[Key, Flags]) -> Listing:
    listing.missing = frozenset(agreed.keys() - listing.entries.keys())
    for key in agreed.keys() & listing.entries.keys():
        if listing.entries[key].flags == agreed[key] & MAILDIR_FLAGS:
            del listing.entries[key]
    return listing


def _files(folder: OpenFolder, listing: Listing) -> Iterator[tuple[str, Key, Flags, os.DirEntry[str]]]:
    """Subdirectory, key and flags of every regular file; what is none is untouchable, or a directory and nothing."""
    for sub in ("new", "cur"):
        with os.scandir(folder.sub(sub)) as found:
            for item in found:
                if item.name.startswith("."):
                    continue
                key, flags = names.key_and_flags(item.name)
                if item.is_file(follow_symlinks=False):
                    yield sub, key, flags, item
                elif not item.is_dir(follow_symlinks=False):
                    listing.untouchable[key] = f"{sub}/{names.printable(item.name)} is not a regular file"


def _settle(listing: Listing, folder: OpenFolder, key: Key, entries: list[Entry]) -> None:
    """A key was met more than once: one file that is being renamed, links to one file, or different files."""
    present: list[tuple[Entry, int]] = []
    for entry in entries:
        try:
            file = examine_entry(folder, entry)
        except FileNotFoundError:
            continue
        if file.regular:
            present.append((entry, file.number))
    if len({inode for _, inode in present}) > 1:
        files = " and ".join(str(entry) for entry, _ in present)
        listing.untouchable[key] = f"{files} are different messages under one name"
        listing.doubles[key] = [entry for entry, _ in present]
    elif present:
        listing.entries[key] = present[-1][0]
