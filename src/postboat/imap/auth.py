"""Signing in: SASL PLAIN (RFC 4616), CRAM-MD5 (RFC 2195) and LOGIN (RFC 3501 section 6.2.3).

A password is put to the server once for each attempt. Servers lock accounts after a few refusals, so a mechanism
that answers NO ends the attempt; only one that the server turns out not to have makes room for the next.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from typing import TYPE_CHECKING

from postboat.errors import CertificateRefused, CommandFailed, ServerUnreachable, SignInRefused
from postboat.imap.refusals import require_ok
from postboat.imap.sasl import authenticate
from postboat.imap.wire import commands
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from postboat.config.schema import Secret
    from postboat.imap.connection import Connection
    from postboat.imap.wire.responses import Condition

    Then = Callable[[str], bool]
    """Told the mechanism, sends what can go out behind it, and tells whether that is anything."""

_PLAIN_TEXT = frozenset({"PLAIN", "LOGIN"})
_TEMPORARY_CODES = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN"})
_TOO_MANY = re.compile(r"too many|maximum number of connections|connection limit|number of connections", re.I)
_TEMPORARY = re.compile(r"throttled|try again|temporar|unavailable|authenticated but not connected", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST_TEXT = 300


class SignInPostponed(ServerUnreachable):
    """The server cannot take the sign-in now, whatever the password: out of order, throttled, busy."""


class TooManyConnections(SignInPostponed):
    """The server allows no further connection while the present ones are open."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in, and the password; `repr` shows no password."""

    user: str
    password: Secret

    @property
    def are_ascii(self) -> bool:
        """Whether LOGIN can say them as the servers of old understand them."""
        return (self.user + self.password.reveal()).isascii()

    def plain(self) -> bytes:
        """The one message of SASL PLAIN (RFC 4616 section 2)."""
        return b"\0%b\0%b" % (self.user.encode(), self.password.reveal().encode())

    def cram_md5(self, challenge: bytes) -> bytes:
        """The answer to a CRAM-MD5 challenge (RFC 2195 section 2)."""
        digest = hmac.new(self.password.reveal().encode(), challenge, "md5").hexdigest()
        return self.user.encode() + b" " + digest.encode()

    def hide(self, text: str) -> str:
        """Text from the server, fit to be shown: short, without control characters, without the password."""
        password = self.password.reveal()
        encoded = (b64encode(password.encode()).decode(), b64encode(self.plain()).decode())
        for secret in (*encoded, password):
            if secret:
                text = text.replace(secret, "***")
        return shown(text)


def shown(text: str) -> str:
    """Text from a server without control characters (RFC 3501 says nothing against terminal escapes), and short."""
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def postponed(text: str, code: str = "") -> SignInPostponed | None:
    """The error for a refusal that is not about the password, or None when it may be."""
    if code == "LIMIT" or _TOO_MANY.search(text):
        return TooManyConnections(f"the server allows no further connection: {shown(text)}")
    if code in _TEMPORARY_CODES or _TEMPORARY.search(text):
        return SignInPostponed(f"the server postpones the sign-in: {shown(text)}")
    return None


async def sign_in(
    connection: Connection,
    user: str,
    password: Secret,
    mechanisms: Sequence[str],
    *,
    secure: bool,
    then: Then = lambda _: False,
    slow: Collection[str] = (),
) -> str:
    """Sign in by the first of `mechanisms` that the server offers, and return its name.

    `secure` says that nobody can listen: TLS, loopback or a tunnel. `then` is called when the password is on its way
    by a mechanism; what it sends goes out behind it, and it tells whether that is anything. `slow` are mechanisms that
    cost a round trip more: where PLAIN is one and LOGIN, which shows the password to the same, is not, LOGIN goes first
    if it is allowed.

    Raises `SignInRefused` when the server refuses the user or the password or has none of the mechanisms,
    `SignInPostponed` when it refuses for another reason, `CertificateRefused` when a mechanism would show the password
    to listeners.
    """
    credentials = Credentials(user, password)
    _require_wire_text(credentials)
    unavailable: list[str] = []
    slow = slow if credentials.are_ascii else ()
    while name := await _next(connection, mechanisms, unavailable, slow):
        if name in _PLAIN_TEXT and not secure:
            raise CertificateRefused(
                f"{name} would send the password in clear text over the network: use ssl or starttls"
            )
        condition = await _attempt(connection, name, credentials, then)
        if condition is not None:
            _refuse_false_welcome(condition, credentials)
            return name
        unavailable.append(name)
    raise SignInRefused(_no_common_mechanism(connection, mechanisms, unavailable))


