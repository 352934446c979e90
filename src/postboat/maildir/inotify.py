"""The words of inotify(7), and what each says of a message's file."""

from __future__ import annotations

import errno
from pathlib import Path

from postboat.maildir.sightings import Notice

_LIMITS = Path("/proc/sys/fs/inotify")
_NAME = "fs.inotify.max_user_"

MODIFY, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT, OVERFLOW, IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
ONLY_DIRECTORY, NO_LINK, NO_UNLINKED, IS_DIRECTORY = 0x1000000, 0x2000000, 0x4000000, 0x40000000

LOST = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED
"""A directory is not watched any more, or not the one that lies under its name."""
MOVED = MOVED_FROM | MOVED_TO
DIRECTORIES = CREATE | DELETE | MOVED | DELETE_SELF | MOVE_SELF | ONLY_DIRECTORY
"""What to watch for in a directory that holds others."""
FILES = DIRECTORIES | MODIFY | CLOSE_WRITE | NO_LINK | NO_UNLINKED
"""What to watch for in new/ and cur/."""

_NOTICES = (
    (MOVED_TO, Notice.CAME),
    (MOVED_FROM | DELETE, Notice.WENT),
    (CREATE, Notice.MADE),
    (CLOSE_WRITE, Notice.CLOSED),
    (MODIFY, Notice.GROWN),
)


def notice_of(mask: int) -> Notice | None:
    """What an event says of a file; None when that is nothing."""
    return next((notice for bits, notice in _NOTICES if mask & bits), None)


def refusal(error: OSError) -> str:
    """What the user can do about a call that failed; "" for nothing."""
    if error.errno == errno.ENOSPC:
        return f"the system allows no more watches ({_limit('watches')}); raise it: sysctl {_NAME}watches=524288"
    if error.errno == errno.EMFILE:
        return f"too many programs watch files ({_limit('instances')}); raise it: sysctl {_NAME}instances=1024"
    return ""


def _limit(what: str) -> str:
    try:
        return f"{_NAME}{what} is {(_LIMITS / f'max_user_{what}').read_text().strip()}"
    except OSError:
        return f"{_NAME}{what}"
