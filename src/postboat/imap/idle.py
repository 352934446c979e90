"""IDLE (RFC 2177): a command during which the server tells what happens, until we say DONE."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from postboat.imap.refusals import refusal
from postboat.imap.watchdog import PROMPT
from postboat.imap.wire import commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.connection import Connection
    from postboat.imap.wire.responses import Condition, Response


class Idle:
    """One IDLE, on its way once this is made; `hears` gets all that the server tells meanwhile.

    The server may tell things before it begins, and may end it whenever it likes. Once it has begun it owes nothing,
    so that no silence is too long; from DONE on it does.
    """

    def __init__(self, connection: Connection, hears: Callable[[Response], None]) -> None:
        self._connection = connection
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_to_end = False
        """Whether this side ended it."""
        self.reply: asyncio.Future[Condition] = connection.send(
            commands.idle(), on_untagged=hears, on_continuation=self._begin
        )
        """How it ended: done when the session can be used again."""

    def _begin(self, _text: bytes) -> None:
        if self._begun.done():
            return
        self._begun.set_result(None)
        if self.is_to_end:
            self._say_done()
        else:
            self._connection.owe_nothing()

    def _say_done(self) -> None:
        self._connection.say(b"DONE")
        self._connection.doubt(PROMPT)

    async def begun(self) -> None:
        """Wait until the server agreed. Raises `CommandFailed` when it does not, and `ConnectionLost`."""
        either: tuple[asyncio.Future[Any], ...] = (self._begun, self.reply)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._begun.done():
            raise refusal("IDLE", self.reply.result())

    def end(self) -> None:
        """Say DONE, unless that was said or the server ended it; as soon as the server agreed to IDLE, not before."""
        if self.is_to_end or self.reply.done():
            return
        self.is_to_end = True
        if self._begun.done():
            self._say_done()

    async def done(self) -> None:
        """Say DONE and wait for the end. Raises `ConnectionLost` when none comes."""
        self.end()
        await self.reply
