"""The place of the control socket: made safely, claimed by one process, and left as it was found."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from postboat.errors import AlreadyServed, ControlUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_PATH = 107 if os.uname().sysname == "Linux" else 103
"""Octets that the name of a Unix socket may have (unix(7))."""
BACKLOG = 32


@contextmanager
def claimed(path: Path) -> Iterator[socket.socket]:
    """Listen on the Unix socket `path`, which only its owner can use, and remove it in the end.

    A socket that nobody listens on, left by a process that was killed, is replaced. Raises `AlreadyServed` when
    somebody does, and `ControlUnusable` when the place cannot be used or is not safe.
    """
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ControlUnusable(
            f"the control socket {path} has too long a name (more than {LONGEST_PATH} octets): "
            "set XDG_RUNTIME_DIR to a shorter directory of your own"
        )
    try:
        with _alone_in(path.parent):
            if _is_served(path):
                raise AlreadyServed(f"a run that goes on is at work with this configuration already ({path})")
            listening = _listening(path)
            mine = _identity(path)
    except OSError as error:
        raise ControlUnusable(f"the control socket {path} cannot be made: {error.strerror or error}") from error
    try:
        yield listening
    finally:
        listening.close()
        with suppress(OSError):
            if _identity(path) == mine:
                path.unlink()


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Make the directory, see that it is ours alone, and let no other process claim a socket in it meanwhile."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise ControlUnusable(f"{directory} belongs to another user: remove it, or set XDG_RUNTIME_DIR")
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(descriptor, 0o700)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # held for microseconds, and not beyond this process's life
        yield
    finally:
        os.close(descriptor)


def _is_served(path: Path) -> bool:
    """Whether somebody listens; asking costs nothing, as the kernel answers."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        error = asking.connect_ex(os.fsencode(path))
    if error in (0, errno.EAGAIN, errno.EINPROGRESS):
        return True
    if error in (errno.ENOENT, errno.ECONNREFUSED):
        return False
    raise OSError(error, os.strerror(error))


def _listening(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        path.unlink()
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(os.fsencode(path))
        path.chmod(0o600)  # nobody else can come this far before: the directory is ours alone
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
