"""Hands lines from the thread that reads them to the one that draws, which is woken by a descriptor."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.ui.link import Line

ROOM = 5_000
"""Lines that wait at most: who reads more of them waits, and so does, in the end, the other side's queue."""


class Inbox:
    """What came and was not taken yet."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._lines: deque[Line] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._heard, self._bell = os.pipe()
        for end in (self._heard, self._bell):
            os.set_blocking(end, False)

    def fileno(self) -> int:
        """A descriptor that is readable while there is something to take."""
        return self._heard

    def put(self, line: Line) -> bool:
        """Add a line, once there is room for it; False when nobody takes lines any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._lines) < self._room)
            return self._add(line)

    def add(self, line: Line) -> None:
        """Add a line whether there is room or not: for what comes seldom and must not wait."""
        with self._changed:
            self._add(line)

    def take(self) -> list[Line]:
        """All lines that came since the last time."""
        with self._changed:
            lines = list(self._lines)
            self._lines.clear()
            if not self._closed:
                with suppress(BlockingIOError):
                    os.read(self._heard, self._room)
            self._changed.notify_all()
        return lines

    def close(self) -> None:
        """Take no more lines; may be called twice."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            os.close(self._heard)
            os.close(self._bell)
            self._changed.notify_all()

    def _add(self, line: Line) -> bool:
        if self._closed:
            return False
        if not self._lines:
            os.write(self._bell, b"!")
        self._lines.append(line)
        return True
