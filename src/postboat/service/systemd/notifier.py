"""Tells the service manager how the program is: sd_notify(3), without a library and without ever being in the way."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

LONGEST_STATUS = 500
"""Characters: systemd reads no message above 4096 octets."""
SIGNS_IN_TIME = 3
"""How often a sign of life is given in the time that one may take, so that one that comes late harms nobody."""
RETRY = 30.0
"""Seconds until what could not be told is told again, where no watchdog sets the pace."""


class Notifier:
    """Speaks to the manager that started this process. No call waits or raises; what is not heard is said again."""

    def __init__(
        self, address: str, interval: float | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = address
        self._clock = clock
        self._untold: dict[str, str] = {}
        self._status = ""
        self.interval = interval
        """Seconds between two signs of life; None: the manager does not ask for any."""

    @classmethod
    def from_environment(cls, env: MutableMapping[str, str], *, pid: int | None = None) -> Notifier | None:
        """Find the manager, and take its variables out of `env`: they are not for our children. None: nobody asks."""
        address, spell, whom = (env.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"))
        if not address.startswith(("/", "@")) or len(address) == 1:
            return None
        ours = not whom or whom == str(pid if pid is not None else os.getpid())
        seconds = int(spell) / 1e6 if spell.isascii() and spell.isdigit() else 0.0
        return cls(address, seconds / SIGNS_IN_TIME if ours and seconds else None)

    def ready(self) -> None:
        """Say that it has started, or that it has read its configuration again."""
        self._tell(READY="1")

    def status(self, text: str) -> None:
        """Say in a line what `systemctl status` shows."""
        line = " ".join(text.split())[:LONGEST_STATUS]
        if line != self._status:
            self._status = line
            self._tell(STATUS=line)

    def reloading(self) -> None:
        """Say that it reads its configuration again; `ready` must follow."""
        self._tell(RELOADING="1", MONOTONIC_USEC=str(int(self._clock() * 1e6)))

    def stopping(self) -> None:
        """Say that it is about to end."""
        self._tell(STOPPING="1")

    def watchdog(self) -> None:
        """Give a sign of life."""
        self._tell(WATCHDOG="1")

    def extend(self, seconds: float) -> None:
        """Ask for so much more time to start, reload or stop, counted from now."""
        self._tell(EXTEND_TIMEOUT_USEC=str(int(seconds * 1e6)))

    def catch_up(self) -> None:
        """Say what could not be said before, if anything."""
        if self._untold:
            self._tell()

    def _tell(self, **facts: str) -> None:
        for name in facts:
            self._untold.pop(name, None)  # of READY, RELOADING and STOPPING the last one counts
        self._untold |= facts
        message = "\n".join(f"{name}={value}" for name, value in self._untold.items())
        if _sent(self._address, message.encode(errors="replace")):
            self._untold.clear()


async def feed(
    notifier: Notifier,
    healthy: Callable[[], bool],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Give signs of life until cancelled, as long as `healthy()`: the manager ends a program that gives none."""
    while True:
        if notifier.interval is None:
            notifier.catch_up()
        elif healthy():
            notifier.watchdog()
        await sleep(notifier.interval or RETRY)


def _sent(address: str, message: bytes) -> bool:
    """Send a datagram, and tell whether the manager's queue took it. "@" stands for Linux's abstract names."""
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)
            line.sendto(message, name)
    except (OSError, ValueError):
        return False
    return True
