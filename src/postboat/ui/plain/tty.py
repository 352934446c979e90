"""The face for a terminal: a live line for each working folder, redrawn in place, and a summary at the end.

Only cursor-up and erase sequences are used, at most ten times a second, and only rows that fit the screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from postboat.events import (
    AccountConnected,
    AccountFinished,
    DiskWatched,
    FolderFinished,
    FoldersListed,
    FoldersUnchanged,
    MessagesAside,
    MessagesPutBack,
    Mirrored,
    PlanDecided,
    PlanShown,
    Warned,
)
from postboat.ui import words
from postboat.ui.plain.out import Out
from postboat.ui.plain.rows import rows
from postboat.ui.sentences.summary import account_summary, summary
from postboat.ui.sentences.telling import told_news, told_stopped, told_trouble
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
    from datetime import datetime

    from postboat.events import Event

INTERVAL = 0.1
"""Seconds between two drawings."""
NEWS = (PlanShown, PlanDecided, MessagesPutBack)
"""What is told when it happens, though all is well: the summary at the end says nothing of it."""
SHOWN = (AccountConnected, FoldersListed, FoldersUnchanged)
"""What the live rows show while it happens."""
MILD = (Warned, MessagesAside, DiskWatched)
"""Troubles that are no failures of this run."""
BOLD, RED, YELLOW, RESET = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"


class Size(NamedTuple):
    """A terminal's size in characters."""

    columns: int
    rows: int


def size_of(stream_fd: int = 1) -> Size:
    """Measure the terminal; 80 by 24 when it does not tell."""
    try:
        columns, lines = os.get_terminal_size(stream_fd)
    except (OSError, ValueError):
        columns, lines = 80, 24
    return Size(columns or 80, lines or 24)


class Region:
    """The live rows at the bottom of the terminal. The cursor rests on the line below them."""

    def __init__(self, out: Out, measure: Callable[[], Size]) -> None:
        self._out, self._measure = out, measure
        self._drawn: list[str] = []

    async def draw(self, wanted: Sequence[str]) -> None:
        """Put `wanted` in place of what is there; what does not fit the screen is left out."""
        columns, height = self._measure()
        lines = [words.fit(line, max(1, columns - 1)) for line in _that_fit(wanted, max(1, height - 1))]
        if lines == self._drawn:
            return
        body = "".join(f"{line}\x1b[K\n" for line in lines)
        top = self._to_top(columns)
        self._drawn = lines
        await self._out.write(f"{top}{body}\x1b[J")

    async def erase(self) -> None:
        """Leave the terminal as if nothing had been drawn."""
        await self._out.write(self.erasing())

    def erasing(self) -> str:
        """What takes the drawn rows away; they count as gone afterwards."""
        sequence = self._to_top(self._measure().columns) + "\x1b[J" if self._drawn else ""
        self._drawn = []
        return sequence

    def _to_top(self, columns: int) -> str:
        # A terminal made narrower wraps what was drawn when it was wide.
        height = sum(max(1, -(-words.width(line) // max(1, columns))) for line in self._drawn)
        return f"\r\x1b[{height}A" if height else "\r"


def _that_fit(lines: Sequence[str], height: int) -> list[str]:
    if len(lines) <= height:
        return list(lines)
    hidden = len(lines) - height + 1
    return [*lines[: height - 1], f"  and {words.number(hidden)} more"]


class Tty:
    """Shows a run on a terminal while it goes on."""

    def __init__(
        self,
        manner: words.Manner,
        *,
        out: Out | None = None,
        err: Out | None = None,
        measure: Callable[[], Size] = size_of,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] | None = None,
        colour: bool = True,
    ) -> None:
        self.out, self.err = out or Out(sys.stdout), err or Out(sys.stderr)
        self.manner = words.spoken_to(manner, arrows=self.out.unicode)
        self.colour, self.clock, self.now = colour, clock, now
        self.view = View()
        self._region = Region(self.out, measure)
        self._writing = asyncio.Lock()
        self._stale = asyncio.Event()

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Draw until there are no more events, then sum up."""
        try:
            async with asyncio.TaskGroup() as group:
                drawing = group.create_task(self._draw_for_ever(), name="drawing")
                await self._follow(events)
                drawing.cancel()
        finally:
            await self._region.erase()
        if not self.view.lasting:
            await self.out.lines(self._emphasised(summary(self.view, self.manner)))
        await self.out.lines(self._dated(told_stopped(self.view, self.manner)))

    async def _follow(self, events: AsyncIterable[Event]) -> None:
        async for event in events:
            fold(self.view, event, self.clock())
            await self._tell(event)
            self._stale.set()

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Leave the terminal to someone else, a password prompt, until the end of the block."""
        async with self._writing:
            await self._region.erase()
            yield

    async def draw(self) -> None:
        """Draw the present state once."""
        async with self._writing:
            await self._region.draw(rows(self.view, self.clock(), self.manner))

    async def _draw_for_ever(self) -> None:
        """Draw at intervals while there is work, whose clocks go on, and after that only when something happens."""
        while not self.out.closed:
            await self._stale.wait()
            self._stale.clear()
            await asyncio.sleep(INTERVAL)
            await self.draw()
            if self.view.steps or any(account.at_work for account in self.view.accounts.values()):
                self._stale.set()

    async def _tell(self, event: Event) -> None:
        trouble, news = told_trouble(event, self.view, self.manner), self._news(event)
        if isinstance(event, Mirrored):  # it is the last word, and the summary has it
            return
        if not (trouble or news):
            return
        async with self._writing:
            await self._region.erase()
            await self.err.lines(self._coloured(self._dated(trouble), YELLOW if isinstance(event, MILD) else RED))
            await self.out.lines(self._dated(news))

    def _news(self, event: Event) -> Sequence[str]:
        """What is told at once: all that no summary will tell, as there is one at the end of the first sync only."""
        view = self.view
        if isinstance(event, NEWS):
            return told_news(event, view, self.manner)
        if not view.lasting or isinstance(event, SHOWN) or (isinstance(event, FolderFinished) and view.heard == "new"):
            return ()
        if isinstance(event, AccountFinished) and view.accounts[event.account].is_first:
            return account_summary(view.accounts[event.account], words.knowing(self.manner, view.sides))
        return told_news(event, view, self.manner)

    def _dated(self, lines: Sequence[str]) -> Sequence[str]:
        if not self.view.lasting:
            return lines
        from postboat.ui import times

        return times.dated(lines, self.now)

    def _coloured(self, lines: Iterable[str], colour: str) -> list[str]:
        plain = not (self.colour and self.err.isatty)
        return [line if plain else f"{colour}{line}{RESET}" for line in lines]

    def _emphasised(self, lines: Iterable[str]) -> list[str]:
        return [line if not self.colour or line.startswith(" ") else f"{BOLD}{line}{RESET}" for line in lines]
