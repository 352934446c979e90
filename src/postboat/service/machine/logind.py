"""logind's announcements of suspend, and its patience with who asks for a moment before it."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from postboat.service.machine.dbus import DBusFailed

if TYPE_CHECKING:
    from postboat.service.machine.dbus import DBus

log = logging.getLogger("postboat.service")
LOGIN1 = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
MANAGER = f"{LOGIN1}.Manager"
PROPERTIES = "org.freedesktop.DBus.Properties"
PATIENCE = 4.0
"""Seconds we take at most before a sleep: logind waits 5 unless it is told otherwise."""
SHARE = 0.8
"""Of the time logind waits, where that is less."""


class Logind:
    """One connection's view of logind: what it announces, in order, and the lock that makes it wait for us.

    A restart of logind is survived: the lock is asked for anew.
    """

    def __init__(self, bus: DBus) -> None:
        self._bus = bus
        self._said: asyncio.Queue[bool | str] = asyncio.Queue()
        self._lock: int | None = None
        self.patience = PATIENCE
        """Seconds there are between the announcement of a sleep and the sleep."""

    async def listen(self) -> None:
        """Begin to hear announcements; raises DBusFailed."""
        await self._bus.on_signal(LOGIN1, PATH, MANAGER, "PrepareForSleep", lambda values: self._hear(values[0]))
        await self._bus.on_owner(LOGIN1, self._hear)

    def _hear(self, said: bool | str) -> None:
        self._said.put_nowait(said)

    async def next(self) -> bool | str:
        """Wait for what is announced next.

        True: a sleep begins; False: it is over; text: logind is there, by that unique name, or is gone ("").
        """
        return await self._said.get()

    async def hold(self) -> None:
        """Ask logind to wait for `release()` before each sleep. It may refuse; then sleeps are announced only."""
        self.release()
        try:
            asked = ("sleep", "Postboat", "closes its connections", "delay")
            reply = await self._bus.call(LOGIN1, PATH, MANAGER, "Inhibit", "ssss", *asked)
            (self._lock,) = reply.descriptors
        except (DBusFailed, ValueError) as failure:
            log.debug("logind will not wait for us before a sleep: %s", failure)
            return
        try:
            self.patience = min(PATIENCE, SHARE * await self._delay())
        except DBusFailed as failure:
            log.debug("logind does not say how long it waits before a sleep: %s", failure)

    def release(self) -> None:
        """Let logind go on."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _delay(self) -> float:
        """Ask how many seconds logind waits at most."""
        asked = (LOGIN1, PATH, PROPERTIES, "Get", "ss", MANAGER, "InhibitDelayMaxUSec")
        return float((await self._bus.call(*asked)).body[0].value) / 1e6
