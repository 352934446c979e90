"""The network between a program and the server: a relay in a process of its own that delays and counts.

    with Network(server.host, server.port, delay=0.025) as network:
        ...  # run a program that connects to network.host, network.port
        traffic = network.traffic()      # of all connections since the last time

Octets travel `delay` seconds each way, at any rate; the opening of a connection itself takes no time. Run as a program
(`python -m tests.bench.network HOST PORT DELAY`) this file is the relay: it prints its port, and for each line on its
standard input what passed since the one before.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Self, cast

from tests.bench.flights import Connection, Traffic
from tests.servers.process import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

UNDER_WAY = 32 * 1024 * 1024
"""Octets that one direction of a connection holds at most; a network of 50 ms and 5 Gbit/s has as many in it."""
PATIENCE = 5.0
"""Seconds to wait for the connections of a program that has ended to close."""


class Network:
    """A relay in front of `host`:`port`."""

    def __init__(self, host: str, port: int, *, delay: float) -> None:
        self.delay = delay
        command = (sys.executable, "-m", "tests.bench.network", host, str(port), str(delay))
        self._relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.host, self.port = HOST, int(self._line())
        self.address = self.host, self.port

    def traffic(self) -> Traffic:
        """Return what passed since the last call, when all connections are closed."""
        assert self._relay.stdin is not None
        self._relay.stdin.write("\n")
        self._relay.stdin.flush()
        return Traffic(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._relay.stdout is not None
        if not (line := self._relay.stdout.readline()):
            raise RuntimeError("the relay ended")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the relay and all it carries."""
        self._relay.kill()
        self._relay.wait()
        for stream in (self._relay.stdin, self._relay.stdout):
            if stream is not None:
                stream.close()


class Direction:
    """Carries octets to one end, each `delay` seconds after it was given them."""

    def __init__(self, delay: float, arrived: Callable[[int], None]) -> None:
        self._delay, self._arrived = delay, arrived
        self._under_way: deque[tuple[float, bytes | None, int]] = deque()
        self._size = 0
        self._held = False
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.source: asyncio.Transport | None = None
        self.sink: asyncio.Transport | None = None

    def carry(self, data: bytes | None, flight: int = 0) -> None:
        """Take octets, or None for the end, on the way."""
        self._under_way.append((self._loop.time() + self._delay, data, flight))
        self._size += len(data or b"")
        self._deliver()

    def hold(self, held: bool) -> None:
        """Stop delivering to an end that does not keep up, or go on."""
        self._held = held
        self._deliver()

    def _deliver(self) -> None:
        while self._may_deliver():
            _, data, flight = self._under_way.popleft()
            assert self.sink is not None
            if data is None:
                self.sink.close()
                continue
            self._size -= len(data)
            self._arrived(flight)
            if not self.sink.is_closing():
                self.sink.write(data)
        if self._under_way and self._alarm is None and self.sink is not None and not self._held:
            self._alarm = self._loop.call_at(self._under_way[0][0], self._wake)
        self._regulate()

    def _may_deliver(self) -> bool:
        if not self._under_way or self.sink is None or self._held:
            return False
        return self._delay == 0 or self._under_way[0][0] <= self._loop.time() + 0.0002

    def _wake(self) -> None:
        self._alarm = None
        self._deliver()

    def _regulate(self) -> None:
        if self.source is None or self.source.is_closing():
            return
        if self._size >= UNDER_WAY or (self._held and self._delay == 0):
            self.source.pause_reading()
        elif not self.source.is_reading():
            self.source.resume_reading()


class End(asyncio.Protocol):
    """One end of a relayed connection: what it sends goes `out`, what comes `back` waits while it does not read."""

    def __init__(self, out: Direction, back: Direction, left: Callable[[int], int]) -> None:
        self._out, self._back, self._left = out, back, left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out.source = self._back.sink = cast("asyncio.Transport", transport)
        self._back.hold(False)

    def data_received(self, data: bytes) -> None:
        self._out.carry(data, self._left(len(data)))

    def pause_writing(self) -> None:
        self._back.hold(True)

    def resume_writing(self) -> None:
        self._back.hold(False)

    def connection_lost(self, _error: Exception | None) -> None:
        self._out.carry(None)


class Relay:
    """All connections of the relay's process."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        self._target, self._delay = (host, port), delay
        self._seen: list[Connection] = []
        self._open = 0
        self._dialling: set[asyncio.Task[None]] = set()

    def accept(self) -> End:
        """Begin a connection: return the client's end of it, and call the server."""
        seen = Connection()
        self._seen.append(seen)
        self._open += 1
        up = Direction(self._delay, seen.reached_server)
        down = Direction(self._delay, seen.reached_client)
        dialling = asyncio.create_task(self._dial(End(down, up, seen.answered), down))
        self._dialling.add(dialling)
        dialling.add_done_callback(self._dialling.discard)
        return ClientEnd(up, down, seen.sent, self._hang_up)

    async def _dial(self, end: End, down: Direction) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: end, *self._target)
        except OSError:
            down.carry(None)

    def _hang_up(self) -> None:
        self._open -= 1

    async def take(self) -> Traffic:
        """Return what passed since the last call, once every connection is closed or PATIENCE is over."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while self._open and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        seen, self._seen = self._seen, []
        return Traffic.of(seen)


class ClientEnd(End):
    """The end at which a connection begins and which says when it is over."""

    def __init__(self, out: Direction, back: Direction, left: Callable[[int], int], over: Callable[[], None]) -> None:
        super().__init__(out, back, left)
        self._over = over

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._over()


async def relay(host: str, port: int, delay: float) -> None:
    """Relay until the standard input ends."""
    loop = asyncio.get_running_loop()
    asked = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    connections = Relay(host, port, delay)
    server = await loop.create_server(connections.accept, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asked.readline():
        print(json.dumps(asdict(await connections.take())), flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(relay(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
