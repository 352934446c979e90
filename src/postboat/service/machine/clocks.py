"""What the clocks tell of time in which nothing could run: suspend, a stopped program, a clock that was set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

FORWARD = 10.0
"""Seconds by which a clock must be ahead of another, or a look be late, to count: less does a connection no harm."""
BACKWARD = 60.0
"""Seconds by which the wall clock must have gone back to count: it is set by small steps all the time."""


def _boot_time() -> float:
    """Read the clock that goes on in suspend; where there is none, the one that does not."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at one moment, in seconds."""

    wall: float
    boot: float
    """Goes on in suspend."""
    monotonic: float
    """Stands still in suspend, as does the event loop's."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the clocks are read, each in seconds. None alone tells what happened: they show each other up."""

    wall: Callable[[], float] = time.time
    boot: Callable[[], float] = _boot_time
    monotonic: Callable[[], float] = time.monotonic

    def read(self) -> Reading:
        """Look at all of them."""
        return Reading(self.wall(), self.boot(), self.monotonic())


def away(before: Reading, now: Reading, planned: float) -> float | None:
    """How many seconds were lost between two looks meant to be `planned` seconds apart; None: none to speak of.

    0.0 means that the wall clock was set back: no time was lost, but moments that were reckoned by it are void.
    """
    ran = now.monotonic - before.monotonic
    suspended = now.boot - before.boot - ran
    stepped = now.wall - before.wall - ran
    stopped = ran - planned
    if max(suspended, stepped, stopped) > FORWARD:
        return max(suspended, stepped, 0.0) + max(stopped, 0.0)
    return 0.0 if stepped < -BACKWARD else None
