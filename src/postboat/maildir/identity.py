"""The identifier that a Maildir carries in `.postboat-id`: while it stays, its keys name the same messages.

A copy of a folder (a backup put back, `cp -r`, `rsync`) carries the same file, and holds the mail of another day. So
the identity is the identifier with the file's inode number and the time of its birth: moving or renaming the folder,
chmod, chown and touch change neither, and no program that copies can set them. The number alone would not do, since
file systems give a freed one to the next file. Where a file system keeps no time of birth, that of the last change
stands in for it.

A program that puts a backup back into a folder that is there (`rsync --delete`) leaves alone what is as large and as
old as in the backup. So whenever messages come, the file is made as new as they are: it is then replaced as they are
removed, and the identity with it. Else what came since the backup would look as if its user had deleted it.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from postboat.errors import FolderError
from postboat.maildir.system import examine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from postboat.maildir.place import OpenFolder, Place

UNMARKED = "unmarked"
"""Identity of a folder that has no identifier and may not be given one."""
FILE = ".postboat-id"
_VALID = re.compile(r"[0-9a-f]{16}")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_identity(fd: int, directory: str = "", *, file: str = FILE) -> str:
    """The identity of the folder open as `fd`, or in `directory` (with its slash) below that.

    It is "" when the folder has no identifier, or none that is ours. Raises `OSError`.
    """
    try:
        fd = os.open(directory + file, _READ, dir_fd=fd)
    except FileNotFoundError:
        return ""
    try:
        text = os.read(fd, 64).decode("ascii", "replace").strip()
        found = examine(fd)
        born = found.born or os.fstat(fd).st_ctime_ns
    finally:
        os.close(fd)
    return f"{text}-{found.number}-{born}" if _VALID.fullmatch(text) else ""


def ensure_identity(fd: int, make: Callable[[], str], *, file: str = FILE) -> str:
    """The identity of the folder open as `fd`, made durably (16 hex digits from `make`) when it has none.

    Raises `OSError`.
    """
    found = read_identity(fd, file=file)
    if found:
        return found
    made = make()
    draft = f"{file}.{made}"
    written = os.open(draft, _CREATE, 0o600, dir_fd=fd)
    try:
        os.write(written, made.encode("ascii") + b"\n")
        os.fsync(written)
    finally:
        os.close(written)
    os.rename(draft, file, src_dir_fd=fd, dst_dir_fd=fd)
    os.fsync(fd)
    return read_identity(fd, file=file)  # only now: the renaming was its last change


class SameFolder:
    """A place that only opens on the folder that was `expected` there, once something is.

    Between two looks another folder may be put in its place, and what the first one held would count as deleted.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.expected: str | None = None
        self.is_newer = False
        """Whether it was made to differ from its copies."""

    @property
    def path(self) -> Path:
        """Where the folder lies."""
        return self._place.path

    @contextmanager
    def open(self) -> Iterator[OpenFolder]:
        """As `Place.open`; raises `FolderError` too when another folder lies there now."""
        with self._place.open() as folder:
            if self.expected is not None and (read_identity(folder.fd) or UNMARKED) != self.expected:
                raise FolderError(
                    f"{self.path}: was replaced by another folder during the sync; nothing was changed in it"
                )
            yield folder

    def outdate_copies(self) -> None:
        """Make the identifier's file newer than all copies of it, where the disk allows it.

        Where the time of the last change is part of the identity, nothing is done.
        """
        with self.open() as folder, suppress(OSError):
            self.is_newer = True
            if examine(folder.fd, FILE).born is not None:
                os.utime(FILE, dir_fd=folder.fd, follow_symlinks=False)
