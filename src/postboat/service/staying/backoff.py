"""How long to wait before the next attempt. Pure: clock and chance come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Waits twice as long after each failure, up to `longest` seconds, until all went well for `healthy` seconds.

    `chance` gives a number from 0 to 1. It shortens each wait by up to a half: many clients of a server that comes
    back must not come back together.
    """

    def __init__(self, first: float, longest: float, healthy: float, chance: Callable[[], float]) -> None:
        self._first, self._longest, self._healthy, self._chance = first, longest, healthy, chance
        self._failures = 0
        self._well_since: float | None = None

    @property
    def failures(self) -> int:
        """How many there were in a row."""
        return self._failures

    def succeeded(self, now: float) -> None:
        """Note that all is well."""
        if self._well_since is None:
            self._well_since = now

    def failed(self, now: float) -> float:
        """Note a failure; returns when to try again, on the clock of `now` (seconds)."""
        if self._well_since is not None and now - self._well_since >= self._healthy:
            self._failures = 0
        self._well_since = None
        self._failures += 1
        pause = min(self._longest, self._first * 2.0 ** min(self._failures - 1, 30))
        return now + pause * (1 - self._chance() / 2)

    def forget(self) -> None:
        """Begin anew: something happened that makes failures of before meaningless, such as another network."""
        self._failures, self._well_since = 0, None
