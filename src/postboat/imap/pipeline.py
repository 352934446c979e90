"""Commands on their way out: written in order, several in flight at once, literals let through by the server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from postboat.errors import ConnectionLost, MessageError, PostboatError
from postboat.imap.wire.framer import ProtocolViolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.gate import Gate
    from postboat.imap.wire.commands import Command, Literal
    from postboat.imap.wire.responses import Condition, Response, Tagged

CRLF = b"\r\n"
OPENS = frozenset({"SELECT", "EXAMINE"})
SLICE = 64 * 1024
"""Octets written before the transport is asked whether it can take more."""


class Call:
    """One command from its submission to its tagged reply."""

    __slots__ = ("command", "early", "go", "on_continuation", "on_untagged", "reply", "sent", "tag")

    def __init__(self, command: Command, tag: str, on_untagged: Callable[[Response], None] | None) -> None:
        self.command = command
        self.tag = tag
        self.on_untagged = on_untagged
        self.on_continuation: Callable[[bytes], None] | None = None
        self.reply: asyncio.Future[Condition] = asyncio.get_running_loop().create_future()
        self.go: asyncio.Future[bool] | None = None
        """Set while the server is asked whether a literal may come."""
        self.early: Condition | None = None
        """A refusal that came while the literal was still going out."""
        self.sent = False

    def fail(self, error: Exception) -> None:
        """End the call without a reply; a caller that no longer listens is not missed."""
        if not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()

    def finish(self, condition: Condition) -> None:
        """End the call with the server's reply."""
        if not self.reply.done():
            self.reply.set_result(condition)


class Outlet(Protocol):
    """Tells whether the transport can take more."""

    @property
    def writable(self) -> bool:
        """Whether it can now."""
        ...

    async def drained(self) -> None:
        """Wait until it can."""
        ...


