"""Tells how far long looks at a folder are, as often as a person can read it; of short ones nothing is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from postboat.events import FolderScanned

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.events import Publish
    from postboat.model import Side

LONG = 0.5
"""Seconds from which a look is long."""
EVERY = 0.25
"""Seconds between two tellings."""
OVER = 1.0
"""Seconds without a sign after which a look is taken to be over."""


class Scans:
    """The looks at both sides of one folder, of which one is told of at a time. Made on the loop of `publish`."""

    def __init__(
        self, account: str, folder: str, publish: Publish, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._account, self._folder, self._publish, self._clock = account, folder, publish, clock
        self._loop = asyncio.get_running_loop()
        self._side: Side | None = None
        """The side of which was told last."""
        self._told = float("-inf")

    def of(self, side: Side) -> Callable[[int, int], None]:
        """What hears from any thread how many messages of a side were looked at, and of how many."""
        began, last = 0.0, -1

        def hear(done: int, of: int) -> None:
            nonlocal began, last
            now = self._clock()
            if done <= last or last < 0:  # another look
                began = now
            last = done
            if now - began >= LONG and self._may_tell(side, now):
                self._side, self._told = side, now
                event = FolderScanned(self._account, self._folder, side.value, done, of)
                self._loop.call_soon_threadsafe(self._publish, event)

        return hear

    def _may_tell(self, side: Side, now: float) -> bool:
        """Whether it is time, and no look at the other side is under way: the two would only take turns."""
        return now - self._told >= (EVERY if side is self._side else OVER)
