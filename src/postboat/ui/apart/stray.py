"""Catches what is written to standard error while a face has the screen: by us, by hooks, tunnels and libraries."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 100
"""Lines that are shown again when the screen is free; of more, the last."""
LONGEST = 2_000
"""Octets of a line that are kept."""
STDERR = 2
LAST_WORDS = 0.2
"""Seconds to wait for what was written in the last moment."""


class Stray:
    """A pipe in the place of standard error, read in a thread so that no writer ever waits for the loop."""

    def __init__(self, tell: Callable[[str], None], fd: int = STDERR) -> None:
        self._tell, self._fd = tell, fd
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._saved: int | None = None
        self._read = threading.Event()

    def catch(self) -> None:
        """Begin; `tell` is called in another thread with each line."""
        self._saved = os.dup(self._fd)
        ours, theirs = os.pipe()
        os.dup2(theirs, self._fd)  # inherited by what is started from now on, as standard error is
        os.close(theirs)
        threading.Thread(target=self._work, args=(ours,), name="standard error", daemon=True).start()

    def release(self) -> list[str]:
        """End, and return the last lines. What programs that still run write later goes where it always went."""
        saved, self._saved = self._saved, None
        if saved is None:
            return []
        os.dup2(saved, self._fd)
        os.close(saved)
        self._read.wait(LAST_WORDS)
        self._tell = self._pass_on
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def _work(self, ours: int) -> None:
        with os.fdopen(ours, "rb") as pipe:
            while line := pipe.readline(LONGEST):
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._lines.append(text)
                    self._tell(text)
        self._read.set()

    def _pass_on(self, text: str) -> None:
        with suppress(OSError):
            os.write(self._fd, f"{text}\n".encode())
