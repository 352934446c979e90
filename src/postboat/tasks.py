"""Structured concurrency with plain errors: child tasks end before their parent goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


async def together(first: Coroutine[object, object, A], second: Coroutine[object, object, B]) -> tuple[A, B]:
    """Run two coroutines at once and return both results; when one fails the other is cancelled."""
    one, other = asyncio.create_task(first), asyncio.create_task(second)
    await _all([one, other])
    return one.result(), other.result()


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, width: int) -> None:
    """Do `work` on every item, in order of `items`, at most `width` at a time.

    The first failure cancels what is under way and is raised as it is.
    """
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await work(item)

    await _all([asyncio.create_task(worker()) for _ in range(max(1, width))])


async def _all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait for all tasks, or for the first failure, and let none outlive the wait.

    Unlike a TaskGroup it raises a failure as it is, and a cancellation stays one though a child fails on the way out:
    in Python 3.11 the group raises the child's failure then, and who was to stop goes on.
    """
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise failure
