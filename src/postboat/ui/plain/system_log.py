"""Lines for the system's log, over the socket that journald or a syslog daemon listens on, as syslog(3) writes them.

A line is a datagram of `<PRIORITY>Mmm dd hh:mm:ss NAME[PID]: TEXT` in UTF-8 (RFC 3164 section 4.1). Nothing here waits.
"""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import datetime
from typing import TYPE_CHECKING

from postboat.ui.usable import syslog_socket

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL = 2
"""The facility of mail programs (RFC 3164 section 4.1.1)."""
ERROR, WARNING, INFO = 3, 4, 6
"""Severities."""
LONGEST = 1024
"""Octets of a datagram that every log takes."""
CUT = "…".encode()
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
"""Of any locale."""


class SystemLog:
    """Hands lines to the system's log as long as it listens."""

    def __init__(
        self,
        name: str = "postboat",
        *,
        find: Callable[[], str | None] = syslog_socket,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._mark, self._find, self._now = f"{name}[{os.getpid()}]", find, now
        self._socket: socket.socket | None = None

    def try_to_write(self, severity: int, text: str) -> bool:
        """Hand over a line; False when the log is too busy or away. One that was restarted is found again."""
        datagram = self._datagram(severity, text)
        for _ in range(2):
            try:
                self._connected().send(datagram)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:  # the one that listened has gone
                self.close()
            else:
                return True
        return False

    def close(self) -> None:
        """Let go of the socket; the next line opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            path = self._find()
            if path is None:
                raise FileNotFoundError
            with contextlib.ExitStack() as stack:
                made = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
                made.setblocking(False)
                made.connect(path)
                stack.pop_all()
            self._socket = made
        return self._socket

    def _datagram(self, severity: int, text: str) -> bytes:
        now = self._now()
        stamp = f"{MONTHS[now.month - 1]} {now.day:2} {now:%H:%M:%S}"
        data = f"<{MAIL << 3 | severity}>{stamp} {self._mark}: {text}".encode(errors="replace")
        if len(data) <= LONGEST:
            return data
        return data[: LONGEST - len(CUT)].decode(errors="ignore").encode() + CUT
