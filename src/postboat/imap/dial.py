"""From a configuration to a signed-in session: the way there, TLS, the greeting, the password.

How a connection is protected (`ssl`, `starttls`, tunnels) is settled here before anything secret is sent:

- `ssl`: TLS from the first octet;
- `starttls`: STARTTLS, verified; on loopback used when offered, and verified only against what is configured;
- neither: plain text on loopback, refused elsewhere;
- a tunnel: whatever the command makes of it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postboat.config.schema import Secret
from postboat.errors import AccountError, CertificateRefused, ConnectionLost, ServerUnreachable, SignInRefused
from postboat.imap import tcp, tls
from postboat.imap.auth import postponed, sign_in
from postboat.imap.connection import Connection
from postboat.imap.session import Session
from postboat.imap.tunnel import Tunnel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.config.schema import RemoteConfig

PasswordGiver = Callable[[str | None], Awaitable[tuple[str, Secret] | None]]
"""Gives user name and password. Its argument is the server's refusal of the last ones, or None at first.

It raises `SignInRefused`, or gives None, when it has no others."""

ATTEMPTS = 3
"""Passwords that are put to a server before the account is given up: servers lock accounts after a few more."""


@dataclass(slots=True)
class _Line:
    """A greeted connection and what it runs through."""

    connection: Connection
    private: bool
    """Whether nobody can listen: TLS, loopback or a tunnel."""
    tunnel: Tunnel | None = None

    def abort(self) -> None:
        self.connection.abort()
        if self.tunnel is not None:
            self.tunnel.kill()


async def connect(remote: RemoteConfig, password: PasswordGiver) -> Session:
    """Reach the server and sign in.

    Raises `ServerUnreachable`, `CertificateRefused` or `SignInRefused`, each saying where; `TooManyConnections`
    when the server would have us if we had fewer connections.
    """
    async with _named(remote):
        line = await _signed_in(remote, password)
        try:
            session = Session(line.connection, place(remote), line.tunnel)
            session.introduce()
        except BaseException:
            line.abort()
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
    except AccountError as error:
        if where in str(error):
            raise
        raise type(error)(f"{where}: {error}") from error
    except ConnectionLost as error:
        late = postponed(str(error))
        raise (type(late) if late else ServerUnreachable)(f"{where}: {late or error}") from error
    except TimeoutError as error:
        raise ServerUnreachable(f"{where}: no answer within {remote.timeout:g} s") from error
    except OSError as error:
        raise ServerUnreachable(f"{where}: {_why(error)}") from error


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name is not known ({error.strerror or error})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error}); is this port meant for ssl = true?"
    return (error.strerror or str(error) or type(error).__name__).lower()


async def _signed_in(remote: RemoteConfig, password: PasswordGiver) -> _Line:
    """Sign in, asking again for the password while it is refused and another one can be given."""
    line = await _greeted(remote)
    try:
        refusal: SignInRefused | None = None
        for _ in range(0 if line.connection.preauthenticated else ATTEMPTS):
            given = await password(str(refusal) if refusal else None)
            if given is None:
                break
            if not line.connection.alive:
                # It took its time to ask the user, or the server hangs up after a refusal.
                line.abort()
                line = await _greeted(remote)
            try:
                await sign_in(line.connection, *given, remote.auth_mechanisms, secure=line.private)
                return line
            except SignInRefused as error:
                refusal = error
        if not line.connection.preauthenticated:
            raise refusal or SignInRefused("there is no password to offer")
    except BaseException:
        line.abort()
        raise
    return line


async def _greeted(remote: RemoteConfig) -> _Line:
    """Reach the server and protect the connection as configured; the greeting is read."""
    if command := remote.preauthtunnel or remote.transporttunnel:
        return await _through(command, remote)
    if remote.ssl:
        return await _over_tls(remote)
    return await _in_clear_or_upgraded(remote)


async def _through(command: str, remote: RemoteConfig) -> _Line:
    tunnel, sock = await Tunnel.start(command)
    try:
        line = _Line(await _start(sock, remote), private=True, tunnel=tunnel)
    except (ConnectionLost, AccountError) as error:
        sock.close()
        await tunnel.end()
        raise ServerUnreachable(": ".join(filter(None, ("the tunnel ended", tunnel.complaint, str(error))))) from error
    except BaseException:
        sock.close()
        tunnel.kill()
        raise
    if remote.preauthtunnel and not line.connection.preauthenticated:
        line.abort()
        raise SignInRefused("the server behind preauthtunnel wants a sign-in: use transporttunnel for it")
    return line


async def _over_tls(remote: RemoteConfig) -> _Line:
    context = tls.context_for(remote)
    sock = await _reach(remote)
    try:
        return _Line(await _start(sock, remote, context), private=True)
    except ssl.SSLCertVerificationError as error:
        raise tls.refused(error, await _certificate_shown(remote)) from error
    finally:
        _close_unused(sock)


async def _in_clear_or_upgraded(remote: RemoteConfig) -> _Line:
    sock = await _reach(remote)
    local = tcp.is_loopback(sock.getpeername())
    if not (remote.starttls or local):
        sock.close()
        raise CertificateRefused("plain text is for loopback and tunnels only: set ssl = true, or starttls = true")
    line = _Line(await _start(sock, remote), private=local)
    if not remote.starttls:
        return line
    try:
        await _upgrade(line, remote, local=local)
    except BaseException:
        line.abort()
        raise
    return line


async def _upgrade(line: _Line, remote: RemoteConfig, *, local: bool) -> None:
    """STARTTLS. Off loopback nothing is done without it: whoever can take it out of the answer can read along."""
    connection = line.connection
    if connection.preauthenticated or "STARTTLS" not in connection.capabilities:
        if local:
            return
        what = "signs us in before TLS begins" if connection.preauthenticated else "offers no STARTTLS"
        raise CertificateRefused(f"TLS is required, but the server {what}: somebody may be in between, or try ssl = true")
    configured = remote.sslcacertfile is not None or bool(remote.cert_fingerprint)
    context = tls.context_for(remote) if configured or not local else tls.context_to_look(remote)
    try:
        await connection.start_tls(context, remote.remotehost)
    except ssl.SSLCertVerificationError as error:
        raise tls.refused(error, await _certificate_shown(remote)) from error
    tls.check_pin(remote, connection.certificate)
    line.private = True
