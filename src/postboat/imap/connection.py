"""One connection to an IMAP server, on aioimaplib's protocol class; no other module imports it.

aioimaplib 2.0.3 brings the connection's life cycle, the states, the table of commands legal in each and the tags. Its
reading and its command queue are replaced: it recurses for each line, loses data, and lets commands hang when the
connection breaks (`tests/unit/imap/test_aioimaplib_measurements.py` shows each).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aioimaplib
from aioimaplib.aioimaplib import AUTH, LOGOUT, NONAUTH, SELECTED, Commands

from postboat.errors import CertificateRefused, CommandFailed, ConnectionLost, PostboatError, ServerUnreachable
from postboat.imap.greeting import Greetings
from postboat.imap.hearing import Hearing
from postboat.imap.pipeline import CRLF, Call, Pipeline
from postboat.imap.sasl import SaslExchange
from postboat.imap.streaming import LiteralStream
from postboat.imap.watchdog import Watchdog
from postboat.imap.wire import commands
from postboat.imap.wire.framer import MIB, Framer, LiteralBegan, LiteralData, ProtocolViolation, Reply
from postboat.imap.wire.parser import parse
from postboat.imap.wire.responses import Capabilities, Condition, Continuation, Tagged
from postboat.imap.wire_log import WireLog

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.framer import Frame
    from postboat.imap.wire.responses import Response
    from postboat.imap.wire_log import Tell

    OpenTransport = Callable[
        [Callable[[], asyncio.BaseProtocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]
    ]

HELD_LITERAL = 256 * MIB
"""A literal larger than this is refused unless it is streamed."""
STREAMED_LITERAL = 64 * 1024
"""While an answer is streamed, literals larger than this come in pieces."""
CLOSING_TIME = 2.0
"""Seconds that TLS gets for its farewell."""

_STATE_AFTER = {
    "LOGIN": AUTH,
    "AUTHENTICATE": AUTH,
    "SELECT": SELECTED,
    "EXAMINE": SELECTED,
    "CLOSE": AUTH,
    "UNSELECT": AUTH,
    "LOGOUT": LOGOUT,
}
_SIGN_IN = frozenset({"LOGIN", "AUTHENTICATE"})


class _Protocol(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]
    """aioimaplib's protocol, whose octets go to and come from a `Connection`."""

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[Exception | None], None]) -> None:
        super().__init__(asyncio.get_running_loop(), lost)
        self._received = received
        self._writable = asyncio.Event()
        self._writable.set()

    def data_received(self, d: bytes) -> None:
        self._received(d)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    @property
    def writable(self) -> bool:
        return self._writable.is_set()

    async def drained(self) -> None:
        await self._writable.wait()


