"""Calls of the kernel that Python does not offer. Each says whether it was there to be used."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from functools import cache
from typing import NamedTuple

_NOREPLACE = 1
_NOFOLLOW, _EMPTY_PATH = 0x100, 0x1000
_BIRTH_TIME = 0x800
_WANTED = 0x1 | 0x2 | 0x40 | 0x100 | 0x200 | _BIRTH_TIME  # type, mode, mtime, inode number, size
_STATX = struct.Struct("=I24xH2xQQ32xqI20xqI")
"""From struct statx: what it tells, mode, inode number, size, birth and mtime."""
_StatxBuffer = ctypes.c_char * 256
_SECOND = 1_000_000_000
_NOT_OFFERED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def sync_filesystem(fd: int) -> bool:
    """Make everything written to the file system of `fd` durable (syncfs(2)); False where that is not offered.

    Raises `OSError` when the disk could not take it.
    """
    libc = _libc()
    if libc is None or not hasattr(libc, "syncfs"):
        return False
    if libc.syncfs(fd) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_OFFERED:
        return False
    raise OSError(code, os.strerror(code))


class File(NamedTuple):
    """What the kernel tells of a file, as far as it matters here; two are equal when nothing of it changed."""

    number: int
    """Its inode number, which file systems give to the next file once this one is gone."""
    size: int
    """Octets."""
    modified: int
    """When its octets changed last, in ns since the epoch, or what a program pretends of that."""
    born: int | None
    """When it was created, in ns since the epoch; None where that is not kept.

    No program can set it, and neither renaming nor linking nor chmod nor touch changes it.
    """
    regular: bool
    """Whether it is neither a directory nor a link nor anything odd."""


def examine(fd: int, name: str = "") -> File:
    """Look at an open file, or at `name` itself in an open directory, by one statx(2). Raises `OSError`.

    Where statx is not offered the birth is unknown: BSDs and macOS tell one that utimes(2) moves.
    """
    statx = getattr(_libc(), "statx", None)
    if statx is None:
        return _examine_without_birth(fd, name)
    buffer = _StatxBuffer()  # a fresh one costs no more than finding one that the thread already has
    if statx(fd, os.fsencode(name), _NOFOLLOW if name else _EMPTY_PATH, _WANTED, buffer) != 0:
        code = ctypes.get_errno()
        if code in _NOT_OFFERED:
            return _examine_without_birth(fd, name)
        raise OSError(code, os.strerror(code), name or None)
    told, mode, number, size, born, born_ns, modified, modified_ns = _STATX.unpack_from(buffer)
    birth = born * _SECOND + born_ns if told & _BIRTH_TIME else 0
    return File(number, size, modified * _SECOND + modified_ns, birth or None, stat.S_ISREG(mode))


def _examine_without_birth(fd: int, name: str) -> File:
    info = os.stat(name, dir_fd=fd, follow_symlinks=False) if name else os.fstat(fd)
    return File(info.st_ino, info.st_size, info.st_mtime_ns, None, stat.S_ISREG(info.st_mode))


def move(source: int, name: str, target: int, new_name: str) -> None:
    """Rename a file from one open directory to another and never replace what is there.

    Raises `FileExistsError`, or `FileNotFoundError` when there is nothing to move.
    """
    rename = getattr(_libc(), "renameat2", None)
    if rename is not None:
        if rename(source, os.fsencode(name), target, os.fsencode(new_name), _NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _NOT_OFFERED:
            raise OSError(code, os.strerror(code), new_name)
    _link_and_unlink(source, name, target, new_name)


def _link_and_unlink(source: int, name: str, target: int, new_name: str) -> None:
    try:
        os.link(name, new_name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (*_NOT_OFFERED, errno.EMLINK):
            raise
    else:
        os.unlink(name, dir_fd=source)
        return
    # Neither way here (FAT, some network file systems): look first. Our names are unique, so the gap is harmless.
    try:
        os.stat(new_name, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name)
