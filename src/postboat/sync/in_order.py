"""Carries several things at once that are put down one after the other, as they were taken up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from postboat.tasks import each

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")


class Turn:
    """A place in the order in which things are put down; without a `before`, that of a thing whose order is free."""

    def __init__(self, before: Turn | None = None) -> None:
        self._before = before
        self._over = asyncio.Event()

    async def come(self) -> None:
        """Wait until everything that was taken up before is put down."""
        if self._before is not None:
            await self._before._over.wait()
            self._before = None

    def pass_on(self) -> None:
        """Let the next be put down: nothing of this is any more."""
        self._over.set()


async def each_in_turn(items: Iterable[T], work: Callable[[T, Turn], Awaitable[None]], *, width: int) -> None:
    """Do `work` on every item as `each` does; it lets its turn come before it puts anything down.

    The turn passes on when the work ends, or when it says so before that.
    """
    last: Turn | None = None

    async def one(item: T) -> None:
        nonlocal last
        turn = last = Turn(last)
        try:
            await work(item, turn)
            await turn.come()  # of one that had nothing to put down, too
        finally:
            turn.pass_on()

    await each(items, one, width=width)