class Connection:
    """A connection whose greeting was read. Commands are pipelined: each is sent at once and answered in its time.

    Every untagged response goes to the oldest command in flight and to the listener (`listen`); what neither takes is
    kept for the next listener. When the connection ends, all commands fail with `ConnectionLost`.
    """

    greeting: Condition

    def __init__(self, timeout: float, tell: Tell | None = None) -> None:
        self.capabilities: frozenset[str] = frozenset()
        """In capitals; replaced whenever the server announces them."""
        self.capabilities_known = False
        """Whether the server announced them since the greeting, STARTTLS or sign-in, whichever came last."""
        self._loop = asyncio.get_running_loop()
        self._log = WireLog(tell)
        self._watchdog = Watchdog(timeout, self._is_answer_due, self._give_up_waiting)
        self._protocol = _Protocol(self._received, self._lost)
        self._pipeline = Pipeline(
            self._write, self._protocol, self._must_ask, self._fail, self._log.call, self._watchdog.sign
        )
        self._framer = Framer(stream_over=HELD_LITERAL)
        self._stream: LiteralStream | None = None
        self._hearing = Hearing()
        self._held_up = False
        self._plain_text_is_over = False
        self._expected_state: str = NONAUTH
        self._before_sign_in: frozenset[str] | None = None
        self._greetings: Greetings | None = Greetings()
        self._bye: str | None = None
        self._failure: PostboatError | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def start(
        cls,
        open_transport: OpenTransport,
        *,
        timeout: float,  # noqa: ASYNC109 - it goes on counting after this call
        wire_log: Tell | None = None,
    ) -> Connection:
        """Connect by `open_transport` and read the greeting.

        `timeout` is in seconds: for all of this, and later without an octet from a server that owes an answer.
        Raises `ServerUnreachable` when the server does not greet or says BYE; what `open_transport` raises passes.
        """
        connection = cls(timeout, wire_log)
        try:
            async with asyncio.timeout(timeout):
                await open_transport(lambda: connection._protocol)
                await connection._be_greeted()
        except TimeoutError as error:
            connection.abort()
            raise ServerUnreachable(f"no greeting within {timeout:g} s") from error
        except ConnectionLost as error:
            raise ServerUnreachable(str(error)) from error
        except BaseException:
            connection.abort()
            raise
        return connection

    @property
    def state(self) -> str:
        """Where the conversation stands, in aioimaplib's words: NONAUTH, AUTH, SELECTED or LOGOUT."""
        return str(self._protocol.state)

    @property
    def preauthenticated(self) -> bool:
        """Whether the server greeted us as signed in already."""
        return self.greeting.status == "PREAUTH"

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as this side knows."""
        return self._failure is None

    @property
    def busy(self) -> bool:
        """Whether a command waits to be sent or answered."""
        return self._pipeline.busy

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer; None without one."""
        transport = self._protocol.transport
        return transport.get_extra_info("ssl_object") if transport is not None else None

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER); None without TLS."""
        return self.tls.getpeercert(binary_form=True) if self.tls is not None else None

    def listen(self, listener: Callable[[Response], None] | None) -> None:
        """Give every untagged response to `listener` from now on, those first that nobody has heard."""
        self._hearing.listen(listener)

    def send(
        self, command: Command, *, on_untagged: Callable[[Response], None] | None = None
    ) -> asyncio.Future[Condition]:
        """Send a command and give the future of its outcome: OK, NO or BAD, or the exception `ConnectionLost`.

        `on_untagged` gets the untagged responses that come while this is the oldest command in flight. Cancelling
        the future keeps a command from being sent if it was not; its answer is otherwise ignored. Raises
        `ConnectionLost` when the connection is gone and `CommandFailed` when the state forbids the command.
        """
        return self._submit(command, on_untagged).reply

    async def run(
        self, command: Command, *, on_untagged: Callable[[Response], None] | None = None, check: bool = True
    ) -> Condition:
        """Send a command and wait for its outcome; with `check`, NO and BAD raise `CommandFailed`."""
        condition = await self.send(command, on_untagged=on_untagged)
        if check:
            _require_ok(command, condition)
        return condition

    @asynccontextmanager
    async def run_streaming(self, command: Command) -> AsyncIterator[LiteralStream]:
        """Send a command whose answer holds one large literal, and read that as it comes.

        Nothing else may be in flight. What the block did not read is read and thrown away; a block that raises costs
        the connection unless the command is done. Raises `CommandFailed` and `ConnectionLost` as `run` does.
        """
        if self.busy:
            raise RuntimeError("a streamed answer needs the connection for itself")
        stream = LiteralStream(self._hold_up)
        self._stream, self._framer.stream_over = stream, STREAMED_LITERAL
        try:
            reply = self.send(command, on_untagged=stream.take)
            reply.add_done_callback(stream.close)
            await stream.begun()
            if stream.size is None:
                _require_ok(command, await reply)
            yield stream
            await stream.skip()
            _require_ok(command, await reply)
        finally:
            self._stream, self._framer.stream_over = None, HELD_LITERAL
            self._hold_up(False)
            if self.busy:
                self._fail(ConnectionLost(f"{command.name} was left in the middle"))

    async def authenticate(
        self, mechanism: str, respond: Callable[[bytes], bytes], initial: bytes | None = None
    ) -> Condition:
        """Sign in by a SASL mechanism: `respond` answers each challenge, both without their base64.

        `initial` goes out with the command where the server takes it (RFC 4959), else as the first answer. What
        `respond` raises is raised once the server was told to forget it (RFC 3501 section 6.2.2).
        """
        inline = initial if "SASL-IR" in self.capabilities else None
        exchange = SaslExchange(respond, initial if inline is None else None)

        def answer(challenge: bytes) -> None:
            self._log.secret()
            self._write(exchange.answer(challenge) + CRLF)

        command = commands.authenticate(mechanism, inline)
        condition = await self._submit(command, None, answer).reply
        if exchange.problem is not None:
            raise exchange.problem
        _require_ok(command, condition)
        return condition

    async def start_tls(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        """Go on under TLS (RFC 3501 section 6.2.1); all that the server said so far is forgotten.

        Raises `CertificateRefused` when the server will not or slips octets in before TLS begins; what the
        handshake raises (`ssl.SSLError`, OSError) passes, with the connection closed.
        """
        if self.busy:
            raise RuntimeError("nothing may be in flight when TLS begins")
        try:
            await self.run(commands.starttls())
        except CommandFailed as error:
            raise CertificateRefused(f"TLS is required, but the server refuses STARTTLS: {error.text}") from error
        if self._failure is not None:
            raise CertificateRefused(str(self._failure)) from self._failure
        protocol = self._protocol
        try:
            protocol.transport = await self._loop.start_tls(
                protocol.transport,
                protocol,
                context,
                server_hostname=server_hostname,
                ssl_handshake_timeout=self._watchdog.timeout,
            )
        except BaseException as error:
            self._fail(ConnectionLost(f"no TLS: {error}"))
            self._ended()
            raise
        self._framer = Framer(stream_over=HELD_LITERAL)
        self._plain_text_is_over = False
        self.capabilities, self.capabilities_known = frozenset(), False

    async def close(self) -> None:
        """Close and wait until nothing is left of the connection; commands without an answer fail."""
        self._fail(ConnectionLost("the connection was closed"), at_once=False)
        try:
            async with asyncio.timeout(CLOSING_TIME):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self.abort()
        await self._pipeline.ended()

    def abort(self) -> None:
        """Cut the connection at once; commands without an answer fail."""
        self._fail(ConnectionLost("the connection was cut"))

    # Going out

    def _submit(
        self,
        command: Command,
        on_untagged: Callable[[Response], None] | None,
        on_continuation: Callable[[bytes], None] | None = None,
    ) -> Call:
        if self._failure is not None:
            raise ConnectionLost(str(self._failure))
        if not self.busy:
            self._expected_state = self.state
            self._watchdog.sign()
        self._require_legal(command)
        self._expected_state = _STATE_AFTER.get(command.name, self._expected_state)
        if command.name in _SIGN_IN:
            self._before_sign_in = self.capabilities
        call = Call(command, self._protocol.new_tag(), on_untagged)
        call.on_continuation = on_continuation
        self._pipeline.submit(call)
        self._watchdog.watch()
        return call

    def _require_legal(self, command: Command) -> None:
        """Keep to the states in which RFC 3501 allows a command, as they will be when those before it succeed."""
        known = Commands.get(command.verb)
        if known is not None and self._expected_state not in known.valid_states:
            raise CommandFailed(command.name, "BAD", f"not possible in state {self._expected_state}")

    def _must_ask(self, octets: int) -> bool:
        """Whether a literal has to wait for the server's consent (RFC 7888)."""
        if "LITERAL+" in self.capabilities:
            return False
        return octets > 4096 or self.capabilities.isdisjoint({"LITERAL-", "IMAP4REV2"})

    def _write(self, data: bytes) -> None:
        if self._failure is None:
            self._protocol.transport.write(data)

    # Coming in

    def _received(self, data: bytes) -> None:
        self._watchdog.sign()
        pieces = _octets(data) if self._upgrading else (data,)
        try:
            for piece in pieces:
                self._feed(piece)
        except ProtocolViolation as error:
            self._fail(ConnectionLost(f"protocol violation: {error}"))
        except ConnectionLost as error:
            self._fail(error)
        if self._bye is not None and not self._leaving:
            self._fail(ConnectionLost(f"the server closed the connection: {self._bye}"))

    def _feed(self, data: bytes) -> None:
        if self._failure is not None:
            return
        if self._plain_text_is_over:
            raise ProtocolViolation("the server sent something in clear after it agreed to TLS")
        for frame in self._framer.feed(data):
            self._take(frame)
            if self._failure is not None:
                return

    @property
    def _upgrading(self) -> bool:
        oldest = self._pipeline.oldest
        return oldest is not None and oldest.command.name == "STARTTLS"

    @property
    def _leaving(self) -> bool:
        return any(call.command.name == "LOGOUT" for call in self._pipeline.in_flight.values())

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Reply):
            self._log.reply(frame, self._pipeline.in_flight.values())
            self._take_response(parse(frame))
        elif self._stream is None:
            raise ProtocolViolation(f"a literal of more than {HELD_LITERAL} octets")
        elif isinstance(frame, LiteralBegan):
            self._stream.begin(frame)
        elif isinstance(frame, LiteralData):
            self._stream.push(frame.data)

    def _take_response(self, response: Response) -> None:
        if isinstance(response, Tagged):
            call = self._pipeline.answer(response)
            if call is not None:
                self._conclude(call, response.condition)
        elif isinstance(response, Continuation):
            self._pipeline.proceed(response.text)
        elif self._greetings is not None and isinstance(response, Condition):
            self._greetings.put(response)
        else:
            self._hear(response)

    def _hear(self, response: Response) -> None:
        """Pass an untagged response on; none is dropped."""
        if isinstance(response, Capabilities):
            self._announce(response.names)
        elif isinstance(response, Condition):
            self._note_condition(response)
        self._hearing.hear(response, self._pipeline.oldest)

    def _note_condition(self, condition: Condition) -> None:
        if condition.code is not None and (names := condition.code.capabilities) is not None:
            self._announce(names)
        if condition.status == "BYE" and self._bye is None:
            self._bye = condition.text or "BYE"

    def _announce(self, names: frozenset[str]) -> None:
        self.capabilities, self.capabilities_known = names, True

    def _conclude(self, call: Call, condition: Condition) -> None:
        """Take over what a command's end means for the state, then let its caller go on."""
        name = call.command.name
        self._note_condition(condition)
        if condition.status == "OK":
            self._protocol.state = _STATE_AFTER.get(name, self.state)
            if name in _SIGN_IN:
                self.capabilities_known = self.capabilities is not self._before_sign_in
            if name == "STARTTLS":
                self._plain_text_is_over = True
                self._protocol.transport.pause_reading()
        elif name in ("SELECT", "EXAMINE") and condition.status == "NO":
            self._protocol.state = AUTH
        call.finish(condition)

    # Beginning and end

    async def _be_greeted(self) -> None:
        """Take the greeting over, and hear what came behind it."""
        assert self._greetings is not None, "a connection is greeted once"
        greeting = await self._greetings.first()
        if greeting.status not in ("OK", "PREAUTH"):
            text = str(self._failure or greeting.text or greeting.status)
            self._fail(ConnectionLost(text))
            raise ServerUnreachable(f"the server does not talk to us: {text}")
        self.greeting = greeting
        self._protocol.state = AUTH if self.preauthenticated else NONAUTH
        self._note_condition(greeting)
        others, self._greetings = self._greetings.others(), None
        for condition in others:
            self._hear(condition)

    def _hold_up(self, hold: bool) -> None:
        """Stop reading from the server, or go on."""
        if hold is self._held_up or self._failure is not None:
            return
        self._held_up = hold
        if hold:
            self._protocol.transport.pause_reading()
        else:
            self._watchdog.sign()
            self._protocol.transport.resume_reading()

    def _is_answer_due(self) -> bool:
        if self._held_up:
            self._watchdog.sign()
        return self.busy

    def _give_up_waiting(self) -> None:
        self._fail(ConnectionLost(f"no answer for {self._watchdog.timeout:g} s"))

    def _lost(self, error: Exception | None) -> None:
        if self._bye is not None:
            for call in [call for call in self._pipeline.in_flight.values() if call.command.name == "LOGOUT"]:
                call.finish(Condition("OK", text=self._bye))
        why = self._bye or error
        self._fail(ConnectionLost(f"the connection was lost: {why}" if why else "the server closed the connection"))
        self._ended()

    def _ended(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def _fail(self, error: PostboatError, *, at_once: bool = True) -> None:
        """End the connection: the first error is the one that counts."""
        transport = self._protocol.transport
        if self._failure is None:
            self._failure = error
            self._protocol.state = LOGOUT
            self._watchdog.rest()
            self._pipeline.fail(str(error))
            if self._greetings is not None:
                self._greetings.put(Condition("BYE", text=str(error)))
        if transport is None:
            self._ended()
        elif at_once:
            transport.abort()
        else:
            transport.close()


def _octets(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def _require_ok(command: Command, condition: Condition) -> None:
    if condition.status != "OK":
        code = condition.code.name if condition.code else ""
        raise CommandFailed(command.name, condition.status, condition.text, code)
