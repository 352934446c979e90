"""The transport of a connection: octets out and in, reading held up or not, TLS, compression, and the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from postboat.imap.tcp import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterator

    from postboat.imap.compression import Compression

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
        self.received = self.sent = 0
        """Octets that came and went, compressed if anything compresses them here."""
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._compression: Compression | None = None
        self._catch_up: Callable[[], None] | None = None
        self._flushing: asyncio.Handle | None = None

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

    @property
    def is_near(self) -> bool:
        """Whether there is no network to the other side, or none that we know of, as in a tunnel."""
        peer = self._transport.get_extra_info("peername")
        return not isinstance(peer, tuple) or is_loopback(peer)

    @property
    def local_address(self) -> str | None:
        """The address of this machine that it runs from; None where no IP is spoken."""
        own = self._transport.get_extra_info("sockname")
        return str(own[0]) if isinstance(own, tuple) else None

    @property
    def is_compressed(self) -> bool:
        """Whether anything compresses what is sent."""
        return self._compression is not None or (self.tls is not None and self.tls.compression() is not None)

    def write(self, data: bytes) -> None:
        """Send octets."""
        if self._compression is not None:
            data = self._compression.deflate(data)
            if self._flushing is None:
                self._flushing = self._loop.call_soon(self._flush)
        if data:
            self._send(data)

    def _send(self, data: bytes) -> None:
        self.sent += len(data)
        self._transport.write(data)

    def _flush(self) -> None:
        """Let out what was written in this turn of the loop, all at once: each time costs some octets."""
        if self._flushing is not None and self._compression is not None:
            self._flushing.cancel()
            self._flushing = None
            self._send(self._compression.flush())

    def compress(self, catch_up: Callable[[], None]) -> None:
        """Compress what is written, and inflate what comes behind the octet that was read last.

        `catch_up` is called when the server is no longer held up while `arrived` has something left; until it calls
        `resume`, nothing more is read.
        """
        from postboat.imap.compression import Compression

        self._compression, self._catch_up = Compression(), catch_up

    def arrived(self, data: bytes, *, singly: bool = False) -> Iterator[bytes]:
        """Yield what came, as the server meant it; `singly` while the octets behind any one may be compressed.

        Stops where the server is held up. Raises `ConnectionLost` when it cannot be inflated.
        """
        self.received += len(data)
        at = 0
        while singly and self._compression is None and at < len(data):
            yield data[at : at + 1]
            at += 1
        if self._compression is None:
            if at < len(data):
                yield data[at:]
            return
        self._compression.take(data[at:])
        while self._compression.is_behind and not self.held_up:
            yield self._compression.inflate()

    async def written(self) -> None:
        """Let pass the turn of the loop at whose end uvloop writes, and the one before it that TLS may need."""
        self._flush()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def hold_up(self, hold: bool) -> None:
        """Stop reading from the server, or go on."""
        if hold is self.held_up:
            return
        self.held_up = hold
        if hold:
            self.pause()
        elif self._catch_up is not None and self._compression is not None and self._compression.is_behind:
            self._loop.call_soon(self._catch_up)
        else:
            self.resume()

    def resume(self) -> None:
        """Read on, unless the server is held up."""
        if not self.held_up:
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
            if self._flushing is not None:
                self._flushing.cancel()
            transport.abort()
        else:
            self._flush()
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
