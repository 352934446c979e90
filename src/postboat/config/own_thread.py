"""Runs what may take for ever and cannot be interrupted, so that it does not keep the program from its end."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_own_thread(function: Callable[[], T], name: str) -> T:
    """Run a function in a thread of its own, which does not keep the program alive if it never ends."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[object] = loop.create_future()

    def settle(value: object, error: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_result(value) if error is None else outcome.set_exception(error)

    def work() -> None:
        value: object = None
        failure: BaseException | None = None
        try:
            value = function()
        except StopIteration:
            failure = RuntimeError("StopIteration")  # which a future cannot carry
        except BaseException as error:  # it is the other side's to raise
            failure = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
        try:
            loop.call_soon_threadsafe(settle, value, failure)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    threading.Thread(target=work, name=name, daemon=True).start()
    return cast("T", await outcome)
