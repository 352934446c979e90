"""What tells the root of the Maildirs from another directory that came to lie in its place.

An empty mount point, a disk of another machine, yesterday's snapshot: each would make mail look deleted. The root
carries a marker of the kind that folders carry, and stands on a file system that has an identity of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postboat.maildir.identity import UNMARKED, ensure_identity, read_identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = ".postboat-store"
"""The marker's name in the root."""
UNTOLD = "0"
"""What stands for the identity of a file system that has none which lasts."""
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def standing(root: Path, make: Callable[[], str], *, read_only: bool) -> str:
    """Marker and file system of the root, parted by a space; "" when it is missing, or no directory.

    The marker is made (16 hex digits from `make`) when there is none and the root can be written to; else it is
    `UNMARKED`.
    """
    try:
        fd = os.open(root, _ROOT)
    except OSError:
        return ""
    try:
        return f"{_marker(fd, make, read_only=read_only)} {file_system(fd)}"
    finally:
        os.close(fd)


def _marker(fd: int, make: Callable[[], str], *, read_only: bool) -> str:
    try:
        found = read_identity(fd, file=FILE)
        return found or (UNMARKED if read_only else ensure_identity(fd, make, file=FILE))
    except OSError:  # a disk that is full or read-only, or something odd under that name
        return UNMARKED


def file_system(fd: int) -> str:
    """The identity of the file system that an open file lies on, in hexadecimal, or `UNTOLD`.

    Some tell none (FUSE, NFS), and some tell the number of the device (XFS, FAT, macOS), which the next start of the
    machine, or another socket, gives anew.
    """
    try:
        told = os.fstatvfs(fd).f_fsid
    except OSError:
        return UNTOLD
    device = os.fstat(fd).st_dev
    major, minor = os.major(device), os.minor(device)
    as_kernel = (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
    return UNTOLD if told in (0, device, as_kernel) else f"{told:x}"
