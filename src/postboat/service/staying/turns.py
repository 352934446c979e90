"""When an account may sync: while the machine is awake, and when one of the slots is free that all accounts share."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


class Turns:
    """The turns of one account. Who waits for a slot is at rest, for however long others need theirs.

    `free` returns when no other program is at work on the account: that is waited for without a slot.
    """

    def __init__(self, slots: asyncio.Semaphore, free: Callable[[], Awaitable[None]]) -> None:
        self._slots, self._free = slots, free
        self.awake = asyncio.Event()
        """Whether anything may begin."""
        self.awake.set()
        self.at_rest = asyncio.Event()
        """Whether nothing is under way."""
        self.at_rest.set()

    @contextmanager
    def work(self) -> Iterator[None]:
        """Something is under way inside the block."""
        self.at_rest.clear()
        try:
            yield
        finally:
            self.at_rest.set()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Have one of the slots inside the block, which is part of a `work`."""
        await self._take()
        try:
            yield
        finally:
            self._slots.release()

    async def _take(self) -> None:
        self.at_rest.set()
        try:
            await self._free()
            await self._slots.acquire()
            while not self.awake.is_set():
                self._slots.release()
                await self.awake.wait()
                await self._slots.acquire()
        finally:
            self.at_rest.clear()
