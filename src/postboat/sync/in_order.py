"""Carries several things at once that are put down one after the other, as they were taken up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from postboat.sync.tasks import each

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Turn = Callable[[], Awaitable[object]]
    """Returns once everything that was taken up before is put down."""

T = TypeVar("T")


async def no_turn() -> None:
    """Wait for nobody: the order does not matter."""


async def each_in_turn(items: Iterable[T], work: Callable[[T, Turn], Awaitable[None]], *, width: int) -> None:
    """Do `work` on every item as `each` does; it awaits the turn that it is given before it puts anything down."""
    last = asyncio.Event()
    last.set()

    async def one(item: T) -> None:
        nonlocal last
        before, last = last, asyncio.Event()
        own = last
        try:
            await work(item, before.wait)
        finally:
            own.set()

    await each(items, one, width=width)
