"""A server reached through a shell command: its standard input and output are the line."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, cast

from postboat.errors import ServerUnreachable

if TYPE_CHECKING:
    from typing import Self

_GRACE = 2.0
"""Seconds a command has for ending by itself once its input is closed, and again after SIGTERM."""
_LAST_WORDS = 0.2
_TAIL = 4096


class Tunnel(asyncio.SubprocessProtocol):
    """A running command. It has a session of its own, so that Ctrl-C ends it with us and not before us."""

    def __init__(self) -> None:
        self._complaints = b""
        self._ended = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None
        self._given_up = False

    @classmethod
    async def start(cls, command: str) -> tuple[Self, socket.socket]:
        """Start a shell command; returns it with our end of the line, which the caller closes.

        A socket pair rather than two pipes: one transport, both directions, with flow control.
        Raises `ServerUnreachable` when there is no shell to start.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            _, tunnel = await asyncio.get_running_loop().subprocess_shell(
                cls,
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ServerUnreachable(f"the tunnel cannot be started: {error.strerror}: {command}") from error
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return tunnel, ours

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the process to end it later."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the end of what the command says on its standard error."""
        self._complaints = (self._complaints + data)[-_TAIL:]

    def process_exited(self) -> None:
        """The process is reaped; its last words may still be under way, or never end (a child in the background)."""
        asyncio.get_running_loop().call_later(_LAST_WORDS, self._ended.set)
        self._release()

    def connection_lost(self, exc: Exception | None) -> None:
        """The process is reaped and its standard error read to its end."""
        self._ended.set()

    @property
    def complaint(self) -> str:
        """The last line that the command wrote to its standard error, or ""."""
        lines = self._complaints.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def end(self) -> None:
        """Wait until the command has ended, helping after a while; its line must be closed already."""
        try:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                if await self._ends_within(_GRACE):
                    return
                self._signal(sign)
            await self._ends_within(_GRACE)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the command at once; the event loop reaps it."""
        self._signal(signal.SIGKILL)
        self._given_up = True
        stderr = self._transport.get_pipe_transport(2) if self._transport is not None else None
        if stderr is not None:
            stderr.close()
        self._release()

    def _release(self) -> None:
        """Close what is left of a command that was given up, once it is reaped.

        A transport that is closed earlier may reap it itself, and the event loop then misses its child.
        """
        if self._given_up and self._transport is not None and self._transport.get_returncode() is not None:
            self._transport.close()

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    def _signal(self, sign: signal.Signals) -> None:
        """Signal the command and all that it started, as far as they stayed in its session's first group."""
        if self._transport is None or self._transport.get_returncode() is not None:
            return
        try:
            os.killpg(self._transport.get_pid(), sign)
        except ProcessLookupError:
            pass
