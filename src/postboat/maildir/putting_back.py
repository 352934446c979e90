"""Moving what is in the quarantine back into its folder, as messages that nobody has seen before.

A file that is renamed keeps its inode, by which a message is known again under another name. After a run that ended
between removing a file and writing that down, the old pairing would know the file, and take it for one still to be
removed. So its time is moved by the least that the file system keeps, and it is another message. Everything here
blocks.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from postboat.errors import FolderGone
from postboat.maildir import names, system
from postboat.maildir.place import open_below
from postboat.maildir.quarantine import steps
from postboat.maildir.reader import PIECE
from postboat.maildir.shelf import CREATE, write_octets
from postboat.model import DELETED

if TYPE_CHECKING:
    from pathlib import Path

    from postboat.maildir.names import NameMaker
    from postboat.maildir.place import OpenFolder, Place
    from postboat.maildir.quarantine import Kept

_STEPS = (1_000, 1_000_000_000, 2_000_000_000)
"""By how many ns a file's time is moved: file systems keep it to the nanosecond, to the second or to two."""


def put_back(root: Path, kept: Kept, place: Place, maker: NameMaker, *, fsync: bool) -> int:
    r"""Move files from the quarantine below `root` to cur/, under new names, with their flags but \Deleted.

    Returns how many there were. Raises `FolderError`.
    """
    count = 0
    with place.open() as folder:
        try:
            source = open_below(root, "/".join([kept.batch, *steps(kept.folder)]))
        except FileNotFoundError as error:
            raise FolderGone(f"{root / kept.batch}: is gone from the quarantine") from error
        try:
            for name in kept.files:
                with suppress(FileNotFoundError):
                    count += _put_back(source, name, folder, maker.make())
            if fsync:
                os.fsync(folder.cur)
                os.fsync(source)
        finally:
            os.close(source)
    _tidy(root, kept)
    return count


def _put_back(source: int, name: str, folder: OpenFolder, unique: str) -> bool:
    file = system.examine(source, name)
    if not file.regular:
        return False
    new = _name(name, unique)
    for step in _STEPS:
        stamp = file.modified + step
        os.utime(name, ns=(stamp, stamp), dir_fd=source, follow_symlinks=False)
        if system.examine(source, name).modified != file.modified:
            break
    try:
        system.move(source, name, folder.cur, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, name, folder, unique, new)
        os.unlink(name, dir_fd=source)
    return True


def _name(name: str, unique: str) -> str:
    own, flags, others = names.parse(name)
    return names.renewed(names.in_cur(own, flags - {DELETED}, others), unique)


def _copy(source: int, name: str, folder: OpenFolder, unique: str, new: str) -> None:
    """From another file system: by the Maildir rules, durable before the file is unlinked."""
    read = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    try:
        written = os.open(unique, CREATE, 0o600, dir_fd=folder.tmp)
        try:
            while piece := os.read(read, PIECE):
                write_octets(written, piece)
            date = os.fstat(read).st_mtime_ns
            os.utime(written, ns=(date, date))
            os.fsync(written)
        except OSError:
            os.unlink(unique, dir_fd=folder.tmp)
            raise
        finally:
            os.close(written)
    finally:
        os.close(read)
    system.move(folder.tmp, unique, folder.cur, new)
    os.fsync(folder.cur)


def _tidy(root: Path, kept: Kept) -> None:
    """Remove directories that hold nothing any more."""
    path = (root / kept.batch).joinpath(*steps(kept.folder))
    with suppress(OSError):
        while path != root:
            path.rmdir()
            path = path.parent
