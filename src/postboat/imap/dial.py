"""From a configuration to a signed-in session: the way there, TLS, the greeting, the password.

How a connection is protected (`ssl`, `starttls`, tunnels) is settled here before anything secret is sent:

- `ssl`: TLS from the first octet;
- `starttls`: STARTTLS, verified; on loopback used when offered, and verified only against what is configured;
- neither: plain text on loopback, refused elsewhere;
- a tunnel: whatever the command makes of it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.config.schema import Secret
from postboat.errors import (
    AccountError,
    CertificateRefused,
    CommandFailed,
    ConnectionLost,
    PostboatError,
    ServerUnreachable,
    SignInRefused,
)
from postboat.imap import tcp, tls
from postboat.imap.auth import postponed, sign_in
from postboat.imap.connection import Connection
from postboat.imap.session import Session
from postboat.imap.wire import commands
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.config.schema import RemoteConfig
    from postboat.imap.tunnel import Tunnel
    from postboat.imap.wire_log import Tell

    _Opened = tuple[asyncio.BaseTransport, asyncio.BaseProtocol]

PasswordGiver = Callable[[str | None], Awaitable[tuple[str, Secret] | None]]
"""Gives user name and password. Its argument is the server's refusal of the last ones, or None at first.

It raises `SignInRefused`, or gives None, when it has no others."""

ATTEMPTS = 3
"""Passwords that are put to a server before the account is given up: servers lock accounts after a few more."""
_LOOK = 10.0
"""Seconds for a second look at a certificate that was refused."""


@dataclass(slots=True)
class _Line:
    """A greeted connection and what it runs through."""

    connection: Connection
    private: bool
    """Whether nobody can listen: TLS, loopback or a tunnel."""
    tunnel: Tunnel | None = None

    async def drop(self) -> None:
        self.connection.abort()
        if self.tunnel is not None:
            self.tunnel.kill()
            await self.tunnel.end()


async def connect(remote: RemoteConfig, password: PasswordGiver, wire_log: Tell | None = None) -> Session:
    """Reach the server and sign in. `wire_log` is told what goes over the wire, without what is secret.

    Raises `ServerUnreachable`, `CertificateRefused` or `SignInRefused`, each saying where; `TooManyConnections`
    when the server would have us if we had fewer connections.
    """
    async with _named(remote):
        line = await _signed_in(remote, password, wire_log)
        try:
            session = Session(line.connection, place(remote), line.tunnel)
            session.recognise(remote.remotehost)
            session.introduce()
        except BaseException:
            await line.drop()
            raise
        return session


def place(remote: RemoteConfig) -> str:
    """Where a repository's server is, for people."""
    command = remote.preauthtunnel or remote.transporttunnel
    return f"tunnel ({command})" if command else f"{remote.remotehost}:{remote.remoteport}"


@asynccontextmanager
async def _named(remote: RemoteConfig) -> AsyncIterator[None]:
    """Translate what goes wrong on the way, and say of every failure where it was."""
    where = place(remote)
    try:
        yield
    except ServerUnreachable as error:
        late = postponed(str(error))
        raise (type(late) if late else type(error))(f"{where}: {error}") from error
    except ConnectionLost as error:
        late = postponed(str(error))
        raise (type(late) if late else ServerUnreachable)(f"{where}: {error}") from error
    except CommandFailed as error:
        raise ServerUnreachable(f"{where}: the server refuses to talk: {error}") from error
    except AccountError as error:
        raise type(error)(f"{where}: {error}") from error
    except TimeoutError as error:
        raise ServerUnreachable(f"{where}: no answer within {remote.timeout:g} s") from error
    except OSError as error:
        raise ServerUnreachable(f"{where}: {_why(error)}") from error


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name is not known ({error.strerror or error})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error}); is this port meant for ssl = true?"
    return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()


async def _signed_in(remote: RemoteConfig, password: PasswordGiver, wire_log: Tell | None) -> _Line:
    """Sign in, asking again for the password while it is refused and another one can be given."""
    line = await _greeted(remote, wire_log)
    try:
        refusal: SignInRefused | None = None
        for _ in range(ATTEMPTS):
            if line.connection.preauthenticated:
                return line
            given = await password(str(refusal) if refusal else None)
            if given is None:
                break
            if not line.connection.alive:
                # It took its time to ask the user, or the server hangs up after a refusal.
                await line.drop()
                line = await _greeted(remote, wire_log)
            try:
                await sign_in(line.connection, *given, remote.auth_mechanisms, secure=line.private)
                return line
            except SignInRefused as error:
                refusal = error
        raise refusal or SignInRefused("there is no password to offer")
    except BaseException:
        await line.drop()
        raise


async def _greeted(remote: RemoteConfig, wire_log: Tell | None) -> _Line:
    """Reach the server and protect the connection as configured; greeting and capabilities are known."""
    if command := remote.preauthtunnel or remote.transporttunnel:
        return await _through(command, remote, wire_log)
    if remote.ssl:
        return await _over_tls(remote, wire_log)
    return await _in_clear_or_upgraded(remote, wire_log)


async def _through(command: str, remote: RemoteConfig, wire_log: Tell | None) -> _Line:
    from postboat.imap.tunnel import Tunnel  # here, since most accounts have none

    tunnel, sock = await Tunnel.start(command)
    try:
        line = _Line(await _start(sock, remote, wire_log), private=True, tunnel=tunnel)
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


async def _over_tls(remote: RemoteConfig, wire_log: Tell | None) -> _Line:
    context = tls.context_for(remote)
    try:
        return _Line(await _start(await _reach(remote), remote, wire_log, context), private=True)
    except ssl.SSLCertVerificationError as error:
        raise tls.refused(error, await _certificate_shown(remote)) from error


async def _in_clear_or_upgraded(remote: RemoteConfig, wire_log: Tell | None) -> _Line:
    sock = await _reach(remote)
    local = tcp.is_loopback(sock.getpeername())
    if not (remote.starttls or local):
        sock.close()
        raise CertificateRefused("plain text is for loopback and tunnels only: set ssl = true, or starttls = true")
    try:
        line = _Line(await _start(sock, remote, wire_log), private=local)
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


async def _upgrade(line: _Line, remote: RemoteConfig, *, local: bool) -> None:
    """STARTTLS. Off loopback nothing is done without it: whoever can take it out of the answer can read along."""
    connection = line.connection
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
    await _learn_capabilities(connection)
    line.private = True


async def _reach(remote: RemoteConfig) -> socket.socket:
    async with asyncio.timeout(remote.timeout):
        return await tcp.reach(remote.remotehost, remote.remoteport)


async def _start(
    sock: socket.socket, remote: RemoteConfig, wire_log: Tell | None = None, context: ssl.SSLContext | None = None
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
        connection = await Connection.start(open_transport, timeout=remote.timeout, wire_log=wire_log)
    except BaseException:
        sock.close()
        raise
    try:
        await _learn_capabilities(connection)
    except BaseException:
        connection.abort()
        raise
    return connection


async def _learn_capabilities(connection: Connection) -> None:
    """Ask for the capabilities unless the greeting told them."""
    if not connection.capabilities:
        await connection.run(commands.capability())


async def _certificate_shown(remote: RemoteConfig) -> bytes | None:
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
