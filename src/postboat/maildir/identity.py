"""The identifier that a Maildir carries in `.postboat-id`: while it stays, its keys name the same messages.

A copy of a folder (a backup put back, `cp -r`, `rsync`) carries the same file, and holds the mail of another day. So
the identity is the identifier with the file's inode number and the time of its last change: moving or renaming the
folder changes neither, and no program that copies can set them. The number alone would not do, since file systems
give a freed one to the next file.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.maildir.place import OpenFolder

FILE = ".postboat-id"
_VALID = re.compile(r"[0-9a-f]{16}")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_identity(folder: OpenFolder) -> str:
    """The folder's identity; "" when it has no identifier, or none that is ours. Raises `OSError`."""
    try:
        fd = os.open(FILE, _READ, dir_fd=folder.fd)
    except FileNotFoundError:
        return ""
    try:
        text = os.read(fd, 64).decode("ascii", "replace").strip()
        info = os.fstat(fd)
    finally:
        os.close(fd)
    return f"{text}-{info.st_ino}-{info.st_ctime_ns}" if _VALID.fullmatch(text) else ""


def ensure_identity(folder: OpenFolder, make: Callable[[], str]) -> str:
    """The folder's identity, its identifier made durably (16 hex digits from `make`) when it has none.

    Raises `OSError`.
    """
    found = read_identity(folder)
    if found:
        return found
    made = make()
    draft = f"{FILE}.{made}"
    fd = os.open(draft, _CREATE, 0o600, dir_fd=folder.fd)
    try:
        os.write(fd, made.encode("ascii") + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(draft, FILE, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    os.fsync(folder.fd)
    return read_identity(folder)  # only now: the renaming was its last change
