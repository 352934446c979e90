"""Progress of commands that show no run: a line for each account at work, which is gone when the work is done.

The lines are for a person who waits. They go to standard error, so that results can be piped on, and only to a terminal
on which lines can be redrawn in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from postboat.ui.plain.tty import INTERVAL, Region, size_of
from postboat.ui.steps import rows
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from postboat.events import Event
    from postboat.ui.plain.out import Out
    from postboat.ui.plain.tty import Size

PATIENCE = 0.5
"""Seconds that work may take before anything is drawn: what ends sooner would only flicker."""


def measured() -> Size:
    """Measure the terminal that standard error is."""
    return size_of(2)


class Progress:
    """Draws how far work has come, while it goes on, if anybody can see it."""

    def __init__(
        self,
        out: Out,
        env: Mapping[str, str],
        *,
        wanted: bool = True,
        measure: Callable[[], Size] = measured,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seen = wanted and out.isatty and env.get("TERM", "") not in {"", "dumb"}
        self._out, self._clock, self._began = out, clock, clock()
        self._view = View()
        self._region = Region(out, measure)
        self._writing = asyncio.Lock()

    def publish(self, event: Event) -> None:
        """Learn what happened; it is drawn with what else happens in the same tenth of a second."""
        if self.seen:
            fold(self._view, event, self._clock())

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Draw during the block; nothing is left of it afterwards, however the block ends."""
        drawing = asyncio.create_task(self._draw_for_ever(), name="progress") if self.seen else None
        try:
            yield
        finally:
            if drawing is not None:
                drawing.cancel()
                await asyncio.wait([drawing])
                await self._region.erase()

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Leave the terminal to someone else, a password prompt, until the end of the block."""
        async with self._writing:
            await self._region.erase()
            yield

    async def draw(self) -> None:
        """Draw the present state once, unless the work is too young for it."""
        now = self._clock()
        if now - self._began >= PATIENCE:
            async with self._writing:
                await self._region.draw(rows(self._view.steps.values(), now))

    async def _draw_for_ever(self) -> None:
        while not self._out.closed:
            await asyncio.sleep(INTERVAL)
            await self.draw()
