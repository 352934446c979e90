"""Cutting the octets that a server sends into responses (RFC 3501 section 2.2.2, literals section 4.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.imap.wire.quirks import without_padding
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20

_LITERAL = re.compile(rb"(?:\A|(?<=[ (\]>]))~?\{(\d{1,19})\+?\}\Z")
# What is repeated is atomic: before Python 3.11.5 a possessive repetition kept half of a turn that failed (gh-106052).
_BALANCED_QUOTES = re.compile(rb'[^"]*+(?:(?>"(?:[^"\\]|\\.)*+"[^"]*+))*+', re.DOTALL)
_TEXT_ONLY = re.compile(
    rb"\* +(?:OK|NO|BAD|BYE|PREAUTH)(?: |\Z)|\+|\* +\[|\[|[^ *+\[]+ +(?:OK|NO|BAD)(?: |\Z)", re.IGNORECASE
)
_SET_OF_UIDS = re.compile(rb"\0*\* +(?:SEARCH|ESEARCH|VANISHED)\b", re.IGNORECASE)
_FETCH = re.compile(rb"\0*\* +\d+ +FETCH\b", re.IGNORECASE)
_BODY_COMES = re.compile(
    rb'(\* \d{1,10} FETCH \([^"{\r\n]*(?:"[^"\\\r\n]*"[^"{\r\n]*)?(?<=BODY\[\] ))\{(\d{1,9})\}\r\n'
)
"""Announces a message's body in the commonest way, so that there is no doubt that it does."""


class ProtocolViolation(Exception):
    """What the server sent cannot be read on without guessing; the connection must go."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may send before it is given up, in octets unless said otherwise."""

    line: int = 8 * MIB
    set_line: int = 64 * MIB
    """A line of SEARCH, ESEARCH or VANISHED, which grows with the mailbox."""
    literal: int = 2048 * MIB
    """Of a message; nothing else that may come as a literal is as large."""
    other_literal: int = MIB
    reply: int = 256 * MIB
    """Lines and held literals of one response together."""
    literals: int = 4096
    """Literals in one response."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """Stands where a literal was that came in pieces."""

    size: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response without its final line end. Parts at even places are text, those at odd places literals."""

    parts: tuple[bytes | Streamed, ...]


@dataclass(frozen=True, slots=True)
class LiteralBegan:
    """A large literal follows; `parts` is the response as far as it came, the announcement left out."""

    parts: tuple[bytes | Streamed, ...]
    size: int


