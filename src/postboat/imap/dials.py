"""Connections that are being made and signed in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from postboat.errors import ConnectionLost, ServerUnreachable
from postboat.imap.auth import TooManyConnections
from postboat.imap.poolable import Poolable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

S = TypeVar("S", bound=Poolable)


class Dials(Generic[S]):
    """Makes sessions by `connect`, until all that are being made are cut."""

    def __init__(self, connect: Callable[[], Awaitable[S]]) -> None:
        self.connect = connect
        self._under_way: set[asyncio.Timeout] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    async def session(self) -> S:
        """Connect and sign in. Raises what `connect` raises, and `ConnectionLost` when it is cut on the way."""
        try:
            async with asyncio.timeout(None) as dial:
                self._under_way.add(dial)
                try:
                    session = await self.connect()
                finally:
                    self._under_way.discard(dial)
        except TimeoutError as error:
            if dial.expired():
                raise ConnectionLost("the connection was cut while it was made") from error
            raise
        _require_alive(session)
        return session

    def cut(self) -> None:
        """Break off all that are under way."""
        for dial in self._under_way:
            dial.reschedule(0)


def _require_alive(session: Poolable) -> None:
    """A session that ends with the sign-in is one that could not be opened; to open the next at once has no end."""
    if session.alive:
        return
    session.abort()
    text = "the server ended the connection right after the sign-in"
    raise TooManyConnections(text) if session.is_one_too_many else ServerUnreachable(text)
