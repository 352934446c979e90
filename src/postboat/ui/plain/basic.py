"""Plain lines as things happen: for logs, pipes, cron and terminals that can do no more. Never asks anything."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from postboat.events import FolderScanned
from postboat.ui import words
from postboat.ui.plain.out import Out
from postboat.ui.sentences import single
from postboat.ui.sentences.telling import told_news, told_stopped, told_trouble
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable
    from datetime import datetime

    from postboat.events import Event

SPARSELY = 10.0
"""Seconds between two lines about looks that take long."""
WARNING = "<4>"
"""What the journal takes as the importance of a line (sd-daemon(3))."""


class Basic:
    """Says what happens on stdout, and what goes wrong on stderr; with the time, in a run that goes on."""

    def __init__(
        self,
        manner: words.Manner,
        *,
        out: Out | None = None,
        err: Out | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.out, self.err = out or Out(sys.stdout), err or Out(sys.stderr)
        self.manner = words.spoken_to(manner, arrows=self.out.unicode)
        self.clock, self.now = clock, now
        self.view = View()
        self._looked: float | None = None
        """When a look that takes long was told of last, or the first of them was heard of."""

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Tell every event until there are no more."""
        async for event in events:
            await self.take(event)
        await self.tell(told_stopped(self.view, self.manner))

    async def take(self, event: Event) -> None:
        """Tell one event."""
        fold(self.view, event, self.clock())
        trouble = told_trouble(event, self.view, self.manner)
        await self.err.lines(self.dated(trouble, self.err, WARNING))
        await self.tell(told_news(event, self.view, self.manner))
        if isinstance(event, FolderScanned):
            await self.tell(self._scanned(event))

    async def tell(self, lines: Iterable[str]) -> None:
        """Write what goes as it should."""
        await self.out.lines(self.dated(lines, self.out))

    def _scanned(self, event: FolderScanned) -> Iterable[str]:
        now = self.clock()
        if self._looked is None:
            self._looked = now
        if now - self._looked < SPARSELY:
            return ()
        self._looked = now
        return (single.scanned(event, words.knowing(self.manner, self.view.sides)),)

    def dated(self, lines: Iterable[str], out: Out, importance: str = "") -> Iterable[str]:
        """Add what the reader cannot know: the time, or for the journal, which knows it, how important a line is."""
        if not self.view.lasting:
            return lines
        from postboat.ui import times

        return [importance + line for line in lines] if out.is_journal else times.dated(lines, self.now)
