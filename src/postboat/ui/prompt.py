"""Asks on the terminal for a password, without echo, while the face that draws there rests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import threading
from typing import TYPE_CHECKING

from postboat.config.schema import Secret
from postboat.ui.words import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    Pause = Callable[[], AbstractAsyncContextManager[None]]

TERMINAL = "/dev/tty"
LONGEST_LINE = 4096
"""Octets that a terminal hands over as one line at most (termios(3), canonical mode)."""


class Terminal:
    """A `config.secrets.Prompter` that asks one question at a time."""

    def __init__(self, pause: Pause = contextlib.nullcontext, device: str = TERMINAL) -> None:
        self._pause, self._device = pause, device
        self._asking = asyncio.Lock()

    async def __call__(self, question: str) -> Secret | None:
        """Ask for one line; None when there is no terminal, or it gives no answer (end of file) or goes away.

        A task that is cancelled while it asks leaves the terminal echoing as before.
        """
        async with self._asking, self._pause():
            try:
                with _opened(self._device) as fd, silenced(fd):
                    os.write(fd, "\n".join(map(clean, question.split("\n"))).encode(errors="replace"))
                    answer = await _line(fd)
            except (OSError, termios.error):
                return None
        return Secret(os.fsdecode(answer.rstrip(b"\r\n"))) if answer else None


@contextlib.contextmanager
def _opened(device: str) -> Iterator[int]:
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def silenced(fd: int) -> Iterator[None]:
    """Let the terminal show nothing of what is typed in the block."""
    before = termios.tcgetattr(fd)
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, termios.error):  # it went away; what ended the question is what counts
            termios.tcsetattr(fd, termios.TCSAFLUSH, before)
            os.write(fd, b"\n")  # the one that ended the answer was not echoed


async def _line(fd: int) -> bytes:
    """Wait for a line in a daemon thread: one that still waits when the program is told to stop is left behind."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    own = os.dup(fd)  # the number of the other may be somebody else's by the time a thread left behind looks at it

    def hand_over(line: bytes) -> None:
        if not answer.done():
            answer.set_result(line)

    def wait() -> None:
        try:
            line = os.read(own, LONGEST_LINE)
        except OSError:  # the terminal went away
            line = b""
        os.close(own)
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(hand_over, line)

    threading.Thread(target=wait, name="prompt", daemon=True).start()
    return await answer
