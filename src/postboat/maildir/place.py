"""Where a Maildir lies, and how it is opened so that nothing done through it can land elsewhere."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from postboat.errors import FolderError, FolderGone, StoreMissing
from postboat.maildir.layout import SUBDIRECTORIES
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Told = Callable[[int, int], object]
    """Hears, in the thread that works, how much of long work is done, of how much."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
BELOW = _DIRECTORY | os.O_NOFOLLOW
"""How a directory below the root is opened: never through a symbolic link."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory below a root of the user's choice. The root may be a symbolic link, nothing below it may be."""

    root: Path
    directory: str
    """Relative to the root, steps parted by `/`; "" is the root itself."""

    @property
    def path(self) -> Path:
        """For texts and for tests; work goes through `open`."""
        return self.root / self.directory

    def exists(self) -> bool:
        """Whether there is a Maildir. Raises `FolderError` for anything odd."""
        try:
            with self.open():
                return True
        except (FolderGone, StoreMissing):
            return False

    @contextmanager
    def open(self) -> Iterator[OpenFolder]:
        """Hold the Maildir's directories open.

        Raises `StoreMissing` without a root, `FolderGone` without the folder, `FolderError` for anything odd. So do
        errors of the operating system that the body lets through.
        """
        opened: list[int] = []
        try:
            with told_apart(self.path):
                opened.append(open_below(self.root, self.directory))
                opened += [os.open(name, BELOW, dir_fd=opened[0]) for name in SUBDIRECTORIES]
                yield OpenFolder(self.path, *opened)
        finally:
            for fd in opened:
                os.close(fd)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A Maildir and its three directories as descriptors."""

    path: Path
    fd: int
    cur: int
    new: int
    tmp: int

    def sub(self, name: str) -> int:
        """The descriptor of `new` or `cur`."""
        return self.new if name == "new" else self.cur


def open_below(root: Path, directory: str) -> int:
    """Open a directory step by step from the root, following no symbolic link. Raises `OSError`, `StoreMissing`."""
    try:
        fd = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        raise StoreMissing(f"{root}: is missing; if it lies on another disk, is that mounted?") from None
    for step in directory.split("/") if directory else ():
        above = fd
        try:
            if step in ("", ".", ".."):
                raise OSError(errno.EINVAL, "is not a place below the root")
            fd = os.open(step, BELOW, dir_fd=above)
        finally:
            os.close(above)
    return fd


@contextmanager
def told_apart(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into the folder's own."""
    try:
        yield
    except OSError as error:
        raise folder_error(error, path) from error


def folder_error(error: OSError, path: Path) -> FolderError:
    """What an error of the operating system means to a folder."""
    code = error.errno
    if code == errno.ENOENT:
        return FolderGone(f"{path}: the folder, or one of its cur, new and tmp, is gone")
    if code in (errno.ENOSPC, errno.EDQUOT):
        return FolderError(f"{path}: the disk is full; make room and sync again")
    if code in (errno.ELOOP, errno.ENOTDIR):
        return FolderError(f"{path}: is, or contains as cur, new or tmp, a symbolic link or a file; it is left alone")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FolderError(f"{path}: {error.strerror}; Postboat needs to read and write there")
    return FolderError(f"{path}: {error.strerror or error}")


def untold(done: int, of: int) -> None:
    """Tell nobody how far long work has come."""