class Pipeline:
    """The commands of one connection. A command that must wait for the server holds back those behind it."""

    def __init__(
        self,
        write: Callable[[bytes], None],
        outlet: Outlet,
        must_ask: Callable[[int], bool],
        give_up: Callable[[PostboatError], None],
        log: Callable[[Call], None],
        progressed: Callable[[], None],
        gate: Gate,
    ) -> None:
        self.in_flight: dict[str, Call] = {}
        """By tag, oldest first: commands of which the server has at least the beginning."""
        self.latest: Command | None = None
        """The command that went out last."""
        self._gate = gate
        self._write, self._outlet, self._progressed = write, outlet, progressed
        self._must_ask, self._give_up, self._log = must_ask, give_up, log
        self._queue: deque[Call] = deque()
        self._writer: asyncio.Task[None] | None = None
        self.is_asking = False
        """Whether a literal waits for the server to let it through."""

    @property
    def busy(self) -> bool:
        """Whether any command waits to be sent or answered."""
        return self.pending > 0

    @property
    def pending(self) -> int:
        """How many do."""
        return len(self.in_flight) + len(self._queue)

    @property
    def oldest(self) -> Call | None:
        """The command that the server most likely answers now."""
        return next(iter(self.in_flight.values()), None)

    def calls(self, name: str) -> list[Call]:
        """Commands of that name in flight, oldest first."""
        return [call for call in self.in_flight.values() if call.command.name == name]

    def submit(self, call: Call) -> None:
        """Write the command now if it can be done in one go, else once those before it are out and it may go."""
        at_once = self._writer is None and self._outlet.writable and self._gate.lets(call.command, self.in_flight)
        if at_once and (line := self._in_one_go(call)) is not None:
            self._begin(call)
            self._write(line)
            call.sent = True
            return
        self._queue.append(call)
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_queue())

    def proceed(self, text: bytes) -> bool:
        """Take a continuation request; False when nothing waits for one (RFC 3501 section 7.5)."""
        for call in self.in_flight.values():
            if call.go is not None and not call.go.done():
                call.go.set_result(True)
                return True
            if call.on_continuation is not None:
                call.on_continuation(text)
                return True
        return False

    def answer(self, tagged: Tagged) -> Call | None:
        """Take a tagged reply and give the command that it ends, if it ends one now.

        A refusal that comes while a literal is on its way out counts once that is out. Raises ProtocolViolation
        when the reply is to no command, or grants one that was not wholly sent.
        """
        call = self.in_flight.get(tagged.tag)
        if call is None:
            raise ProtocolViolation("the server answered a command that was not sent")
        if not call.sent and tagged.condition.status == "OK":
            raise ProtocolViolation("the server granted a command before it was sent")
        if call.command.name in OPENS and tagged.condition.status == "OK" and self._overtakes(call):
            raise ProtocolViolation("the server opened a mailbox before it answered all about the last one")
        if not call.sent and call.go is None:
            call.early = tagged.condition
            return None
        del self.in_flight[tagged.tag]
        self._gate.answered(ok=tagged.condition.status == "OK")
        if call.go is not None and not call.go.done():
            call.go.set_result(False)
        return call

    def _overtakes(self, call: Call) -> bool:
        """Whether questions about a mailbox are open that were asked before; what came may belong to either."""
        older = takewhile(lambda other: other is not call, self.in_flight.values())
        return any(other.command.verb == "UID" or other.command.name in OPENS for other in older)

    def fail(self, text: str) -> None:
        """End every command with `ConnectionLost`; what was in flight is in an unknown state."""
        calls = (*self.in_flight.values(), *self._queue)
        self.in_flight.clear()
        self._queue.clear()
        for call in calls:
            call.fail(ConnectionLost(text))
        if self._writer is not None:
            self._writer.cancel()

    async def ended(self) -> None:
        """Wait until no task of the pipeline is left; to be called after `fail`."""
        if self._writer is not None:
            await asyncio.wait({self._writer})

    def _begin(self, call: Call) -> None:
        self.in_flight[call.tag] = call
        self.latest = call.command
        self._log(call)

    def _in_one_go(self, call: Call) -> bytes | None:
        """The whole command, when no part of it has to wait for the server, the disk or the network."""
        pieces = [f"{call.tag} {call.command.name}".encode()]
        for part in call.command.parts:
            if isinstance(part, bytes):
                pieces.append(part)
            elif part.data is None or part.size > SLICE or self._must_ask(part.size):
                return None
            else:
                pieces += (b"{%d+}\r\n" % part.size, part.data)
        pieces.append(CRLF)
        return b"".join(pieces)

    async def _drained(self) -> None:
        await self._outlet.drained()
        self._progressed()

    async def _write_queue(self) -> None:
        try:
            while self._queue:
                await self._drained()
                await self._gate.passed(self._queue[0].command, self.in_flight)
                call = self._queue.popleft()
                if call.reply.done():
                    continue
                try:
                    await self._write_call(call)
                except Exception as error:
                    self.in_flight.pop(call.tag, None)
                    call.fail(error)
                    self._give_up(ConnectionLost(f"{call.command.name} could not be sent to its end: {error}"))
                    return
        finally:
            self._writer = None

    async def _write_call(self, call: Call) -> None:
        self._begin(call)
        ready = bytearray(f"{call.tag} {call.command.name}".encode())
        for part in call.command.parts:
            if isinstance(part, bytes):
                ready += part
                continue
            asks = self._must_ask(part.size)
            ready += (b"{%d}\r\n" if asks else b"{%d+}\r\n") % part.size
            if not asks and part.data is not None and len(ready) + part.size <= SLICE:
                ready += part.data  # small ones go together: each write is a call of the system
                continue
            self._write(bytes(ready))
            ready.clear()
            if asks and not await self._let_through(call):
                return
            await self._write_literal(call, part)
        self._write(bytes(ready) + CRLF)
        call.sent = True
        if call.early is not None:
            self.in_flight.pop(call.tag, None)
            self._gate.answered(ok=False)
            call.finish(call.early)

    async def _let_through(self, call: Call) -> bool:
        call.go = asyncio.get_running_loop().create_future()
        self.is_asking = True
        try:
            let = await call.go
        finally:
            self.is_asking = False
        if let:
            call.go = None
        return let

    async def _write_literal(self, call: Call, literal: Literal) -> None:
        left = literal.size
        if literal.data is not None:
            for at in range(0, len(literal.data), SLICE):
                self._write(literal.data[at : at + SLICE])
                await self._drained()
            left -= len(literal.data)
        elif literal.chunks is not None:
            chunks = literal.chunks()
            try:
                async for chunk in chunks:
                    left -= len(chunk)
                    if left < 0 or call.reply.cancelled():
                        break
                    self._write(chunk)
                    await self._drained()
            finally:
                if isinstance(chunks, AsyncGenerator):
                    await chunks.aclose()
        if left:
            raise MessageError("its length changed while it was being sent")
