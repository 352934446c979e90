"""Tells how far work on an account has come that is no sync, as often as a person can read it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from postboat.events import StepReached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postboat.events import Publish

EVERY = 0.1
"""Seconds between two tellings of the same step."""


class Steps:
    """The steps of work on one account. Made on the loop to which `publish` belongs."""

    def __init__(self, account: str, publish: Publish, clock: Callable[[], float] = time.monotonic) -> None:
        self._account, self._publish, self._clock = account, publish, clock
        self._loop = asyncio.get_running_loop()
        self._step, self._told = "", 0.0

    def reach(self, step: str, done: int = 0, of: int = 0) -> None:
        """Tell that the work has come to this, if it is a step that was not told or the last telling is long ago."""
        now = self._clock()
        if step != self._step or now - self._told >= EVERY:
            self._step, self._told = step, now
            self._publish(StepReached(self._account, step, done, of))

    def begun(self, step: str) -> Callable[[int, int], None]:
        """Tell of a step, and return what tells from another thread how much of it is done, and of how much."""
        self.reach(step)

        def tell(done: int, of: int) -> None:
            if self._clock() - self._told >= EVERY:
                self._loop.call_soon_threadsafe(self.reach, step, done, of)

        return tell

    @contextmanager
    def telling(self) -> Iterator[Steps]:
        """Tell at the end of the block, however it ends, that the work is over."""
        try:
            yield self
        finally:
            if self._step:
                self.reach("")
