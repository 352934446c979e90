"""Work on very many messages, beside the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

MANY = 5000
"""Comparing more messages than this would keep the event loop from its other work for too long."""


async def aside(messages: int, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work`; in a thread when it is about many messages, so that other folders and the screen go on."""
    return await asyncio.to_thread(work, *args, **kwargs) if messages > MANY else work(*args, **kwargs)
