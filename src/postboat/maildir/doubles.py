"""Different messages under one unique name, as `cp` within a folder makes them: all but one get a name of their own.

Otherwise one would hide the other. Everything here blocks.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from postboat.maildir import names, system
from postboat.maildir.scan import examine_entry, mark_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.scan import Entry
    from postboat.maildir.system import File
    from postboat.model import Key


def separate(
    folder: OpenFolder,
    doubles: Mapping[Key, Sequence[Entry]],
    marks: Mapping[Key, str],
    make: Callable[[], str],
    *,
    fsync: bool,
) -> None:
    """Rename files until each key is of one: the one that was agreed on, by its mark, else the oldest.

    What another program renames meanwhile is left to the next look. Raises `OSError`.
    """
    for key, entries in doubles.items():
        files: list[tuple[Entry, File]] = []
        for entry in entries:
            with suppress(FileNotFoundError):
                files.append((entry, examine_entry(folder, entry)))
        files.sort(key=lambda found: (mark_of(found[1], folder) != marks.get(key), *_age(found[1]), found[0].name))
        for entry, _ in files[1:]:
            sub = folder.sub(entry.sub)
            with suppress(FileNotFoundError, FileExistsError):
                system.move(sub, entry.name, sub, names.renewed(entry.name, make()))
    for fd in (folder.new, folder.cur) if fsync else ():
        os.fsync(fd)


def _age(file: File) -> tuple[int, int]:
    return file.born or 0, file.modified
