"""Nothing at all when all is well; what goes wrong on stderr: for cron, which mails what it sees."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.basic import told_trouble
from postboat.ui.out import Out
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from postboat.events import Event


class Quiet:
    """Says on stderr what goes wrong, and nothing else."""

    def __init__(
        self,
        manner: words.Manner,
        *,
        err: Out | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.err = err or Out(sys.stderr)
        self.manner = words.spoken_to(manner, arrows=self.err.unicode)
        self.clock = clock
        self.view = View()

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Tell failures and warnings until there are no more events."""
        async for event in events:
            fold(self.view, event, self.clock())
            await self.err.lines(told_trouble(event, self.view, self.manner))
