"""A relay in front of any server: counts connections and bytes, and spoils the line on purpose.

    async with Proxy(account.host, account.port) as proxy:
        ...  # talk to proxy.host, proxy.port
        assert proxy.most <= 3
        proxy.cut()

It lives in the event loop of the test that opens it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Line = asyncio.Queue[tuple[float, bytes]]
"""Bytes under way in one direction, each with the time of its arrival; no bytes are the end."""


class Proxy:
    """Relays every connection to `host`:`port`; its knobs may be turned at any time and act on the next bytes.

    `delay` is the time in seconds that bytes travel each way. `cut_after_down` and `cut_after_up` are the bytes from and
    to the server, on each connection, that still arrive before both ends see it close. `refuse` closes new connections.
    It listens at any free port, or at `listen`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        delay: float = 0.0,
        cut_after_down: int | None = None,
        cut_after_up: int | None = None,
        listen: int = 0,
    ) -> None:
        self._target = (host, port)
        self.delay = delay
        self.cut_after_down = cut_after_down
        self.cut_after_up = cut_after_up
        self.refuse = False
        self.now = self.most = self.total = 0
        self.bytes_down = self.bytes_up = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._abandoned: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.host, self.port = HOST, listen

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def cut(self) -> None:
        """Break all connections at once, as a lost network does: both ends see a reset, bytes under way are lost."""
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()
        for session in self._sessions:
            session.cancel()

    def shut(self) -> None:
        """Listen no more: who calls is refused; connections stay."""
        assert self._server is not None
        self._server.close()

    async def open(self) -> None:
        """Listen, again at the same port; one that was given to the proxy is nobody else's meanwhile."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def abandon(self) -> None:
        """Let the connections there are fall silent until bury(), as when a laptop leaves their network; new ones work."""
        self._abandoned |= self._sessions
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def bury(self) -> None:
        """Close the connections that were abandoned, as a server does in the end."""
        for session in self._abandoned:
            session.cancel()

    def stall(self) -> None:
        """Stop moving bytes; connections stay open until resume() or their end."""
        self._flowing.clear()

    def resume(self) -> None:
        """Move the bytes held back and those that follow."""
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        assert session is not None
        self._sessions.add(session)
        self.now, self.total = self.now + 1, self.total + 1
        self.most = max(self.most, self.now)
        try:
            if not self.refuse:
                await self._relay(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy closes; Python 3.11 would log it as an error in the server's callback
        finally:
            self.now -= 1
            self._sessions.discard(session)
            self._abandoned.discard(session)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            return  # the server is down, and the client sees its connection closed
        self._writers |= {writer, server_writer}
        flowing = self._flowing
        up: Line = asyncio.Queue(maxsize=64)
        down: Line = asyncio.Queue(maxsize=64)
        connection = self._opened()
        try:
            async with asyncio.TaskGroup() as directions:
                for source, line, sink, is_up in (
                    (reader, up, server_writer, True),
                    (server_reader, down, writer, False),
                ):
                    left, arrived = (
                        partial(self._left, connection, up=is_up),
                        partial(self._arrived, connection, up=is_up),
                    )
                    directions.create_task(self._take(source, line, left))
                    directions.create_task(self._hand_on(line, sink, flowing, arrived, up=is_up))
        except* (LineOver, ConnectionError):
            pass  # one end of one direction is the end of the connection
        finally:
            self._writers -= {writer, server_writer}
            server_writer.close()

    def _opened(self) -> object:
        """Name a new connection for `_left` and `_arrived`."""
        return None

    def _left(self, connection: object, data: bytes, *, up: bool) -> None:
        """Take note of octets that one end sent."""

    def _arrived(self, connection: object, data: bytes, *, up: bool) -> None:
        """Take note of the same octets as the other end gets them: in the same pieces and order, at the end none."""

    async def _take(self, source: asyncio.StreamReader, line: Line, note: Callable[[bytes], None]) -> None:
        clock = asyncio.get_running_loop().time
        while data := await source.read(CHUNK):
            note(data)
            await line.put((clock() + self.delay, data))
        await line.put((clock() + self.delay, b""))

    async def _hand_on(
        self,
        line: Line,
        sink: asyncio.StreamWriter,
        flowing: asyncio.Event,
        note: Callable[[bytes], None],
        *,
        up: bool,
    ) -> None:
        clock, moved = asyncio.get_running_loop().time, 0
        while True:
            due, data = await line.get()
            if due > clock():
                await asyncio.sleep(due - clock())
            await flowing.wait()
            limit = self.cut_after_up if up else self.cut_after_down
            allowed = data if limit is None else data[: max(0, limit - moved)]
            note(allowed)
            sink.write(allowed)
            await sink.drain()
            moved += len(allowed)
            self._count(len(allowed), up=up)
            if not data or len(allowed) < len(data) or moved == limit:
                raise LineOver

    def _count(self, size: int, *, up: bool) -> None:
        if up:
            self.bytes_up += size
        else:
            self.bytes_down += size


class LineOver(Exception):
    """One direction of a connection came to its end, or to the byte after which it is to be cut."""