async def _next(
    connection: Connection, mechanisms: Sequence[str], unavailable: Collection[str], slow: Collection[str]
) -> str | None:
    """The next mechanism to try, in the user's order, of those that we know and the server offers."""
    names = [name for name in _offered(connection, mechanisms) if name not in unavailable]
    if not names:
        await _guess_no_more(connection)
        names = [name for name in _offered(connection, mechanisms) if name not in unavailable]
    if names[:1] == ["PLAIN"] and "PLAIN" in slow and "LOGIN" in names and "LOGIN" not in slow:
        return "LOGIN"
    return names[0] if names else None


def _offered(connection: Connection, mechanisms: Sequence[str]) -> list[str]:
    """Those of `mechanisms` that we know and the server offers, in the user's order."""
    names = dict.fromkeys(name.upper() for name in mechanisms)
    return [name for name in names if name in _ATTEMPTS and _is_offered(connection.capabilities, name)]


def _is_offered(capabilities: frozenset[str], name: str) -> bool:
    """LOGIN is there unless forbidden (RFC 3501 section 6.2.3), SASL mechanisms when named."""
    return "LOGINDISABLED" not in capabilities if name == "LOGIN" else f"AUTH={name}" in capabilities


async def _attempt(connection: Connection, name: str, credentials: Credentials, then: Then) -> Condition | None:
    """Try one mechanism: the server's OK, or None when the server does not have it after all."""
    sent = _Sent(lambda: then(name))
    try:
        return await _ATTEMPTS[name](connection, credentials, sent)
    except CommandFailed as error:
        text = credentials.hide(error.text)
        if late := postponed(text, error.code):
            raise late from None
        await _guess_no_more(connection)
        # A mechanism that was only guessed to be there, and is not, has judged no password.
        if error.status == "BAD" or not sent.password or not _is_offered(connection.capabilities, name):
            return None
        raise SignInRefused(_refusal(name, credentials.user, text)) from None


async def _guess_no_more(connection: Connection) -> None:
    """Ask for the capabilities if they are those of last time."""
    if not connection.capabilities_known and connection.alive:
        await connection.run(commands.capability())


@dataclass(slots=True)
class _Sent:
    """Whether the server was given what it needs to judge the password."""

    then: Callable[[], bool]
    """To be called when that is on its way."""
    password: bool = False


async def _plain(connection: Connection, credentials: Credentials, sent: _Sent) -> Condition:
    def respond(_: bytes) -> bytes:
        sent.password = True
        return credentials.plain()

    initial = respond(b"") if "SASL-IR" in connection.capabilities else None
    return await authenticate(connection, "PLAIN", respond, initial, sent.then)


async def _cram_md5(connection: Connection, credentials: Credentials, sent: _Sent) -> Condition:
    def respond(challenge: bytes) -> bytes:
        sent.password = True
        return credentials.cram_md5(challenge)

    return await authenticate(connection, "CRAM-MD5", respond, then=sent.then)


async def _login(connection: Connection, credentials: Credentials, sent: _Sent) -> Condition:
    sent.password = True
    command = commands.login(credentials.user, credentials.password.reveal())
    reply = connection.send(command)
    sent.then()
    condition = await reply
    require_ok(command, condition)
    return condition


_ATTEMPTS: dict[str, Callable[[Connection, Credentials, _Sent], Awaitable[Condition]]] = {
    "CRAM-MD5": _cram_md5,
    "PLAIN": _plain,
    "LOGIN": _login,
}


def _require_wire_text(credentials: Credentials) -> None:
    """A NUL would end a part of the SASL message early, a line end the command."""
    if re.search(r"[\0\r\n]", credentials.user + credentials.password.reveal()):
        raise SignInRefused("the user name or the password holds a line end or a NUL, which no server takes")


def _refusal(name: str, user: str, text: str) -> str:
    hint = ' (if the password is right, try auth_mechanisms = "PLAIN")' if name == "CRAM-MD5" else ""
    return f"the server refuses the user name or password of {shown(user)}: {text.rstrip('.')}{hint}"


def _refuse_false_welcome(condition: Condition, credentials: Credentials) -> None:
    """Exchange says OK with an error inside when a part of it is out of order."""
    if condition.code is not None and condition.code.name.startswith("ERROR"):
        text = credentials.hide(f"{condition.code.arguments.lstrip('=')} {condition.text}")
        raise SignInPostponed(f"the server accepts the password but is out of order: {text}")


def _no_common_mechanism(connection: Connection, mechanisms: Sequence[str], unavailable: Sequence[str]) -> str:
    offered = sorted(c.removeprefix("AUTH=") for c in connection.capabilities if c.startswith("AUTH="))
    if "LOGINDISABLED" not in connection.capabilities:
        offered.append("LOGIN")
    tried = f"; tried in vain: {', '.join(unavailable)}" if unavailable else ""
    return (
        f"no way to sign in: the server offers {shown(', '.join(offered)) or 'none'}, "
        f"auth_mechanisms allows {', '.join(mechanisms)}, Postboat knows {', '.join(_ATTEMPTS)}{tried}"
    )
