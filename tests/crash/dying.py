"""Runs Postboat and signals it at one chosen moment: `python dying.py SIGNAL MOMENT COUNTED [options of postboat]`.

SIGKILL ends it there and then; SIGTERM asks it to stop. A moment is each time just before something gets effective, or known: before a call that changes the disk, before a
transaction begins or ends, before octets are sent, before octets that came are looked at. MOMENT 0 never comes; how
many moments there were is written to the file COUNTED then.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postboat.cli.main import main
from postboat.imap.connection import Connection
from postboat.maildir import system

if TYPE_CHECKING:
    from collections.abc import Callable

DISK = (
    "write",
    "pwrite",
    "ftruncate",
    "fsync",
    "fchmod",
    "chmod",
    "unlink",
    "mkdir",
    "rename",
    "replace",
    "link",
    "utime",
)
TRANSACTIONS = ("BEGIN IMMEDIATE", "COMMIT", "PRAGMA journal_mode")


class Death:
    """Counts moments and strikes at one of them."""

    def __init__(self, number: int, moment: int) -> None:
        self._signal, self._moment = number, moment
        self._numbers = itertools.count(1)
        self.passed = 0

    def may_strike(self) -> None:
        """Let a moment pass, or not."""
        self.passed = next(self._numbers)
        if self.passed == self._moment:
            os.kill(os.getpid(), self._signal)

    def lurks_everywhere(self) -> None:
        """Make every moment one at which something gets effective, or known."""
        for name in DISK:
            self.lurks_in(os, name)
        for name in ("move", "sync_filesystem"):
            self.lurks_in(system, name)
        for name in ("_write", "_received"):
            self.lurks_in(Connection, name)
        self.lurks_in_creations()
        self.lurks_in_transactions()

    def lurks_in(self, owner: Any, name: str) -> None:
        """Make every call of `owner.name` a moment."""
        original: Callable[..., Any] = getattr(owner, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            self.may_strike()
            return original(*args, **kwargs)

        setattr(owner, name, called)

    def lurks_in_creations(self) -> None:
        """Make every file's creation a moment."""
        original = os.open

        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_CREAT:
                self.may_strike()
            return original(path, flags, *args, **kwargs)

        os.open = opened

    def lurks_in_transactions(self) -> None:
        """Make the beginning and the end of every transaction that writes a moment."""
        original = sqlite3.connect

        def traced(statement: str) -> None:
            if statement.startswith(TRANSACTIONS):
                self.may_strike()

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection = original(*args, **kwargs)
            connection.set_trace_callback(traced)
            return connection

        sqlite3.connect = connect


def run(number: int, moment: int, counted: Path, words: list[str]) -> int:
    """Run Postboat with death about."""
    death = Death(number, moment)
    death.lurks_everywhere()
    code = main(words)
    if not moment:
        counted.write_text(str(death.passed))
    return code


if __name__ == "__main__":
    sys.exit(run(signal.Signals[sys.argv[1]], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
