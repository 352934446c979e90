r"""A server on loopback that plays a dialogue written as text, for tests of what a client survives.

```
S: * OK hello                  say a line
C: LOGIN .*                    expect a command; its tag is remembered, the rest is matched as a regular expression
C! \S+                         expect a line without a tag (an answer to a challenge, a literal's end)
L: 5                           read five octets of a literal
S: %t OK done                  %t is the latest tag, %1 the first, %2 the second ...
R: * 1 FETCH (BODY[] {5}\r\n   say octets as they are, with Python's escapes
many 1000: * %n FETCH (UID %n FLAGS ())    say a line often, %n counts from 1; all in one write
wait NAME / set NAME           wait for, or set, the event `server.events[NAME]`
pause                          give the loop a turn, so that what was said travels by itself
tls                            go on under TLS (`serve(..., context=...)`)
close / reset                  end the connection
```
A connection stays open when its script is at its end. `server.heard` holds every line and literal received.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import textwrap
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

PATIENCE = 5.0


class ScriptedServer:
    """Plays one script for each connection, in the order of their coming."""

    def __init__(self, scripts: tuple[str, ...], context: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self.events: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.heard: list[bytes] = []
        self.failures: list[BaseException] = []
        self.port = 0

    async def open_transport(self, factory):
        """Connect to this server, as `Connection.start` wants it."""
        return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", self.port)

    async def reached(self, name: str) -> None:
        """Wait until the script set the event `name`; fails when the script cannot get there any more."""
        async with asyncio.timeout(PATIENCE):
            await self.events[name].wait()
        if self.failures:
            raise AssertionError("the script failed") from self.failures[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await _Play(self, reader, writer).perform(self._scripts.pop(0))
            await reader.read()
        except (ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as error:
            self.failures.append(error)
            for event in self.events.values():
                event.set()
        finally:
            self._tasks.discard(task)
            writer.close()


class _Play:
    def __init__(self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.tags: list[str] = []

    async def perform(self, script: str) -> None:
        for line in textwrap.dedent(script).strip("\n").split("\n"):
            if line.strip():
                async with asyncio.timeout(PATIENCE):
                    await self.step(line)

    async def step(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "S:":
            self.writer.write(self.filled(rest).encode("latin-1") + b"\r\n")
        elif word == "R:":
            self.writer.write(self.filled(rest).encode("latin-1").decode("unicode_escape").encode("latin-1"))
        elif word == "C:":
            await self.expect_command(rest)
        elif word == "C!":
            heard = await self.hear()
            assert re.fullmatch(rest, heard, re.DOTALL), f"expected {rest!r}, heard {heard!r}"
        elif word == "L:":
            self.server.heard.append(await self.reader.readexactly(int(rest)))
        elif word == "many":
            self.say_often(rest)
        elif word == "wait":
            await self.server.events[rest].wait()
        elif word == "set":
            self.server.events[rest].set()
        elif word == "pause":
            await self.writer.drain()
            await asyncio.sleep(0.01)
        elif word == "tls":
            await self.writer.drain()
            await self.writer.start_tls(self.server._context)
        elif word == "close":
            self.writer.close()
        elif word == "reset":
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        else:
            raise AssertionError(f"no such step: {line!r}")

    def say_often(self, rest: str) -> None:
        times, _, text = rest.partition(": ")
        line = self.filled(text) + "\r\n"
        self.writer.write("".join(line.replace("%n", str(n)) for n in range(1, int(times) + 1)).encode("latin-1"))

    async def hear(self) -> str:
        line = (await self.reader.readuntil(b"\r\n"))[:-2]
        self.server.heard.append(line)
        return line.decode("latin-1")

    async def expect_command(self, pattern: str) -> None:
        heard = await self.hear()
        tag, _, rest = heard.partition(" ")
        assert re.fullmatch(pattern, rest, re.DOTALL), f"expected {pattern!r}, heard {rest!r}"
        self.tags.append(tag)

    def filled(self, text: str) -> str:
        if self.tags:
            text = text.replace("%t", self.tags[-1])
        return re.sub(r"%(\d)", lambda match: self.tags[int(match[1]) - 1], text)


@asynccontextmanager
async def serve(*scripts: str, context: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """Serve the scripts; at the end, what went wrong on the server's side is raised."""
    played = ScriptedServer(scripts, context)
    server = await asyncio.start_server(played._serve, "127.0.0.1", 0, limit=1 << 26)
    played.port = server.sockets[0].getsockname()[1]
    try:
        yield played
    finally:
        server.close()
        for task in list(played._tasks):
            task.cancel()
        while played._tasks:
            await asyncio.sleep(0)
    if played.failures:
        raise AssertionError(f"on the server's side: {played.failures[0]!r}") from played.failures[0]
