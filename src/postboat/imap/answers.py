"""What a server sends, from its octets to those whom each response is for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import ConnectionLost
from postboat.imap.greeting import Greetings
from postboat.imap.hearing import Hearing
from postboat.imap.wire.framer import MIB, Framer, LiteralBegan, LiteralData, ProtocolViolation, Reply
from postboat.imap.wire.parser import parse
from postboat.imap.wire.responses import Capabilities, Condition, Continuation, Tagged, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postboat.imap.abilities import Abilities
    from postboat.imap.pipeline import Call, Pipeline
    from postboat.imap.streaming import LiteralStream
    from postboat.imap.wire.framer import Frame
    from postboat.imap.wire.responses import Response
    from postboat.imap.wire_log import WireLog

HELD_LITERAL = 256 * MIB
"""A literal larger than this is refused unless it is streamed."""
STREAMED_LITERAL = 64 * 1024
"""While an answer is streamed, literals larger than this come in pieces."""
MOST_OCTETS = 1024 * MIB
"""Octets that may come between the ends of two commands, streamed ones left out: our questions ask for far less."""
MOST_RESPONSES = 4_000_000
"""Responses that may: a list of a mailbox has one for each message."""
SIGN_IN = frozenset({"LOGIN", "AUTHENTICATE"})


class Answers:
    """Reads the server's side of the conversation: concludes calls, learns abilities, lets the others hear the rest.

    `concluded` is told the name of each command that ends, and how, before its caller is.
    """

    def __init__(
        self, pipeline: Pipeline, abilities: Abilities, log: WireLog, concluded: Callable[[str, Condition], None]
    ) -> None:
        self.bye: Condition | None = None
        """The server's farewell, once it said BYE."""
        self.told = 0
        """Grows with each response that tells anything, and with each piece of a message."""
        self.hearing = Hearing()
        self._pipeline, self._abilities, self._log, self._concluded = pipeline, abilities, log, concluded
        self._framer = Framer(stream_over=HELD_LITERAL)
        self._stream: LiteralStream | None = None
        self._greetings: Greetings | None = Greetings()
        self._plain_text_is_over = False
        self._is_over = False
        self._octets = self._responses = 0
        """Since a command ended."""

    @property
    def is_midway(self) -> bool:
        """Whether a response began that has not come to its end."""
        return self._framer.is_midway

    async def greeting(self) -> Condition:
        """Wait for the greeting, and hear what came behind it; one that is no welcome is only given back."""
        assert self._greetings is not None, "a connection is greeted once"
        greeting = await self._greetings.first()
        if greeting.status in ("OK", "PREAUTH"):
            self._note_condition(greeting)
            others, self._greetings = self._greetings.others(), None
            for condition in others:
                self._hear(condition)
        return greeting

    def stream_to(self, stream: LiteralStream | None) -> None:
        """Give a large literal to `stream` piece by piece from now on; without one, none may come."""
        self._stream = stream
        self._framer.stream_over = HELD_LITERAL if stream is None else STREAMED_LITERAL

    def feed(self, data: bytes) -> None:
        """Take octets. Raises `ConnectionLost` when there is no way on."""
        try:
            self._octets += len(data)
            if self._octets > MOST_OCTETS:
                raise ProtocolViolation("the server does not stop to send what belongs to no answer")
            for piece in self._pieces(data):
                self._read(piece)
        except ProtocolViolation as error:
            raise ConnectionLost(f"protocol violation: {error}") from error

    def begin_anew(self) -> None:
        """Begin at the first octet under TLS; nothing said in clear counts (RFC 3501 section 6.2.1)."""
        self._framer = Framer(stream_over=HELD_LITERAL)
        self._plain_text_is_over = False
        self._abilities.forget()

    def stop(self, why: str) -> None:
        """Take nothing more; who still waits for the greeting gets `why` in its place."""
        self._is_over = True
        if self._greetings is not None:
            self._greetings.put(Condition("BYE", text=why))

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        """All in one, or octet by octet where the very next one may be TLS's."""
        oldest = self._pipeline.oldest
        if oldest is not None and oldest.command.name == "STARTTLS":
            return (data[at : at + 1] for at in range(len(data)))
        return (data,)

    def _read(self, piece: bytes) -> None:
        if self._is_over:
            return
        if self._plain_text_is_over:
            raise ProtocolViolation("the server sent something in clear after it agreed to TLS")
        for frame in self._framer.feed(piece):
            self._take(frame)
            if self._is_over:
                return

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Reply):
            self._log.reply(frame, self._pipeline.in_flight.values())
            self._take_response(parse(frame))
        elif self._stream is None:
            raise ProtocolViolation(f"a literal of more than {HELD_LITERAL} octets")
        elif isinstance(frame, LiteralBegan):
            self._stream.begin(frame)
        elif isinstance(frame, LiteralData):
            self.told += 1
            self._octets -= len(frame.data)
            self._stream.push(frame.data)

    def _take_response(self, response: Response) -> None:
        self._responses += 1
        if self._responses > MOST_RESPONSES:
            raise ProtocolViolation("the server does not stop to tell what belongs to no answer")
        self.told += not isinstance(response, Condition | Unknown)
        if isinstance(response, Tagged):
            self._octets = self._responses = 0
            self._require_presence(response.condition)
            call = self._pipeline.answer(response)
            if call is not None:
                self._conclude(call, response.condition)
        elif isinstance(response, Continuation):
            self._pipeline.proceed(response.text)
        elif self._greetings is not None and isinstance(response, Condition):
            self._greetings.put(response)
        else:
            self._hear(response)

    def _require_presence(self, condition: Condition) -> None:
        """What is granted behind a BYE was not: only a refusal may explain it."""
        if self.bye is not None and condition.status == "OK" and not self._pipeline.calls("LOGOUT"):
            raise ConnectionLost(f"the server closed the connection: {self.bye.text}")

    def _hear(self, response: Response) -> None:
        """Pass an untagged response on; none is dropped."""
        if isinstance(response, Capabilities):
            self._abilities.announce(response.names)
        elif isinstance(response, Condition):
            self._note_condition(response)
        self.hearing.hear(response, self._pipeline.oldest)

    def _note_condition(self, condition: Condition) -> None:
        if condition.code is not None and (names := condition.code.capabilities) is not None:
            self._abilities.announce(names)
        if condition.status == "BYE" and self.bye is None:
            self.bye = replace(condition, text=condition.text or "BYE")

    def _conclude(self, call: Call, condition: Condition) -> None:
        """Take over what a command's end means, then let its caller go on."""
        self._note_condition(condition)
        if condition.status == "OK":
            if call.command.name in SIGN_IN:
                self._abilities.signed_in()
            elif call.command.name == "STARTTLS":
                self._plain_text_is_over = True
        self._concluded(call.command.name, condition)
        call.finish(condition)
