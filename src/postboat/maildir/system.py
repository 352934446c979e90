"""Calls of the kernel that Python does not offer. Each says whether it was there to be used."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from functools import cache

_NOREPLACE = 1
_EMPTY_PATH, _INODE, _BIRTH_TIME = 0x1000, 0x100, 0x800
_STATX_SIZE, _INODE_AT, _BIRTH_TIME_AT = 256, 32, 80
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


def number_and_birth(fd: int) -> tuple[int, int | None]:
    """The file's inode number and when it was created, in ns since the epoch (statx(2)); None where that is not kept.

    No program can set the time, and neither chmod nor chown nor touch changes it.
    """
    libc = _libc()
    if libc is None or not hasattr(libc, "statx"):
        return os.fstat(fd).st_ino, None
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    if libc.statx(fd, b"", _EMPTY_PATH, _INODE | _BIRTH_TIME, buffer) != 0:
        return os.fstat(fd).st_ino, None
    (mask,) = struct.unpack_from("=I", buffer, 0)
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BIRTH_TIME_AT)
    (number,) = struct.unpack_from("=Q", buffer, _INODE_AT)
    return number, seconds * 1_000_000_000 + nanoseconds if mask & _BIRTH_TIME else None


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
