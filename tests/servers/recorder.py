"""A proxy that writes down who said what in which order, for tests of what a job costs on the wire.

    async with Recorder(account.host, account.port) as wire:
        ...  # talk to wire.host, wire.port; wire.delay = 0.025 if it shall take its time
    assert wire.round_trips <= 2
    assert wire.commands_sent("SELECT", "EXAMINE") == []

A *flight* is all that the client says knowing the answers to the flights before and no more; a *round trip* is a flight
other than a LOGOUT alone, for whose answer nobody waits. So an answer that streams in many pieces counts once, whatever
the client says meanwhile. Use a `delay`: without one, a second thing said may find the first one answered already.

What was said can only be read on a connection in plain text without COMPRESS.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from tests.bench.flights import Connection
from tests.servers.proxy import Proxy

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
_COMMAND = re.compile(r"[A-Z]+\d+ (.+)", re.DOTALL)


@dataclass
class Recording:
    """One connection: what was said, and by the client in which flight."""

    said: list[bytes] = field(default_factory=list)
    """By the client, flight by flight."""
    heard: list[bytes] = field(default_factory=list)
    """By the client from the server, piece by piece."""
    chain: Connection = field(default_factory=Connection)
    under_way: dict[bool, deque[int]] = field(default_factory=lambda: {True: deque(), False: deque()})
    """The flight of each piece between the two ends, or for an answer the last that it may answer, by `up`."""

    def left(self, data: bytes, *, up: bool) -> None:
        """One end sent a piece."""
        flight = self.chain.sent(len(data)) if up else self.chain.answered(len(data))
        self.under_way[up].append(flight)
        if up:
            self.said += [b""] * (flight - len(self.said))
            self.said[flight - 1] += data

    def arrived(self, data: bytes, *, up: bool) -> None:
        """The other end got it."""
        flight = self.under_way[up].popleft()
        if up:
            self.chain.reached_server(flight)
        else:
            self.chain.reached_client(flight)
            self.heard.append(data)

    @property
    def flights(self) -> list[list[str]]:
        """The commands of each flight; one that only goes on with a command of the one before may be empty."""
        return [commands_of(octets) for octets in self.said]

    @property
    def round_trips(self) -> int:
        """How many flights there were, but for the farewell."""
        return sum(commands_of(octets) != ["LOGOUT"] for octets in self.said)

    @property
    def sent(self) -> bytes:
        """All octets from the client."""
        return b"".join(self.said)

    @property
    def received(self) -> bytes:
        """All octets from the server."""
        return b"".join(self.heard)

    def commands(self, *verbs: str) -> list[str]:
        """Commands sent, without tags, in order; with `verbs` those that begin with one of them."""
        return [command for command in commands_of(self.sent) if not verbs or command.startswith(verbs)]


class Recorder(Proxy):
    """A `Proxy` that keeps a `Recording` of every connection, in the order of their coming."""

    def __init__(self, host: str, port: int, *, delay: float = 0.0) -> None:
        super().__init__(host, port, delay=delay)
        self.connections: list[Recording] = []

    @property
    def round_trips(self) -> int:
        """Of the connection that had most: connections take their time side by side."""
        return max((connection.round_trips for connection in self.connections), default=0)

    def commands_sent(self, *verbs: str) -> list[str]:
        """Commands of all connections, without tags; with `verbs` those that begin with one of them."""
        return [command for connection in self.connections for command in connection.commands(*verbs)]

    def forget(self) -> None:
        """Begin anew, for the next job."""
        self.connections.clear()
        self.bytes_up = self.bytes_down = self.total = self.most = 0

    def _opened(self) -> Recording:
        recording = Recording()
        self.connections.append(recording)
        return recording

    def _left(self, connection: object, data: bytes, *, up: bool) -> None:
        assert isinstance(connection, Recording)
        connection.left(data, up=up)

    def _arrived(self, connection: object, data: bytes, *, up: bool) -> None:
        assert isinstance(connection, Recording)
        if data:
            connection.arrived(data, up=up)


def commands_of(octets: bytes) -> list[str]:
    """The commands in what a client said, each in one line with its literals in place, without tags."""
    found: list[str] = []
    at = 0
    while at < len(octets):
        text, at = _line(octets, at)
        while match := _LITERAL.search(text):
            size = int(match[1])
            rest, after = _line(octets, at + size)
            text, at = text[: match.start()] + octets[at : at + size] + rest, after
        if command := _COMMAND.fullmatch(text.removesuffix(b"\r\n").decode("latin-1")):
            found.append(command[1])
    return found


def _line(octets: bytes, at: int) -> tuple[bytes, int]:
    end = octets.find(b"\r\n", at)
    end = len(octets) if end < 0 else end + 2
    return octets[at:end], end
