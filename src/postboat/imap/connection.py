"""One connection to an IMAP server: commands out, answers in, and what each means for all that follow."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.errors import CertificateRefused, CommandFailed, ConnectionLost, PostboatError, ServerUnreachable
from postboat.imap.abilities import Abilities
from postboat.imap.answers import SIGN_IN, Answers
from postboat.imap.carrier import Carrier
from postboat.imap.gate import Gate
from postboat.imap.glow import Glow
from postboat.imap.patience import is_one_too_many
from postboat.imap.pipeline import CRLF, Call, Pipeline
from postboat.imap.protocol import LEGAL_IN, Protocol
from postboat.imap.refusals import require_ok
from postboat.imap.standing import AUTH, SELECTED, Standing
from postboat.imap.streaming import LiteralStream
from postboat.imap.tcp import in_words
from postboat.imap.watchdog import Watchdog
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Condition
from postboat.imap.wire_log import WireLog

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterable

    from postboat.imap.carrier import OpenTransport
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Response
    from postboat.imap.wire_log import Tell


class Connection:
    """A connection whose greeting was read. Commands are pipelined: each is sent at once and answered in its time.

    An untagged response goes to the oldest command in flight if that listens, else to the listener (`listen`); what
    neither takes is kept for the next listener. When the connection ends, all commands fail with `ConnectionLost`.
    """

    greeting: Condition

    def __init__(self, timeout: float, tell: Tell | None = None) -> None:
        self._log = WireLog(tell)
        self._abilities = Abilities()
        self._watchdog = Watchdog(timeout, self._is_answer_due, self._give_up_waiting)
        self._protocol = Protocol(self._received, self._lost)
        self._carrier = Carrier(self._protocol)
        self._standing = Standing(self._protocol, LEGAL_IN)
        self.gate = Gate()
        """Says when commands may go out."""
        self._pipeline = Pipeline(
            self._write,
            self._protocol,
            self._abilities.must_ask,
            self._fail,
            self._log.call,
            self._watchdog.sign,
            self.gate,
        )
        self.glow = Glow(self._carrier, self._pipeline)
        self._answers = Answers(self._pipeline, self._abilities, self._log, self._concluded)
        self._is_let_be = False
        self.is_cut = False
        """Whether it was this side that ended it."""
        self.failure: PostboatError | None = None
        """Why it ended; None while it stands."""
        self.is_one_too_many = False
        """Whether the server said so when it ended or refused to use this connection."""

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
        return self._standing.now

    @property
    def capabilities(self) -> frozenset[str]:
        """In capitals; replaced whenever the server announces them."""
        return self._abilities.names

    @property
    def capabilities_known(self) -> bool:
        """Whether the server announced them since the greeting, STARTTLS or sign-in, whichever came last."""
        return self._abilities.known

    def guess(self, capabilities: frozenset[str]) -> None:
        """Go by these until the server announces its own."""
        self._abilities.guess(capabilities)

    @property
    def preauthenticated(self) -> bool:
        """Whether the server greeted us as signed in already."""
        return self.greeting.status == "PREAUTH"

    @property
    def alive(self) -> bool:
        """Whether the connection stands, as far as this side knows."""
        return self.failure is None

    @property
    def busy(self) -> bool:
        """Whether a command waits to be sent or answered."""
        return self._pipeline.busy

    @property
    def pending(self) -> int:
        """How many do."""
        return self._pipeline.pending

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer; None without one."""
        return self._carrier.tls

    @property
    def is_compressible(self) -> bool:
        """Whether compression may be worth its while: there is a network between, and nothing compresses yet."""
        return not (self._carrier.is_near or self._carrier.is_compressed)

    @property
    def local_address(self) -> str | None:
        """The address of this machine that it runs from; None through a tunnel."""
        return self._carrier.local_address

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER); None without TLS."""
        return self.tls.getpeercert(binary_form=True) if self.tls is not None else None

    def listen(self, listener: Callable[[Response], None] | None) -> None:
        """Give untagged responses that no command takes to `listener`, those first that nobody has heard."""
        self._answers.hearing.listen(listener)

    def send(
        self,
        command: Command,
        *,
        on_untagged: Callable[[Response], None] | None = None,
        on_continuation: Callable[[bytes], None] | None = None,
    ) -> asyncio.Future[Condition]:
        """Send a command and give the future of its outcome: OK, NO or BAD, or the exception `ConnectionLost`.

        `on_untagged` gets the untagged responses that come while this is the oldest command in flight,
        `on_continuation` the text of each `+` that it gets. Cancelling the future keeps a command from being sent if it
        was not; its answer is otherwise ignored. Raises `ConnectionLost` when the connection is gone and
        `CommandFailed` when the state forbids the command.
        """
        if self.failure is not None:
            raise ConnectionLost(str(self.failure))
        self._begin_to_wait(unless=self.busy)
        self._standing.send(command, first=not self.busy)
        if command.name in SIGN_IN:
            self._abilities.sign_in_begins()
        call = Call(command, self._protocol.new_tag(), on_untagged)
        call.on_continuation = on_continuation
        self._pipeline.submit(call)
        self._watchdog.watch()
        return call.reply

    def say(self, line: bytes, *, secret: bool = False) -> None:
        """Go on with the command in flight that was answered by a `+` (RFC 3501 section 7.5)."""
        self._begin_to_wait()
        self._watchdog.watch()
        self._log.line(line, secret=secret)
        self._write(line + CRLF)

    def owe_nothing(self) -> None:
        """Let the server be silent from now on until something is said to it, though a command is in flight."""
        self._is_let_be = True

    def doubt(self, within: float) -> None:
        """End the connection unless there is a sign of life in so many seconds, for as long as an answer is owed."""
        self._watchdog.doubt(within)

    async def run(
        self, command: Command, *, on_untagged: Callable[[Response], None] | None = None, check: bool = True
    ) -> Condition:
        """Send a command and wait for its outcome; with `check`, NO and BAD raise `CommandFailed`."""
        condition = await self.send(command, on_untagged=on_untagged)
        if check:
            require_ok(command, condition)
        return condition

    @asynccontextmanager
    async def run_streaming(
        self, command: Command, on_untagged: Callable[[Response], None] | None = None
    ) -> AsyncIterator[LiteralStream]:
        """Send a command whose answer holds one large literal, and read that as it comes.

        Nothing else may be in flight. What the block did not read is read and thrown away; a block that raises costs
        the connection unless the command is done. Raises `CommandFailed` and `ConnectionLost` as `run` does.
        """
        if self.busy:
            raise RuntimeError("a streamed answer needs the connection for itself")
        stream = LiteralStream(self._hold_up)

        def heard(response: Response) -> None:
            stream.take(response)
            if on_untagged is not None:
                on_untagged(response)

        self._answers.stream_to(stream)
        try:
            reply = self.send(command, on_untagged=heard)
            reply.add_done_callback(stream.close)
            await stream.begun()
            if stream.size is None:
                require_ok(command, await reply)
            yield stream
            await stream.skip()
            require_ok(command, await reply)
        finally:
            self._answers.stream_to(None)
            self._hold_up(False)
            if self.busy:
                self._fail(ConnectionLost(f"{command.name} was left in the middle"))

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
        if self.failure is not None:
            raise CertificateRefused(str(self.failure)) from self.failure
        try:
            await self._carrier.start_tls(context, server_hostname, self._watchdog.timeout)
        except BaseException as error:
            self._fail(ConnectionLost(f"no TLS: {error}"))
            self._carrier.note_gone()
            raise
        self._answers.begin_anew()

    async def close(self) -> None:
        """Close and wait until nothing is left of the connection; commands without an answer fail."""
        self._fail(ConnectionLost("the connection was closed"), at_once=False)
        await self._carrier.gone()
        await self._pipeline.ended()

    async def leave(self, farewell: Command) -> None:
        """Say farewell and close, without waiting for an answer. Raises as `send` does."""
        self.send(farewell)
        await self._carrier.written()
        # TLS would wait for the server to close its half.
        self._fail(ConnectionLost("we left"), at_once=self.tls is not None)
        await self._carrier.gone()

    def abort(self, why: str = "the connection was cut") -> None:
        """Cut the connection at once; commands without an answer fail."""
        self.is_cut = self.is_cut or self.alive
        self._fail(ConnectionLost(why))

    def give_up(self, error: ConnectionLost) -> None:
        """Cut the connection for a reason that all who wait on it are told."""
        self._fail(error)

    # Going out

    def _begin_to_wait(self, unless: bool = False) -> None:
        """Expect an answer, and count the time from now `unless` one is expected already."""
        if self._is_let_be or not unless:
            self._is_let_be = False
            self._watchdog.begin()

    def _write(self, data: bytes) -> None:
        if self.failure is None:
            self._carrier.write(data)

    # Coming in

    def _received(self, data: bytes) -> None:
        oldest, told = self._pipeline.oldest, self._answers.told
        self._take(self._carrier.arrived(data, singly=oldest is not None and oldest.command.name == "COMPRESS"))
        answers = self._answers
        if self._pipeline.is_asking:
            self._protocol.acknowledge()
        self._watchdog.came(len(data), midway=answers.is_midway, fruitful=answers.told != told)

    def _take(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                if self.failure is not None:
                    return
                self._answers.feed(piece)
        except ConnectionLost as error:
            self._fail(error)
        bye = self._answers.bye
        if bye is not None and not self._pipeline.calls("LOGOUT"):
            if self.failure is None:
                self._hear("", bye)
            self._fail(ConnectionLost(f"the server closed the connection: {bye.text}"))

    def _catch_up(self) -> None:
        """Take what was left to be inflated when the server was held up."""
        if self.failure is None:
            self._take(self._carrier.arrived(b""))
        if self.failure is None:
            self._carrier.resume()

    def _concluded(self, name: str, condition: Condition) -> None:
        """Take over what a command's end means for the connection."""
        self._standing.concluded(name, condition)
        if name == "STARTTLS" and condition.status == "OK":
            self._carrier.pause()
        elif name == "COMPRESS" and condition.status == "OK":
            self._carrier.compress(self._catch_up)
        self._hear(name, condition)

    def _hear(self, name: str, condition: Condition) -> None:
        """Take in whether the server wants a slower pace, or one connection less."""
        self.gate.patience.hear(name, condition)
        if self.state in (AUTH, SELECTED) and is_one_too_many(condition):
            self.is_one_too_many = True
            self._fail(ConnectionLost(f"the server allows no further connection: {condition.text}"))

    # Beginning and end

    async def _be_greeted(self) -> None:
        """Take the greeting over."""
        greeting = await self._answers.greeting()
        bye = self._answers.bye
        if greeting.status not in ("OK", "PREAUTH") or bye is not None:
            text = str(self.failure or (bye or greeting).text or greeting.status)
            self._fail(ConnectionLost(text))
            raise ServerUnreachable(f"the server does not talk to us: {text}")
        self.greeting = greeting
        self._standing.greeted(preauthenticated=self.preauthenticated)

    def _hold_up(self, hold: bool) -> None:
        """Stop reading from the server, or go on."""
        if hold is self._carrier.held_up or self.failure is not None:
            return
        self._watchdog.begin()
        self._carrier.hold_up(hold)

    def _is_answer_due(self) -> bool:
        if self._carrier.held_up or self.gate.patience.pausing:
            self._watchdog.begin()
        return self.busy and not self._is_let_be

    def _give_up_waiting(self, why: str) -> None:
        self._fail(ConnectionLost(why))

    def _lost(self, error: Exception | None) -> None:
        bye = self._answers.bye
        if bye is not None:
            for call in self._pipeline.calls("LOGOUT"):
                call.finish(Condition("OK", text=bye.text))
        why = bye.text if bye is not None else error and in_words(error)
        self._fail(ConnectionLost(f"the connection was lost: {why}" if why else "the server closed the connection"))
        self._carrier.note_gone()

    def _fail(self, error: PostboatError, *, at_once: bool = True) -> None:
        """End the connection: the first error is the one that counts."""
        if self.failure is None:
            self.failure = error
            self._standing.ended()
            self._watchdog.rest()
            self._pipeline.fail(str(error))
            self._answers.stop(str(error))
        self._carrier.end(at_once=at_once)
