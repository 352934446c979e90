"""A look at a few files of a folder, of which events told, instead of a listing of all.

What is not certain is not decided here: None sends the caller to a look at everything. Everything here blocks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postboat.maildir import names
from postboat.maildir.compare import Difference, pick
from postboat.maildir.scan import Entry, examine_entry, mark_of
from postboat.model import MAILDIR_FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.system import File
    from postboat.maildir.touched import Spot, Touched
    from postboat.model import Flags, Key


def look_at(
    folder: OpenFolder, touched: Touched, base: Mapping[Key, Flags], marks: Mapping[Key, str]
) -> tuple[Difference, dict[Key, Entry]] | None:
    """How the touched files differ from `base`, which holds what was agreed on of them, and where each is.

    What is gone by the last event, and from every place where it was seen, is proved to be gone by a listing of names:
    whoever removes a message here removes it on the server. What is there must be the file of that mark, since a
    second one may have come to bear its name. Raises `OSError`.
    """
    found: dict[Key, Entry] = {}
    gone: set[Key] = set()
    for key, spots in touched.spots.items():
        present = [seen for spot in spots if (seen := _look_at(folder, spot)) is not None]
        if len(present) > 1 or not all(file.regular for _, file in present):
            return None
        if present:
            ((found[key], file),) = present
            if key in base and not (
                mark_of(file, folder) == marks.get(key) and _is_only_one(found[key], spots, base[key])
            ):
                return None
        elif any(spots.values()):
            return None  # it was moved on: the event that tells where to is yet to come
        elif key in base:
            gone.add(key)
    if gone and not _are_absent(folder, frozenset(gone)):
        return None
    return pick(found, base, frozenset(gone)), found


def _look_at(folder: OpenFolder, spot: Spot) -> tuple[Entry, File] | None:
    sub, name = spot
    entry = Entry(sub, name, names.key_and_flags(name)[1])
    try:
        return entry, examine_entry(folder, entry)
    except FileNotFoundError:
        return None


def _is_only_one(entry: Entry, spots: Mapping[Spot, bool], agreed: Flags) -> bool:
    """Whether the file has no other name in the folder: the one it had was seen to go, or nothing about it changed."""
    return entry.flags == agreed & MAILDIR_FLAGS or any(not there for there in spots.values())


def _are_absent(folder: OpenFolder, keys: frozenset[Key]) -> bool:
    """Whether no name in the folder is of one of `keys`. new/ comes first, as in `scan.list_folder`."""
    for sub in ("new", "cur"):
        with os.scandir(folder.sub(sub)) as found:
            if any(names.key_and_flags(item.name)[0] in keys for item in found):
                return False
    return all(os.fstat(fd).st_nlink for fd in (folder.new, folder.cur))
