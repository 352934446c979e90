"""Runs a command of the user's: with a limit to its time and to what of its words is kept, and none left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TAIL = 4096
"""Octets of what a command prints that are kept: the last ones."""
GRACE = 2.0
"""Seconds that a command has to end itself after SIGTERM."""
_LAST_WORDS = 0.2
"""Seconds for which the output of a command that ended is waited for: a child in the background may keep it open."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command."""

    status: int | None
    """Its exit status, negative for a signal; None when it could not be started or took too long."""
    output: str
    """The end of what it printed on both channels, or why it did not run."""
    seconds: float


async def run_command(
    command: str, environment: Mapping[str, str], told: bytes, *, within: float, grace: float = GRACE
) -> Ran:
    """Run a command in a shell, with `told` on its standard input, and end it `within` so many seconds.

    It is the head of a process group, which is ended with it when time is up, and when this is cancelled. What it
    leaves in the background when it ends by itself is left alone.
    """
    began = time.monotonic()
    try:
        running = await _started(command, environment, told, grace)
    except OSError as error:
        return Ran(None, f"cannot be started: {error.strerror or error}", time.monotonic() - began)
    try:
        async with asyncio.timeout(within):
            await running.exited.wait()
        await _wait_for(running.closed, _LAST_WORDS)
        return Ran(running.status, running.output, time.monotonic() - began)
    except TimeoutError:
        await running.end(grace)
        why = f"took longer than {within:g} seconds and was ended"
        return Ran(None, "\n".join(filter(None, (running.output, why))), time.monotonic() - began)
    finally:
        await running.leave(grace)


async def _started(command: str, environment: Mapping[str, str], told: bytes, grace: float) -> _Command:
    """Start a command. Cancelled meanwhile, it is ended like any other: the loop would end the head of its group only.

    Raises `OSError` when it cannot be started.
    """
    starting = asyncio.ensure_future(_Command.start(command, environment, told))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting])
        if starting.exception() is None:
            await starting.result().leave(grace)
        raise


class _Command(asyncio.SubprocessProtocol):
    """A command under way."""

    def __init__(self) -> None:
        self.exited, self.closed = asyncio.Event(), asyncio.Event()
        self._said = b""
        self._transport: asyncio.SubprocessTransport | None = None
        self._given_up = False

    @classmethod
    async def start(cls, command: str, environment: Mapping[str, str], told: bytes) -> _Command:
        """Start it. Raises `OSError` when that cannot be."""
        with _file_of(told) as file:  # rather than a pipe, which somebody must read
            _, running = await asyncio.get_running_loop().subprocess_shell(
                cls,
                command,
                env=dict(environment),
                stdin=file,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        return running

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the process to end it later."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the end of what it says."""
        self._said = (self._said + data)[-TAIL:]

    def process_exited(self) -> None:
        """It ended and is reaped."""
        self.exited.set()
        self._release()

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended, and its output too."""
        self.closed.set()

    @property
    def status(self) -> int | None:
        """Its exit status, once it has one."""
        return self._transport.get_returncode() if self._transport is not None else None

    @property
    def output(self) -> str:
        """The end of what it said, fit for a terminal."""
        text = self._said.decode(errors="replace")
        return "\n".join("".join(c for c in line if c.isprintable() or c == "\t") for line in text.split("\n")).strip()

    async def end(self, grace: float) -> None:
        """End it and its group, if it has not ended: asked first, then without asking, as when this is cancelled."""
        if self.exited.is_set():
            return
        self._signal(signal.SIGTERM)
        try:
            await _wait_for(self.exited, grace)
        finally:
            self._signal(signal.SIGKILL)  # even if its head has ended: others of the group may not care to
        await _wait_for(self.exited, grace)

    async def leave(self, grace: float) -> None:
        """End it, and let go of its pipes, now or once it is reaped: closed earlier, the loop may miss its end."""
        try:
            await self.end(grace)
        finally:
            self._given_up = True
            self._release()

    def _release(self) -> None:
        if self._given_up and self._transport is not None and self.exited.is_set():
            self._transport.close()

    def _signal(self, sign: signal.Signals) -> None:
        if self._transport is None:
            return
        try:
            os.killpg(self._transport.get_pid(), sign)
        except (ProcessLookupError, PermissionError):
            pass


@contextmanager
def _file_of(octets: bytes) -> Iterator[IO[bytes]]:
    """A file without a name that holds octets, at its beginning."""
    in_memory = os.fdopen(os.memfd_create("facts"), "w+b") if hasattr(os, "memfd_create") else None
    with in_memory or tempfile.TemporaryFile() as file:
        file.write(octets)
        file.seek(0)
        yield file


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
