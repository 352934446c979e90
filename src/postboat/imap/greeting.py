"""The first thing a server says (RFC 3501 section 7.1)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.imap.wire.responses import Condition

ALERT_GRACE = 0.3
"""Seconds for which a greeting that is only an alert waits for the real one."""


class Greetings:
    """Conditions that came before the conversation began."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Condition] = asyncio.Queue()

    def put(self, condition: Condition) -> None:
        """Take one."""
        self._queue.put_nowait(condition)

    async def first(self) -> Condition:
        """Wait for the greeting. An alert may come before the real one (Courier), or be all there is."""
        greeting = await self._queue.get()
        if greeting.status == "OK" and greeting.code is not None and greeting.code.name == "ALERT":
            try:
                async with asyncio.timeout(ALERT_GRACE):
                    return await self._queue.get()
            except TimeoutError:
                pass
        return greeting

    def others(self) -> list[Condition]:
        """What came behind the greeting."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]
