"""A proxy that writes down who said what in which order, for tests of what a job costs on the wire.

    async with Recorder(account.host, account.port) as wire:
        ...  # talk to wire.host, wire.port; wire.delay = 0.025 if it shall take its time
    assert wire.round_trips <= 2
    assert wire.commands_sent("SELECT", "EXAMINE") == []

A *round trip* is a time when the client says something after the server has said something: then it has probably waited
for it. The greeting is the server's first word, so that signing in costs at least one. A LOGOUT that nothing follows
is no round trip, since nobody waits for it. Counts depend on how the octets are cut into pieces; assert an upper bound,
and use a `delay` where an answer that comes in several pieces would otherwise be counted more than once.

What was said can only be read on a connection in plain text without COMPRESS.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Literal

from tests.servers.proxy import Proxy

Way = Literal["up", "down"]

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
_COMMAND = re.compile(r"[A-Z]+\d+ (.+)", re.DOTALL)


@dataclass
class Recording:
    """One connection, from the client's point of view: what it sent when it sent it, what came when it came."""

    pieces: list[tuple[Way, bytes]] = field(default_factory=list)

    @property
    def turns(self) -> list[tuple[Way, bytes]]:
        """The conversation as each side's uninterrupted speech."""
        turns: list[tuple[Way, bytes]] = []
        for way, octets in self.pieces:
            if turns and turns[-1][0] == way:
                turns[-1] = (way, turns[-1][1] + octets)
            elif octets:
                turns.append((way, octets))
        return turns

    @property
    def flights(self) -> list[list[str]]:
        """The commands of each of the client's turns; a turn that only goes on with one before may be empty."""
        return [commands_of(octets) for way, octets in self.turns if way == "up"]

    @property
    def round_trips(self) -> int:
        """How often the client spoke after the server had, but for its farewell."""
        turns = self.turns
        spoken = [octets for before, (way, octets) in itertools.pairwise(turns) if (before[0], way) == ("down", "up")]
        return sum(commands_of(octets) != ["LOGOUT"] for octets in spoken)

    @property
    def sent(self) -> bytes:
        """All octets from the client."""
        return b"".join(octets for way, octets in self.pieces if way == "up")

    @property
    def received(self) -> bytes:
        """All octets from the server."""
        return b"".join(octets for way, octets in self.pieces if way == "down")

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

    def _passed(self, connection: object, data: bytes, *, up: bool) -> None:
        assert isinstance(connection, Recording)
        connection.pieces.append(("up" if up else "down", data))


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
