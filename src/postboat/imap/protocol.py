"""The part of a connection that aioimaplib plays; no other module imports it.

aioimaplib 2.0.3 brings the connection's life cycle, the states, the table of commands legal in each and the tags. Its
reading and its command queue are replaced: it recurses for each line, loses data, and lets commands hang when the
connection breaks (`tests/unit/imap/test_aioimaplib_measurements.py` shows each).
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import aioimaplib
from aioimaplib.aioimaplib import Commands

if TYPE_CHECKING:
    from collections.abc import Callable

LEGAL_IN = {verb: command.valid_states for verb, command in Commands.items()} | dict.fromkeys(
    ("COMPRESS", "IDLE"), ("AUTH", "SELECTED")
)
"""The states in which a command may be sent, by its verb; aioimaplib allows two in fewer (RFC 4978, RFC 2177)."""


class Protocol(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]
    """aioimaplib's protocol, whose octets go to and come from a `Connection`."""

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[Exception | None], None]) -> None:
        super().__init__(asyncio.get_running_loop(), lost)
        self._received = received
        self._writable = asyncio.Event()
        self._writable.set()

    def data_received(self, d: bytes) -> None:
        """Take octets that came."""
        self._received(d)

    def acknowledge(self) -> None:
        """Acknowledge at once what came, where that can be: a server may hold back what follows until then.

        So does one that writes its answers in small pieces and leaves Nagle's algorithm on (RFC 9293 section 3.7.4),
        while our system waits up to 40 ms for something to send along (Courier).
        """
        sock = self.transport.get_extra_info("socket") if self.transport is not None else None
        if sock is not None and hasattr(socket, "TCP_QUICKACK"):
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def pause_writing(self) -> None:
        """Take that the transport holds enough."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Take that it can hold more."""
        self._writable.set()

    @property
    def writable(self) -> bool:
        """Whether the transport can take more now."""
        return self._writable.is_set()

    async def drained(self) -> None:
        """Wait until it can."""
        await self._writable.wait()
