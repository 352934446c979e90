"""The transport of a connection: octets out, reading held up or not, TLS, and the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    OpenTransport = Callable[
        [Callable[[], asyncio.BaseProtocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]
    ]

CLOSING_TIME = 2.0
"""Seconds that TLS gets for its farewell."""


class HasTransport(Protocol):
    """A protocol that keeps the transport that it was given."""

    transport: asyncio.Transport | None
    """None until it is connected."""


class Carrier:
    """Owns the transport from before it is connected until the last of it is gone."""

    def __init__(self, protocol: HasTransport) -> None:
        self.held_up = False
        """Whether we keep the server from sending."""
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS layer; None without one."""
        transport = self._protocol.transport
        return transport.get_extra_info("ssl_object") if transport is not None else None

    @property
    def _transport(self) -> asyncio.Transport:
        transport = self._protocol.transport
        assert transport is not None, "it is connected"
        return transport

    def write(self, data: bytes) -> None:
        """Send octets."""
        self._transport.write(data)

    async def written(self) -> None:
        """Let pass the turn of the loop at whose end uvloop writes, and the one before it that TLS may need."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def hold_up(self, hold: bool) -> None:
        """Stop reading from the server, or go on."""
        if hold is self.held_up:
            return
        self.held_up = hold
        if hold:
            self.pause()
        else:
            self._transport.resume_reading()

    def pause(self) -> None:
        """Stop reading in clear: what comes next is TLS's."""
        self._transport.pause_reading()

    async def start_tls(self, context: ssl.SSLContext, server_hostname: str | None, within: float) -> None:
        """Put TLS between, in so many seconds; reading begins anew. What the handshake raises passes."""
        transport = self._transport
        self._protocol.transport = await self._loop.start_tls(
            transport,
            transport.get_protocol(),
            context,
            server_hostname=server_hostname,
            ssl_handshake_timeout=within,
        )

    def end(self, *, at_once: bool) -> None:
        """Cut the transport, or let it send first what it holds."""
        transport = self._protocol.transport
        if transport is None:
            self.note_gone()
        elif at_once:
            transport.abort()
        else:
            transport.close()

    def note_gone(self) -> None:
        """Take that nothing is left of the transport."""
        if not self._gone.done():
            self._gone.set_result(None)

    async def gone(self) -> None:
        """Wait until nothing is left; cut what takes longer than a farewell may."""
        try:
            async with asyncio.timeout(CLOSING_TIME):
                await asyncio.shield(self._gone)
        except TimeoutError:
            self.end(at_once=True)
