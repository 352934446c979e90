"""One run at a time works on an account: an advisory lock that dies with its holder.

The lock is the kernel's (flock), not the file's existence, so a run that was killed leaves none behind. The file stays
where it is: whoever removed it could remove it from under another run that just opened it.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.errors import LedgerLocked, LedgerUnusable
from postboat.ledger.files import make_private

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_POLL_SECONDS = 0.2
_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


@asynccontextmanager
async def lock_account(path: Path, *, wait: bool = False) -> AsyncIterator[None]:
    """Hold the lock `path` (`files.lock_file`) inside the block.

    When another run holds it, waits for it (`wait`; can be cancelled) or raises `LedgerLocked`. Raises
    `LedgerUnusable` when the file cannot be made or locked. A dry run writes nothing and needs no lock.
    """
    descriptor = _open(path)
    try:
        while not _try_lock(descriptor, path):
            if not wait:
                raise LedgerLocked(_held_by(descriptor))
            await asyncio.sleep(_POLL_SECONDS)
        _write_holder(descriptor, f"{os.getpid()}\n")
        try:
            yield
        finally:
            _write_holder(descriptor, "")
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        make_private(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerUnusable(f"the lock {path} cannot be opened: {error.strerror}") from error


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise LedgerUnusable(f"the lock {path} cannot be taken: {error.strerror}") from error
    return True


def _write_holder(descriptor: int, text: str) -> None:
    """Tell who holds the lock. For people only: a full disk must not matter."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError:
        pass


def _held_by(descriptor: int) -> str:
    pid = os.pread(descriptor, 32, 0).strip()
    who = f" (process {pid.decode()})" if pid.isdigit() else ""
    return f"another run of Postboat{who} is at work on this account"


async def unlocked(path: Path) -> None:
    """Return when nobody else has the lock, for a moment at least. Raises as `lock_account`."""
    async with lock_account(path, wait=True):
        pass
