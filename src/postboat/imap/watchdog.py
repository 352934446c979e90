"""How long a server may be silent while it owes an answer, and how slowly it may send one."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


SLOWEST = 1024
"""Octets a second that a response must bring once it began, on the average of `SPAN` timeouts."""
SPAN = 5
FRUITLESS = 30
"""Timeouts for which a server may say that it is still at it (`* OK Still here`) without telling anything."""

PROMPT = 10.0
"""Seconds that a server gets for a sign of life when there is reason to doubt that it lives."""


class Watchdog:
    """Calls `barks` with what is wrong when the server lets us wait in vain while `is_awaited` says that it owes us.

    That is so when nothing came for `timeout` seconds, and much later when what comes is of no use.
    """

    def __init__(self, timeout: float, is_awaited: Callable[[], bool], barks: Callable[[str], None]) -> None:
        self.timeout = timeout
        self._is_awaited, self._barks = is_awaited, barks
        self._loop = asyncio.get_running_loop()
        self._last_sign = self._last_fruit = 0.0
        self._begun: float | None = None
        """When the response began that is on its way, or the span that is measured."""
        self._came = 0
        """Octets of it since then."""
        self._timer: asyncio.TimerHandle | None = None
        self._within = inf

    @property
    def _limit(self) -> float:
        return min(self._within, self.timeout)

    def doubt(self, within: float) -> None:
        """Wait only so many seconds, counted from now, until octets come; then as long as ever."""
        self._within = within
        self.begin()
        self.rest()
        self.watch()

    def sign(self) -> None:
        """Note a sign of life: octets that came, or octets of a literal that went out."""
        self._last_sign = self._loop.time()

    def begin(self) -> None:
        """Note that the server cannot be blamed for anything yet: it is asked now, or was held up until now."""
        self._last_sign = self._last_fruit = self._loop.time()
        self._begun = None

    def came(self, octets: int, *, midway: bool, fruitful: bool) -> None:
        """Note octets that came, whether they leave a response unfinished, and whether they told anything."""
        now = self._last_sign = self._loop.time()
        self._within = inf
        if fruitful:
            self._last_fruit = now
        self._came += octets
        if self._begun is None or not midway:
            self._begun, self._came = now if midway else None, 0
        elif now - self._begun > SPAN * self.timeout:
            if self._came < SLOWEST * SPAN * self.timeout:
                self._barks(f"{self._came} octets of an answer in {now - self._begun:.0f} s")
            self._begun, self._came = now, 0

    def watch(self) -> None:
        """Watch until nothing is awaited any more."""
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit, self._look)

    def rest(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._is_awaited():
            return
        now = self._loop.time()
        left = self._last_sign + self._limit - now
        if left <= 0:
            self._barks(f"no answer for {self._limit:g} s")
        elif now - self._last_fruit > FRUITLESS * self.timeout:
            self._barks(f"no answer for {FRUITLESS * self.timeout:g} s but words that tell nothing")
        else:
            self._timer = self._loop.call_later(left, self._look)
