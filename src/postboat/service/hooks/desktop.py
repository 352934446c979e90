"""Tells of new mail on the desktop, by the Desktop Notifications Specification: one notification for each account.

While it is to be seen, what comes is added to it; once the user has closed it, counting begins anew.
"""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postboat.events import Warned
from postboat.service.machine.dbus import DBusFailed, NoBus, session_bus, variant
from postboat.sync.subjects import sender, subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from postboat.events import Publish
    from postboat.service.machine.dbus import DBus

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
SHOWN = 5
"""Messages of which sender and subject are told; of the others how many they are."""
_HEADER = 65536
AS_USUAL = -1
"""How long it is shown."""


class Desktop:
    """Notifications of one account. What keeps them from being shown is told once."""

    def __init__(
        self, account: str, publish: Publish, *, connect: Callable[[], Awaitable[DBus | NoBus]] = session_bus
    ) -> None:
        self._account, self._publish, self._connect = account, publish, connect
        self._bus: DBus | None = None
        self._marks_up = False
        self._shown = 0
        """The notification that is to be seen; 0: none."""
        self._count = 0
        self._lines: list[tuple[str, int]] = []
        """What is shown, each with how many messages it is about."""
        self._told: set[str] = set()

    async def tell(self, unread: Mapping[str, tuple[str, ...]]) -> None:
        """Show how many messages came, and what a few of them are about. `unread` are their files, by folder.

        Of those that lie on a server, whose URLs these are, it is shown where they are: none is fetched for this.
        """
        files = [file for paths in unread.values() for file in paths]
        lines = [(line, 1) for line in await asyncio.to_thread(_described, files[-SHOWN:])]
        on_server = {folder: sum(map(_is_url, paths)) for folder, paths in unread.items()}
        lines += [(f"{many} in {folder}", many) for folder, many in on_server.items() if many]
        try:
            await self._show(len(files), lines)
        except DBusFailed:
            await self.close()  # the session's bus may have been started anew
            try:
                await self._show(len(files), lines)
            except DBusFailed as failure:
                await self.close()
                self._warn(str(failure))

    async def close(self) -> None:
        """Leave the bus; what is shown stays."""
        bus, self._bus = self._bus, None
        self._forget()
        if bus is not None:
            await bus.close()

    async def _show(self, count: int, lines: list[tuple[str, int]]) -> None:
        bus = self._bus or await self._join()
        if bus is None:
            return
        self._count += count
        self._lines = [*self._lines, *lines][-SHOWN:]
        more = self._count - sum(count for _, count in self._lines)
        body = [escape(line, quote=False) if self._marks_up else line for line, _ in self._lines]
        many = "1 new message" if self._count == 1 else f"{self._count} new messages"
        text = "\n".join([*body, *([f"and {more} more"] if more else [])])
        summary, hints = f"{self._account}: {many}", {"category": variant("s", "email.arrived")}
        words: tuple[object, ...] = ("Postboat", self._shown, "mail-unread", summary, text)
        reply = await bus.call(NAME, PATH, NAME, "Notify", "susssasa{sv}i", *words, [], hints, AS_USUAL)
        self._shown = reply.body[0]

    async def _join(self) -> DBus | None:
        bus = await self._connect()
        if isinstance(bus, NoBus):
            self._warn(bus.reason)
            return None
        self._bus = bus
        await bus.on_signal(NAME, PATH, NAME, "NotificationClosed", self._closed)
        self._marks_up = "body-markup" in (await bus.call(NAME, PATH, NAME, "GetCapabilities")).body[0]
        return bus

    def _closed(self, values: tuple[Any, ...]) -> None:
        if values and values[0] == self._shown:
            self._forget()

    def _forget(self) -> None:
        self._shown, self._count, self._lines = 0, 0, []

    def _warn(self, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._publish(Warned(f"new mail cannot be shown on the desktop: {reason}", self._account))


def _is_url(path: str) -> bool:
    return path.startswith("imap://")


def _described(files: list[str]) -> list[str]:
    """Sender and subject of messages; those that are no files, or were renamed meanwhile, are left out."""
    lines = []
    for file in files:
        if _is_url(file):
            continue
        try:
            with Path(file).open("rb") as opened:
                header = opened.read(_HEADER)
        except OSError:
            continue
        lines.append(": ".join(filter(None, (sender(header), subject(header)))) or "(no subject)")
    return lines
