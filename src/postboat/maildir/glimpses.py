"""What can be told of folders without opening them: six calls of the system each, since there may be hundreds.

Symbolic links on the way to a folder are not looked for, unlike in `place`. Nothing is written here, and an identity
and times that are those of a folder known before can only be its own, wherever they were found.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from postboat.maildir.identity import UNMARKED, read_identity
from postboat.maildir.scan import checkpoint_of
from postboat.model import Glimpse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from postboat.model import FolderName

_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def glimpses(root: Path, directories: Mapping[FolderName, str], *, read_only: bool) -> dict[FolderName, Glimpse]:
    """What the folders in these directories below `root` show; those that cannot be read are left out."""
    found: dict[FolderName, Glimpse] = {}
    try:
        fd = os.open(root, _ROOT)
    except OSError:
        return found
    try:
        for name, directory in directories.items():
            try:
                found[name] = _glimpse(fd, f"{directory}/" if directory else "", read_only=read_only)
            except OSError:
                continue
    finally:
        os.close(fd)
    return found


def _glimpse(root: int, directory: str, *, read_only: bool) -> Glimpse:
    """Raise `OSError` for what is no Maildir, or none that may be read."""
    new, cur = (os.stat(directory + sub, dir_fd=root, follow_symlinks=False) for sub in ("new", "cur"))
    if not (stat.S_ISDIR(new.st_mode) and stat.S_ISDIR(cur.st_mode)):
        raise NotADirectoryError
    validity = read_identity(root, directory)
    return Glimpse(validity or (UNMARKED if read_only else ""), checkpoint_of(new, cur))
