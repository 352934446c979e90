"""A recorded run as a face sees it: what it wrote with `--json`, or what `status --follow --format json` told of it."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

from postboat.errors import ConfigError
from postboat.events import ServiceStarted
from postboat.status import ServiceStatus
from postboat.ui.link import Answered, Happened, Snapshot
from postboat.ui.links.inbox import Inbox
from postboat.ui.links.ndjson import time_of, told
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postboat.ui.link import Line

    Moment = tuple[float | None, Snapshot | Happened]
    """When something was told, if that is known, and what."""

LONGEST_PAUSE = 2.0
"""Seconds in which nothing happens on the screen; what took longer is passed over."""
LONGEST_LINE = 8 * 1024 * 1024
"""Octets; longer ones are no line of ours."""
FOREIGN = 10_000
"""Lines at the beginning that may be no lines of ours, before the file is none."""
FOREIGN_OCTETS = 8 * LONGEST_LINE
"""Octets, likewise."""
SLOWEST, FASTEST = 1 / 16, 1024.0


class Recording:
    """`ui.link.Recorded`, played from a file by the times in it. Raises `ConfigError` when it is no recording."""

    owned, replay = False, True

    def __init__(self, path: Path, speed: float = 1.0) -> None:
        self.manner = Manner(many_accounts=True)
        self._changed = threading.Condition()
        self._inbox = Inbox()
        self._closed = False
        self.speed, self.halted, self.ended = speed, False, False
        try:
            self._file: BinaryIO = path.expanduser().open("rb")
            self._moments = _moments(self._file)
            began, first = _first(self._moments, path)
        except OSError as error:
            self._inbox.close()
            raise ConfigError([f"{path}: {error.strerror or error}"]) from error
        except ConfigError:
            self._file.close()
            self._inbox.close()
            raise
        self.goes_on = isinstance(first, Snapshot) or isinstance(first.event, ServiceStarted)
        self._then, self._since = began, time.monotonic()
        threading.Thread(target=self._play, args=(began, first, path), name="replay", daemon=True).start()

    def now(self) -> float:
        """Seconds since the epoch, as they were then."""
        with self._changed:
            return self._now()

    def fileno(self) -> int:
        """A descriptor that is readable when `take` has something to give."""
        return self._inbox.fileno()

    def take(self) -> list[Line]:
        """All that came since the last time."""
        return self._inbox.take()

    def ask(self, do: str, **facts: object) -> int:
        """Refuse: what is over cannot be asked."""
        self._inbox.add(Answered(0, "this is a recording"))
        return 0

    def answer(self, number: int, text: str | None) -> None:
        """Do nothing: a recording has no questions."""

    def close(self) -> None:
        """Stop playing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._inbox.close()

    # How it plays

    def halt(self) -> None:
        """Stand still, or go on."""
        with self._changed:
            if not self.ended:
                self._set_clock(self._now())
                self.halted = not self.halted
                self._changed.notify_all()

    def faster(self) -> None:
        """Play at twice the speed."""
        self._go(min(FASTEST, self.speed * 2))

    def slower(self) -> None:
        """Play at half the speed."""
        self._go(max(SLOWEST, self.speed / 2))

    def _go(self, speed: float) -> None:
        with self._changed:
            self._set_clock(self._now())
            self.speed = speed
            self._changed.notify_all()

    def _now(self) -> float:
        return self._then if self.halted else self._then + (time.monotonic() - self._since) * self.speed

    def _set_clock(self, then: float) -> None:
        self._then, self._since = then, time.monotonic()

    def _play(self, began: float, first: Snapshot | Happened, path: Path) -> None:
        if isinstance(first, Happened):  # it begins with nothing, as a run does
            self._inbox.put(Snapshot(ServiceStatus(os.getpid(), "", began, str(path))))
        self._inbox.put(first)
        with self._file:
            for when, line in self._moments:
                if when is not None and not self._wait_until(when):
                    return
                if not self._inbox.put(line):
                    return
        with self._changed:
            self._set_clock(self._now())
            self.halted = self.ended = True

    def _wait_until(self, when: float) -> bool:
        """Wait until the recorded time is come, but never long; False when nobody looks any more."""
        with self._changed:
            slept = 0.0
            while not self._closed:
                left = (when - self._now()) / self.speed
                if not self.halted and (left <= 0 or slept >= LONGEST_PAUSE):
                    if left > 0:
                        self._set_clock(when)
                    return True
                before = time.monotonic()
                self._changed.wait(None if self.halted else min(left, LONGEST_PAUSE - slept))
                slept += time.monotonic() - before if not self.halted else 0.0
            return False


def _first(moments: Iterator[Moment], path: Path) -> tuple[float, Snapshot | Happened]:
    """What it begins with, and when. Raises `ConfigError` when there is nothing in it."""
    for when, line in moments:
        if when is None and isinstance(line, Snapshot):
            status = line.status
            when = max([status.started, *(account.since for account in status.accounts.values())])
        if when is not None:
            return when, line
    raise ConfigError(
        [
            f"{path}: there is no line in it that Postboat wrote as JSON",
            "record a run with `postboat --json > FILE` or `postboat status --follow --format json > FILE`",
        ]
    )


def _moments(file: BinaryIO) -> Iterator[Moment]:
    """What lines of the file tell. Others are passed over, but not without end when there is nothing else."""
    found = foreign = octets = 0
    while text := file.readline(LONGEST_LINE):
        if moment := _moment(text):
            found += 1
            yield moment
        else:
            foreign, octets = foreign + 1, octets + len(text)
            if not found and (foreign > FOREIGN or octets > FOREIGN_OCTETS):
                return


def _moment(text: bytes) -> Moment | None:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    line = told(facts) if isinstance(facts, dict) else None
    if line is None:
        return None
    if isinstance(line, Happened):
        return line.when, line
    try:
        return time_of(facts), line
    except (KeyError, TypeError, ValueError, OverflowError):
        return None, line
