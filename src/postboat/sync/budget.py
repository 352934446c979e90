"""Bounds the octets that transfers hold in memory at one time, whatever folders and connections they belong to."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIB = 1 << 20
IN_FLIGHT = 32 * MIB
"""Octets of messages under way, unless told otherwise."""


class Budget:
    """So many octets, lent in the order of asking. One who asks for more than all of them gets all."""

    def __init__(self, octets: int = IN_FLIGHT) -> None:
        self._all = self._free = octets
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def lent(self, octets: int) -> AsyncIterator[None]:
        """Hold `octets` for the length of the block, waiting until they are free."""
        octets = min(octets, self._all)
        await self._take(octets)
        try:
            yield
        finally:
            self._give(octets)

    async def _take(self, octets: int) -> None:
        if not self._waiting and octets <= self._free:
            self._free -= octets
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((octets, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(octets)  # it was our turn in the very moment
            else:
                self._serve()  # whoever waits behind us
            raise

    def _give(self, octets: int) -> None:
        self._free += octets
        self._serve()

    def _serve(self) -> None:
        """Give those at the front their turn; one that was cancelled only leaves the queue."""
        while self._waiting:
            octets, turn = self._waiting[0]
            if not turn.cancelled():
                if octets > self._free:
                    break
                self._free -= octets
                turn.set_result(None)
            self._waiting.popleft()
