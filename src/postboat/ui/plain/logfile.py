"""Lines with a date and time, appended to a file: what `-l` asks for, beside whatever face there is."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.sentences.telling import told_news, told_stopped, told_trouble
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from postboat.events import Event
    from postboat.ui.plain.out import Out


class LogFile:
    """Writes what happens and what goes wrong to one stream, each line with the local time and its offset."""

    def __init__(
        self,
        manner: words.Manner,
        out: Out,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.manner, self.out, self.clock = words.spoken_to(manner, arrows=out.unicode), out, clock
        self.now = now or (lambda: datetime.now().astimezone())
        self.view = View()

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Write every event that is worth a line until there are no more."""
        async for event in events:
            fold(self.view, event, self.clock())
            lines = (*told_trouble(event, self.view, self.manner), *told_news(event, self.view, self.manner))
            await self._write(lines)
        await self._write(told_stopped(self.view, self.manner))

    async def _write(self, lines: Iterable[str]) -> None:
        stamp = self.now().isoformat(sep=" ", timespec="seconds")
        await self.out.lines(f"{stamp} {line}" for line in lines)
