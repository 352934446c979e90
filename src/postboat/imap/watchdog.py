"""How long a server may be silent while it owes an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Watchdog:
    """Calls `barks` when there was no sign of life for `timeout` seconds while `is_awaited` says that one is due."""

    def __init__(self, timeout: float, is_awaited: Callable[[], bool], barks: Callable[[], None]) -> None:
        self.timeout = timeout
        self._is_awaited, self._barks = is_awaited, barks
        self._loop = asyncio.get_running_loop()
        self._last_sign = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def sign(self) -> None:
        """Note a sign of life: octets that came, or octets of a literal that went out."""
        self._last_sign = self._loop.time()

    def watch(self) -> None:
        """Watch until nothing is awaited any more."""
        if self._timer is None:
            self._timer = self._loop.call_later(self.timeout, self._look)

    def rest(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._is_awaited():
            return
        left = self._last_sign + self.timeout - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._barks()
