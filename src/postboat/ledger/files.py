"""Where an account's ledger, lock and quarantine lie. Names of accounts become file names reversibly."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path


def ledger_file(metadata: Path, account: str) -> Path:
    """The account's ledger in the directory `metadata`."""
    return metadata / f"{_file_name(account)}.ledger"


def lock_file(metadata: Path, account: str) -> Path:
    """The account's lock in the directory `metadata`."""
    return metadata / f"{_file_name(account)}.lock"


def quarantine_directory(metadata: Path, account: str) -> Path:
    """Where messages removed from the account's Maildirs are kept, in the directory `metadata`."""
    return metadata / "quarantine" / _file_name(account)


def make_private(directory: Path) -> None:
    """Create a directory that only its owner can enter; one that exists keeps its mode. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _file_name(account: str) -> str:
    name = quote(account, safe=" @+=,", errors="surrogateescape")
    return "%2E" + name[1:] if name.startswith(".") else name
