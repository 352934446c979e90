"""A stream that may be slow, closed or without Unicode: writing to it neither stalls the loop nor raises."""

from __future__ import annotations

import asyncio
import errno
import os
import queue
import select
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

FULL = (errno.ENOSPC, errno.EDQUOT)
"""A log file that cannot grow may be able to later: what does not fit is lost, and no more."""


class Out:
    """Writes texts in order, in a thread of its own, so that a reader who stands still stops only the face.

    The thread is a daemon and writes past Python's buffers: a process that was told to stop need not wait for it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._encoding = stream.encoding or "utf-8"
        self._jobs: queue.SimpleQueue[tuple[str, asyncio.AbstractEventLoop, asyncio.Future[None]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.closed = False
        """Whether nobody reads any more; what is written then is lost without a word."""

    @property
    def unicode(self) -> bool:
        """Whether arrows can be written."""
        try:
            "↓↑…".encode(self._encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    @property
    def isatty(self) -> bool:
        """Whether a person sees it as it is written."""
        return not self._stream.closed and self._stream.isatty()

    @property
    def is_journal(self) -> bool:
        """Whether the service manager reads it, which notes the time of each line (JOURNAL_STREAM in systemd.exec(5)).

        The variable alone says little: programs pass it on to others whose output goes elsewhere.
        """
        named = os.environ.get("JOURNAL_STREAM", "")
        if not named or self._fd is None:
            return False
        try:
            is_at = os.fstat(self._fd)
        except OSError:
            return False
        return named == f"{is_at.st_dev}:{is_at.st_ino}"

    async def write(self, text: str) -> None:
        """Write and return when it is written, or when nobody reads any more."""
        if self.closed or not text:
            return
        if self._fd is None:
            self.write_now(text)
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="output", daemon=True)
            self._thread.start()
        self._jobs.put((text, loop, done))
        await done

    async def lines(self, lines: Iterable[str]) -> None:
        """Write whole lines in one go."""
        await self.write("".join(f"{line}\n" for line in lines))

    def write_now(self, text: str) -> None:
        """Write without the thread, blocking until it is done."""
        if self.closed:
            return
        try:
            if self._fd is None:
                self._stream.write(text)
                self._stream.flush()
            else:
                _write_all(self._fd, text.encode(self._encoding, "replace"))
        except (OSError, ValueError) as error:  # ValueError: the stream was closed under us
            self.closed = getattr(error, "errno", None) not in FULL

    def _work(self) -> None:
        while True:
            text, loop, done = self._jobs.get()
            self.write_now(text)
            try:
                loop.call_soon_threadsafe(_finish, done)
            except RuntimeError:  # the loop ended without waiting for us
                return


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])
