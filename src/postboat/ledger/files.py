"""Where an account's ledger, lock and quarantine lie. Names of accounts become file names reversibly."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count
from typing import TYPE_CHECKING
from urllib.parse import quote

from postboat.model import Side

if TYPE_CHECKING:
    from pathlib import Path


def ledger_file(metadata: Path, account: str) -> Path:
    """The account's ledger in the directory `metadata`."""
    return metadata / f"{_file_name(account)}.ledger"


def lock_file(metadata: Path, account: str) -> Path:
    """The account's lock in the directory `metadata`."""
    return metadata / f"{_file_name(account)}.lock"


def quarantine_directory(metadata: Path, account: str, side: Side = Side.LOCAL) -> Path:
    """Where messages removed from a side of the account are kept, in the directory `metadata`."""
    return metadata / ("quarantine" if side is Side.LOCAL else "quarantine-remote") / _file_name(account)


def spool_directory(metadata: Path) -> Path:
    """Where large messages pass through on their way from one server to another, in the directory `metadata`."""
    return metadata / "spool"


def log_of(ledger: Path) -> Path:
    """SQLite's log of what is not in the ledger's file yet; there is none once the file was closed."""
    return ledger.with_name(f"{ledger.name}-wal")


def index_of(ledger: Path) -> Path:
    """SQLite's index of the log."""
    return ledger.with_name(f"{ledger.name}-shm")


def set_aside(ledger: Path, now: float) -> Path:
    """Rename a damaged ledger, with what SQLite keeps beside it, to a name that tells the UTC time `now`; return it.

    Raises OSError.
    """
    name = f"{ledger.name}.damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    endings = chain([""], (f"-{number}" for number in count(2)))
    goal = next(path for ending in endings if not (path := ledger.with_name(name + ending)).exists())
    for source, target in ((log_of(ledger), log_of(goal)), (index_of(ledger), index_of(goal)), (ledger, goal)):
        with suppress(FileNotFoundError):
            source.rename(target)
    return goal


def make_private(directory: Path) -> None:
    """Create a directory that only its owner can enter; one that exists keeps its mode. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def sync_directory(directory: Path) -> None:
    """Make durable which files are in a directory. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_name(account: str) -> str:
    name = quote(account, safe=" @+=,", errors="surrogateescape")
    return "%2E" + name[1:] if name.startswith(".") else name
