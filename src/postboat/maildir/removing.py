"""Removing a folder: only what makes it a Maildir, and only when there is no mail in it.

What other programs keep beside the mail stays, and so do folders below it: the directory is then no Maildir any more.

Everything here blocks.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from postboat.errors import StoreMissing
from postboat.maildir.identity import FILE as IDENTITY
from postboat.maildir.layout import SUBDIRECTORIES
from postboat.maildir.place import BELOW, folder_error, open_below

if TYPE_CHECKING:
    from pathlib import Path

_OURS = (IDENTITY, "maildirfolder")
_EMPTIED = ("tmp", "new", "cur")
"""The order in which directories go: without tmp/ nobody can deliver any more, and so the others stay empty."""


class Removal(NamedTuple):
    """What became of a folder that was to be removed."""

    is_gone: bool
    rest: str = ""
    """Why it is left as it was, or what is left of one that is gone; "" when nothing is."""


def remove_folder(root: Path, directory: str) -> Removal:
    """Remove a folder's directories. Raises `FolderError`."""
    above, _, last = directory.rpartition("/")
    try:
        opened = [open_below(root, above)]
    except (FileNotFoundError, StoreMissing):
        return Removal(is_gone=True)
    except OSError as error:
        raise folder_error(error, root / above) from error
    try:
        opened.append(os.open(last, BELOW, dir_fd=opened[0]))
        if mail := _mail(opened[1]):
            return Removal(is_gone=False, rest=mail)
        return _remove(opened[0], opened[1], last)
    except FileNotFoundError:
        return Removal(is_gone=True)
    except OSError as error:
        raise folder_error(error, root / directory) from error
    finally:
        for fd in opened:
            os.close(fd)


def disown(root: Path, directory: str) -> None:
    """Take a folder's identifier away. Raises `OSError`, `StoreMissing`."""
    fd = open_below(root, directory)
    try:
        os.unlink(IDENTITY, dir_fd=fd)
    finally:
        os.close(fd)


def _mail(folder: int) -> str:
    """Which directory of the Maildir holds anything, in words; "" when none does."""
    for name in SUBDIRECTORIES:
        with suppress(FileNotFoundError):
            fd = os.open(name, BELOW, dir_fd=folder)
            try:
                if _names(fd):
                    return f"{name}/ is not empty"
            finally:
                os.close(fd)
    return ""


def _names(fd: int) -> set[str]:
    with os.scandir(fd) as entries:
        return {entry.name for entry in entries}


def _remove(above: int, folder: int, name: str) -> Removal:
    removed: list[str] = []
    try:
        for part in _EMPTIED:
            with suppress(FileNotFoundError):
                os.rmdir(part, dir_fd=folder)
                removed.append(part)
    except OSError as error:
        for part in removed:
            os.mkdir(part, 0o700, dir_fd=folder)
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return Removal(is_gone=False, rest="mail came meanwhile")
        raise
    for file in _OURS:
        with suppress(FileNotFoundError):
            os.unlink(file, dir_fd=folder)
    os.fsync(folder)
    try:
        os.rmdir(name, dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return Removal(is_gone=True, rest=f"it contains {min(_names(folder), default='something')!r}")
    os.fsync(above)
    return Removal(is_gone=True)
