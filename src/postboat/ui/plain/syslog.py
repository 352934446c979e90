"""What happens and what goes wrong, in the system's log and nowhere else."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from postboat.events import AccountFailed, AccountWaits, FolderFailed, MessageFailed
from postboat.ui import words
from postboat.ui.plain.out import Out
from postboat.ui.plain.system_log import ERROR, INFO, WARNING, SystemLog
from postboat.ui.sentences.telling import told_news, told_stopped, told_trouble
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from postboat.events import Event

FAILURES = (AccountFailed, AccountWaits, FolderFailed, MessageFailed)
"""Troubles that are errors; the others are warnings."""
PATIENCE = 1.0
"""Seconds that a line waits for a log that is too busy to take it; then it is lost, and so are the next that it does
not take at once."""
PAUSE = 0.02
"""Seconds between two attempts."""


class Syslog:
    """Writes every line to the system's log, failures as errors, and nothing to standard output."""

    def __init__(
        self,
        manner: words.Manner,
        *,
        log: SystemLog | None = None,
        err: Out | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self.manner = words.spoken_to(manner, arrows=False)  # words are found by searching, arrows are not
        self.log, self.err, self.clock, self.patience = log or SystemLog(), err or Out(sys.stderr), clock, patience
        self.view = View()
        self.lost = 0
        """How many lines the log did not take, of which it does not know yet."""

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Log every event that is worth a line until there are no more; what was lost is told on stderr at the end."""
        try:
            async for event in events:
                fold(self.view, event, self.clock())
                severity = ERROR if isinstance(event, FAILURES) else WARNING
                await self._write(severity, told_trouble(event, self.view, self.manner))
                await self._write(INFO, told_news(event, self.view, self.manner))
            await self._write(INFO, told_stopped(self.view, self.manner))
        finally:
            self.log.close()
        if self.lost:
            await self.err.lines([f"postboat: the system's log did not take {words.plural(self.lost, 'line')}"])

    async def _write(self, severity: int, lines: Iterable[str]) -> None:
        for line in lines:
            if self.lost and self.log.try_to_write(WARNING, f"{words.plural(self.lost, 'line')} lost"):
                self.lost = 0
            if not await self._taken(severity, line):
                self.lost += 1

    async def _taken(self, severity: int, line: str) -> bool:
        attempts = 1 if self.lost else max(1, round(self.patience / PAUSE))
        for attempt in range(attempts):
            if self.log.try_to_write(severity, line):
                return True
            if attempt + 1 < attempts:
                await asyncio.sleep(PAUSE)
        return False
