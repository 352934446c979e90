"""One JSON object a line for each event: for programs that watch a run."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postboat.event_json import encode
from postboat.ui.plain.out import Out

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from postboat.events import Event


class JsonLines:
    """Writes events as NDJSON on stdout: the event's name, its fields, and when it was heard (RFC 3339)."""

    def __init__(self, *, out: Out | None = None, now: Callable[[], datetime] | None = None) -> None:
        self.out = out or Out(sys.stdout)
        self.now = now or (lambda: datetime.now(UTC))

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Write every event until there are no more."""
        async for event in events:
            await self.out.lines((encode(event, self.now()),))
