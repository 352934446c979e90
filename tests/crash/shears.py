"""A relay that breaks the line at the n-th point of what goes one way: after a reply, or inside a literal.

Points are counted as octets pass, since no two runs send the same: tags, times and dates differ.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import TYPE_CHECKING, Literal

from tests.servers.proxy import LineOver, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")

How = Literal["closed", "reset", "mute"]


class Points:
    """Finds the points in a stream: the end of each line outside literals, and in each literal those after its first
    octet, after half of them, and before the last."""

    def __init__(self) -> None:
        self._line, self._left, self._size = b"", 0, 0
        self._passed = 0

    def feed(self, data: bytes) -> Iterator[int]:
        """Offsets from the beginning of the stream at which it may be cut, ascending."""
        while data:
            if self._left:
                taken = min(self._left, len(data))
                before = self._size - self._left
                yield from (
                    self._passed + inside - before
                    for inside in sorted({1, self._size // 2, self._size - 1})
                    if before < inside <= before + taken
                )
                data, self._left = data[taken:], self._left - taken
                self._passed += taken
                continue
            end = data.find(b"\n") + 1 or len(data)
            self._line += data[:end]
            self._passed += end
            data = data[end:]
            if self._line.endswith(b"\r\n"):
                literal = _LITERAL.search(self._line)
                self._size = self._left = int(literal[1]) if literal else 0
                self._line = b""
                yield self._passed


class AppendsDone(Points):
    """Finds where a server begins to say that it stored messages: it did so, and nobody hears of it (RFC 4315)."""

    SAYING = b"APPENDUID"

    def __init__(self) -> None:
        super().__init__()
        self._tail = b""

    def feed(self, data: bytes) -> Iterator[int]:
        """Offsets of these words."""
        seen, before = self._tail + data, self._passed - len(self._tail)
        for match in re.finditer(self.SAYING, seen):
            yield before + match.start()
        self._passed += len(data)
        self._tail = seen[-len(self.SAYING) + 1 :]


class Shears(Proxy):
    """Breaks the first connection at one point; those that follow are left alone, unless all goes mute."""

    def __init__(
        self, host: str, port: int, *, up: bool, at: int | None, how: How = "closed", points: Points | None = None
    ) -> None:
        super().__init__(host, port)
        self._up, self._at, self._how = up, at, how
        self._first: object | None = None
        self._points = points or Points()
        self.count = 0
        """Points that passed."""
        self.was_cut = self._done = False

    def _opened(self) -> object:
        connection = object()
        if self._first is None:
            self._first = connection
        elif self._how != "mute":
            self.cut_after_up = self.cut_after_down = None
        return connection

    def _left(self, connection: object, data: bytes, *, up: bool) -> None:
        if connection is not self._first or up is not self._up or self.was_cut:
            return
        for offset in self._points.feed(data):
            self.count += 1
            if self.count == self._at:
                self.was_cut = True
                if up:
                    self.cut_after_up = offset
                else:
                    self.cut_after_down = offset
                return

    async def _hand_on(self, *line: object, up: bool) -> None:
        """Where the first connection ends, it ends in the way that was asked for."""
        try:
            await super()._hand_on(*line, up=up)
        except LineOver:
            if self.was_cut and up is self._up and not self._done:
                self._done = True
                await self._end()
            raise

    async def _end(self) -> None:
        if self._how == "reset":
            self.cut()
        elif self._how == "mute":
            self.stall()
            await asyncio.Event().wait()


class Tally(Proxy):
    """Breaks nothing, and counts at how many points the first connection could be."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._first: object | None = None
        self._finders = {(up, kind): kind() for up in (False, True) for kind in (Points, AppendsDone)}
        self.counts: Counter[tuple[bool, type[Points]]] = Counter()
        """Points of each kind, of what goes up or down."""

    def _opened(self) -> object:
        connection = object()
        self._first = self._first or connection
        return connection

    def _left(self, connection: object, data: bytes, *, up: bool) -> None:
        if connection is self._first:
            for (way, kind), finder in self._finders.items():
                if way is up:
                    self.counts[way, kind] += sum(1 for _ in finder.feed(data))
