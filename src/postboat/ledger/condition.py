"""Whether a ledger's file is whole, and what becomes of one that is not.

A damaged file is set aside when it is opened, and another one begun: what both sides hold is then matched anew, and
nothing is deleted. Damage found later stops the account and is written down, so that the next run sets the file aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import LedgerUnusable, Retry
from postboat.ledger.files import log_of, set_aside
from postboat.ledger.seal import Seal

if TYPE_CHECKING:
    from pathlib import Path

    from postboat.ledger.database import Transaction

FOLLOWS = "messages that are on both sides are matched anew, and none is deleted"


class Damaged(LedgerUnusable):
    """The ledger is not what was written to it."""

    def __init__(self, where: str, why: str) -> None:
        """`where` names the ledger, `why` is what SQLite or the seal says."""
        super().__init__(f"{where} is damaged ({why}): the next run sets it aside; {FOLLOWS}")
        self.retry = Retry.NEVER
        self.why = why


class Condition:
    """The condition of the ledger `path`, which is only looked at with `read_only`."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Touch nothing."""
        self._path, self._read_only = path, read_only
        self._seal = Seal(path)
        self._is_vouched_for = False
        """Whether the seal need not be put anew."""
        self._is_lifted = False
        self._is_damaged = False

    def ask_last_run(self) -> None:
        """Raise `Damaged` if a run found the file damaged, before anything in it is believed."""
        if self._seal.is_damaged:
            raise self.damaged("so the last run found")

    def check(self, connection: Transaction) -> None:
        """Raise `Damaged` unless the seal vouches for the file, or the whole of it makes sense.

        A log that is not empty was left by a run that was ended, or goes on: its file need not be as it was sealed.
        """
        if not _has_content(self._path):
            return
        if not _has_content(log_of(self._path)) and self._has_good_seal():
            return
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise self.damaged(str(found))

    def _has_good_seal(self) -> bool:
        """Whether the file, which was closed, is what was sealed. Raises `Damaged` when it is not.

        For who only looks, a run may just have begun to write to it.
        """
        self._is_vouched_for = self._seal.vouches()
        if self._is_vouched_for:
            return True
        agrees = self._seal.agrees()
        if agrees is False and not self._read_only:
            raise self.damaged("something else has written to it")
        return bool(agrees)

    def damaged(self, why: str) -> Damaged:
        """What to raise where damage shows; the next run will know of it."""
        if not self._read_only and not self._is_damaged:
            self._is_damaged = True
            self._seal.tell_damaged()
        return Damaged(f"the ledger {self._path}", why)

    def will_change(self) -> None:
        """Lift the seal: the file is about to be changed. Raises OSError."""
        if not (self._read_only or self._is_lifted):
            self._seal.lift()
            self._is_lifted, self._is_vouched_for = True, False

    def closed(self) -> None:
        """Seal the file, which was closed, unless it is as it was sealed."""
        finished = not _has_content(log_of(self._path))
        if finished and not (self._read_only or self._is_vouched_for or self._is_damaged):
            self._seal.put()

    def set_aside(self, damage: Damaged, now: float) -> str:
        """Make room for another file at `now`, in seconds since the epoch; return what to tell. Raises OSError.

        What is only looked at stays where it is.
        """
        told = f"the ledger {self._path} is damaged ({damage.why})"
        if self._read_only:
            return f"{told}: a run that may write sets it aside; {FOLLOWS}"
        goal = set_aside(self._path, now)
        self._seal.lift()
        self._is_damaged = self._is_vouched_for = False
        return f"{told} and was set aside as {goal.name}; {FOLLOWS}"


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
