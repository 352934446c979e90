"""The way to a server: a socket or a tunnel, TLS, and the greeting.

How a connection is protected (`ssl`, `starttls`, tunnels) is settled here before anything secret is sent:

- `ssl`: TLS from the first octet;
- `starttls`: STARTTLS, verified; on loopback used when offered, and verified only against what is configured;
- neither: plain text on loopback, refused elsewhere;
- a tunnel: whatever the command makes of it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import (
    AccountError,
    CertificateRefused,
    ConnectionLost,
    PostboatError,
    ServerUnreachable,
    SignInRefused,
)
from postboat.imap import tcp, tls
from postboat.imap.connection import Connection
from postboat.imap.wire import commands
from postboat.values import dataclass

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from postboat.config.schema import ServerConfig
    from postboat.imap.tunnel import Tunnel
    from postboat.imap.wire_log import Tell

    _Opened = tuple[asyncio.BaseTransport, asyncio.BaseProtocol]

_LOOK = 10.0
"""Seconds for a second look at a certificate that was refused."""


@dataclass(slots=True)
class Line:
    """A greeted connection and what it runs through."""

    connection: Connection
    private: bool
    """Whether nobody can listen: TLS, loopback or a tunnel."""
    tunnel: Tunnel | None = None
    is_taken: bool = False
    """Whether a session has it."""

    offered: frozenset[str] = frozenset()
    """What the server can do before the sign-in, when its greeting did not tell."""

    async def drop(self) -> None:
        """Cut it, and end what it runs through."""
        self.connection.abort()
        if self.tunnel is not None:
            self.tunnel.kill()
            await self.tunnel.end()


async def greeted(remote: ServerConfig, wire_log: Tell | None) -> Line:
    """Reach the server, protect the connection as configured, and hear the greeting.

    Raises `ServerUnreachable`, `CertificateRefused` and `SignInRefused`, and lets ConnectionLost, OSError and
    TimeoutError pass.
    """
    if command := remote.preauthtunnel or remote.transporttunnel:
        return await _through(command, remote, wire_log)
    if remote.ssl:
        return await _over_tls(remote, wire_log)
    return await _in_clear_or_upgraded(remote, wire_log)


async def _through(command: str, remote: ServerConfig, wire_log: Tell | None) -> Line:
    from postboat.imap.tunnel import Tunnel  # here, since most accounts have none

    tunnel, sock = await Tunnel.start(command)
    try:
        line = Line(await _start(sock, remote, wire_log), private=True, tunnel=tunnel)
    except (ConnectionLost, AccountError) as error:
        await tunnel.end()
        raise ServerUnreachable("; ".join(filter(None, (str(error), tunnel.complaint)))) from error
    except BaseException:
        tunnel.kill()
        await tunnel.end()
        raise
    if remote.preauthtunnel and not line.connection.preauthenticated:
        await line.drop()
        raise SignInRefused("the server behind preauthtunnel wants a sign-in: use transporttunnel for it")
    return line


async def _over_tls(remote: ServerConfig, wire_log: Tell | None) -> Line:
    context = tls.context_for(remote)
    try:
        return Line(await _start(await _reach(remote), remote, wire_log, context), private=True)
    except ssl.SSLCertVerificationError as error:
        raise tls.refused(error, await _certificate_shown(remote)) from error


async def _in_clear_or_upgraded(remote: ServerConfig, wire_log: Tell | None) -> Line:
    sock = await _reach(remote)
    local = tcp.is_loopback(sock.getpeername())
    if not (remote.starttls or local):
        sock.close()
        raise CertificateRefused("plain text is for loopback and tunnels only: set ssl = true, or starttls = true")
    try:
        line = Line(await _start(sock, remote, wire_log), private=local)
    except ServerUnreachable as error:
        if isinstance(error.__cause__, TimeoutError):  # a server that waits for TLS says nothing before it
            raise ServerUnreachable(f"{error}; is this port meant for ssl = true?") from error
        raise
    if not remote.starttls:
        return line
    try:
        await _upgrade(line, remote, local=local)
    except BaseException:
        await line.drop()
        raise
    return line


async def _upgrade(line: Line, remote: ServerConfig, *, local: bool) -> None:
    """STARTTLS. Off loopback nothing is done without it: whoever can take it out of the answer can read along."""
    connection = line.connection
    if not (connection.preauthenticated or connection.capabilities):
        await connection.run(commands.capability())
    if connection.preauthenticated or "STARTTLS" not in connection.capabilities:
        if local:
            return
        what = "signs us in before TLS begins" if connection.preauthenticated else "offers no STARTTLS"
        raise CertificateRefused(
            f"TLS is required, but the server {what}: somebody may be in between, or try ssl = true"
        )
    configured = remote.sslcacertfile is not None or bool(remote.cert_fingerprint)
    context = tls.context_for(remote) if configured or not local else tls.context_to_look(remote)
    try:
        await connection.start_tls(context, remote.remotehost)
    except ssl.SSLCertVerificationError as error:
        raise tls.refused(error, await _certificate_shown(remote)) from error
    tls.check_pin(remote, connection.certificate)
    line.private = True


async def _reach(remote: ServerConfig) -> socket.socket:
    async with asyncio.timeout(remote.timeout):
        return await tcp.reach(remote.remotehost, remote.remoteport)


async def _start(
    sock: socket.socket, remote: ServerConfig, wire_log: Tell | None = None, context: ssl.SSLContext | None = None
) -> Connection:
    """Hear the greeting over a connected socket, with `context` under TLS; the socket is taken over."""
    name = remote.remotehost if context is not None else None

    async def open_transport(factory: Callable[[], asyncio.BaseProtocol]) -> _Opened:
        opened = await asyncio.get_running_loop().create_connection(
            factory, sock=sock, ssl=context, server_hostname=name
        )
        if context is not None:
            tls.check_pin(remote, opened[0].get_extra_info("ssl_object").getpeercert(binary_form=True))
        return opened

    try:
        return await Connection.start(open_transport, timeout=remote.timeout, wire_log=wire_log)
    except BaseException:
        sock.close()
        raise


async def _certificate_shown(remote: ServerConfig) -> bytes | None:
    """The certificate (DER) of a server that was not trusted, by a second look that sends nothing secret."""
    context = tls.context_to_look(remote)
    unpinned = replace(remote, cert_fingerprint=())
    try:
        async with asyncio.timeout(_LOOK):
            connection = await _start(await _reach(remote), unpinned, None, context if remote.ssl else None)
            try:
                if not remote.ssl:
                    await connection.start_tls(context, remote.remotehost)
                return connection.certificate
            finally:
                connection.abort()
    except (PostboatError, OSError):
        return None