@dataclass(frozen=True, slots=True)
class LiteralData:
    """A piece of a large literal."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LiteralEnded:
    """The large literal is complete; its response is not yet."""


Frame = Reply | LiteralBegan | LiteralData | LiteralEnded


class Framer:
    """Turns octets into frames in linear time, whatever their chunking.

    `stream_over` may be changed at any time: literals larger than that come in pieces, the others whole.
    """

    def __init__(self, limits: Limits | None = None, stream_over: int = MIB) -> None:
        self.stream_over = stream_over
        self._limits = limits or Limits()
        self._line = bytearray()
        """The beginning of a line whose end has not come."""
        self._parts: list[bytes | Streamed] = []
        self._held = 0
        self._literal: bytearray | None = None
        self._missing = 0
        """Octets of the current literal that have not come."""
        self._streaming = 0
        """Size of the literal that comes in pieces, 0 when there is none."""

    @property
    def is_midway(self) -> bool:
        """Whether a response began that has not come to its end."""
        return bool(self._missing or self._line or self._parts)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield what `data` completes. Must be exhausted before it is called again.

        Raises ProtocolViolation, after which the framer is of no more use.
        """
        at, end = 0, len(data)
        while at < end:
            if self._missing:
                piece = data[at : at + self._missing]
                at += len(piece)
                yield from self._take_literal(piece)
                continue
            if not self._line and not self._parts and (whole := self._whole_message(data, at)) is not None:
                reply, at = whole
                yield reply
                continue
            newline = data.find(b"\n", at)
            if newline < 0:
                self._line += data[at:]
                self._check_line(len(self._line))
                return
            line = data[at:newline]
            at = newline + 1
            if self._line:
                line = bytes(self._line) + line
                self._line.clear()
            frame = self._take_line(line[:-1] if line.endswith(b"\r") else line)
            if frame is not None:
                yield frame

    def _whole_message(self, data: bytes, at: int) -> tuple[Reply, int] | None:
        """A FETCH that came with its body in one piece, and where it ends: what else there is takes the long way."""
        match = _BODY_COMES.match(data, at)
        if match is None:
            return None
        text, size, begin = match[1], int(match[2]), match.end()
        end = begin + size + 3
        limits = self._limits
        fits = size <= min(self.stream_over, limits.literal) and end - at <= min(limits.reply, limits.line + size)
        if not fits or data[end - 3 : end] != b")\r\n":
            return None
        return Reply((text, data[begin : end - 3], b")")), end

    def _take_line(self, line: bytes) -> Frame | None:
        if len(line) > self._limits.line:
            self._check_line(len(line), line)
        if not self._parts:
            line = without_padding(line)
            if not line:
                return None
        elif line[:1] not in (b" ", b")"):
            self._check_after_literal(line)
        if line.endswith(b"}"):
            announcement = _LITERAL.search(line, max(0, len(line) - 24))
            if announcement and self._has_literals(line, announcement.start()):
                return self._begin_literal(line[: announcement.start()], int(announcement[1]))
        if not self._parts:
            return Reply((line,))
        self._hold(len(line))
        parts = (*self._parts, line)
        self._parts.clear()
        self._held = 0
        return Reply(parts)

    def _has_literals(self, line: bytes, announced_at: int) -> bool:
        """Whether the braces at the end of the line are an announcement, not a text's or a quoted string's."""
        if not self._parts:
            if _TEXT_ONLY.match(line):
                return False
            if not line.startswith(b"*"):
                raise ProtocolViolation("the server announced data outside a response")
        if not _BALANCED_QUOTES.fullmatch(line, 0, announced_at):
            raise ProtocolViolation("the server announced data inside an unfinished quoted string")
        return True

    def _begin_literal(self, text: bytes, size: int) -> Frame | None:
        limits = self._limits
        self._hold(len(text))
        self._parts.append(text)
        most = limits.literal if self._is_fetch() else limits.other_literal
        if size > most or len(self._parts) > 2 * limits.literals:
            raise ProtocolViolation(f"the server announced more than is accepted: {size} octets")
        self._missing = size
        if size > self.stream_over:
            self._streaming = size
            return LiteralBegan(tuple(self._parts), size)
        self._hold(size)
        if size:
            self._literal = bytearray()
        else:
            self._parts.append(b"")
        return None

    def _is_fetch(self) -> bool:
        first = self._parts[0]
        return isinstance(first, bytes) and _FETCH.match(first) is not None

    def _take_literal(self, piece: bytes) -> Iterator[Frame]:
        self._missing -= len(piece)
        if self._streaming:
            yield LiteralData(piece)
            if not self._missing:
                self._parts.append(Streamed(self._streaming))
                self._streaming = 0
                yield LiteralEnded()
        elif self._literal is not None:
            if not self._missing and not self._literal:
                self._parts.append(piece)
                self._literal = None
                return
            self._literal += piece
            if not self._missing:
                self._parts.append(bytes(self._literal))
                self._literal = None

    def _check_after_literal(self, line: bytes) -> None:
        """Refuse a literal whose length was wrong: in a FETCH, a space or a bracket follows it."""
        if line or self._is_fetch():
            raise ProtocolViolation("what follows a literal is no continuation of its response")

    def _check_line(self, length: int, line: bytes | bytearray | None = None) -> None:
        if length <= self._limits.line:
            return
        is_set = not self._parts and _SET_OF_UIDS.match(self._line if line is None else line)
        if not is_set or length > self._limits.set_line:
            raise ProtocolViolation(f"the server sent a line of more than {length - 1} octets")

    def _hold(self, octets: int) -> None:
        self._held += octets
        if self._held > self._limits.reply:
            raise ProtocolViolation(f"the server sent a response of more than {self._limits.reply} octets")
