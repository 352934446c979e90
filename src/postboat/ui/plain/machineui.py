"""The face for programs that show OfflineIMAP's runs: its machine-readable protocol on stdout, answers on stdin."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from postboat import __version__
from postboat.config.schema import Secret, ServerConfig
from postboat.config.secrets import Question
from postboat.ui import words
from postboat.ui.plain.machine_lines import MAIN, PROTOCOL, Interpreter, Line, Sides, account_thread
from postboat.ui.plain.out import Out

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from postboat.config.schema import Config, Repository
    from postboat.events import Event

BANNER = (f"Postboat {__version__}", "  speaks OfflineIMAP's machine-readable protocol from here on")
"""As there, two lines that are not of the protocol come first."""
LONGEST_ANSWER = 4096
"""Octets of a line that are taken for an answer."""


class MachineUi:
    """Shows a run to a program, which is asked for passwords, too."""

    def __init__(
        self,
        manner: words.Manner,
        config: Config | None = None,
        *,
        out: Out | None = None,
        answers: Answers | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.out, self.clock = out or Out(sys.stdout), clock
        self._answers = answers or Answers(_standard_input())
        self._told = Interpreter(words.spoken_to(manner, arrows=False), sides_of(config))
        self._introduced = False

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Write every event until there are no more, and at last that it is over."""
        await self._introduce()
        try:
            async for event in events:
                await self._write(self._told.lines(event, self.clock()))
        finally:
            await self._write(self._told.stopped())

    async def ask(self, question: str) -> Secret | None:
        """Ask for a password and take the next line on stdin for it; None when there is no more."""
        await self._introduce()
        user, thread = question, MAIN
        if isinstance(question, Question):
            user, thread = question.user, account_thread(question.account)
            if question.refusal:
                await self._write([Line("getpasserror", (user, question.refusal), thread, "warn")])
        with self._answers.unseen():
            await self._write([Line("getpass", (user,), thread)])
            return await self._answers.next()

    async def _introduce(self) -> None:
        if not self._introduced:
            self._introduced = True
            first = (Line("protocol", (PROTOCOL,)), Line("initbanner", BANNER))
            await self.out.lines((*BANNER, *map(str, first)))

    async def _write(self, lines: Iterable[Line]) -> None:
        await self.out.lines(map(str, lines))


class Answers:
    """Lines that come in, read by a thread of their own, which a program that ends leaves behind."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._lines: asyncio.Queue[Secret | None] = asyncio.Queue()
        self._thread: threading.Thread | None = None

    def unseen(self) -> AbstractContextManager[None]:
        """Let a terminal, should a person be there in place of a program, not show what is typed in the block."""
        if self._fd is None or not os.isatty(self._fd):
            return contextlib.nullcontext()
        from postboat.ui.prompt import silenced

        return silenced(self._fd)

    async def next(self) -> Secret | None:
        """The next line without its end; None when there will be none."""
        if self._fd is None:
            return None
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._read, args=(self._fd, loop), name="answers", daemon=True)
            self._thread.start()
        answer = await self._lines.get()
        if answer is None:
            self._fd = None
        return answer

    def _read(self, fd: int, loop: asyncio.AbstractEventLoop) -> None:
        waiting = b""
        with contextlib.suppress(OSError, RuntimeError):  # the loop may have ended meanwhile
            while data := os.read(fd, LONGEST_ANSWER):
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    loop.call_soon_threadsafe(self._lines.put_nowait, _secret(line))
                waiting = waiting[:LONGEST_ANSWER]
        with contextlib.suppress(RuntimeError):
            if waiting:
                loop.call_soon_threadsafe(self._lines.put_nowait, _secret(waiting))
            loop.call_soon_threadsafe(self._lines.put_nowait, None)


def sides_of(config: Config | None) -> Mapping[str, Sides]:
    """What the configuration says of each account's sides."""
    return {
        account.name: Sides(*_address(account.remote), account.remote.name, account.local.name)
        for account in (config.accounts if config else ())
    }


def _address(remote: Repository) -> tuple[str, int]:
    """Host and port, as far as there are any."""
    return (remote.remotehost, remote.remoteport) if isinstance(remote, ServerConfig) else ("", 0)


def _secret(line: bytes) -> Secret:
    return Secret(os.fsdecode(line.removesuffix(b"\r")))


def _standard_input() -> int | None:
    try:
        return sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):  # it was closed before the program began
        return None
