"""Gives the terminal back as it was found, though whoever drew on it was killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NORMAL_SCREEN = (
    "\x1b[?2026l"  # show what is drawn
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # tell nothing of the mouse,
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # of the focus, of what is pasted, of the size
    "\x1b[<u"  # send keys as always (kitty's protocol)
    "\x1b[?1049l\x1b[0m\x1b[?25h\x1b[?7h"  # leave the other screen; plain letters, a cursor, and lines that go on
)
WRITABLE = 0.2
"""Seconds to wait for a terminal that takes nothing, which then stays as it is."""


class Kept:
    """How a terminal was set before somebody else drew on it; without a terminal, nothing."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] | None = None
        with contextlib.suppress(termios.error, OSError):
            self._before = termios.tcgetattr(fd)

    def restore(self, *, screen: bool) -> None:
        """Set it as before; with `screen`, leave the screen that was drawn on, too. Does nothing where it is gone."""
        if self._before is None:
            return
        with contextlib.suppress(termios.error, OSError), _from_anywhere():
            termios.tcflush(self._fd, termios.TCIFLUSH)  # what the mouse sent is no command line
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
            if screen and select.select([], [self._fd], [], WRITABLE)[1]:
                os.write(self._fd, NORMAL_SCREEN.encode())


@contextlib.contextmanager
def _from_anywhere() -> Iterator[None]:
    """Do it from the background as well, in which a process is stopped that sets the terminal (tcsetattr(3))."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, before)
