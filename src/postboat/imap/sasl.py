"""The challenges and answers of AUTHENTICATE (RFC 3501 section 6.2.2)."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from postboat.errors import ConnectionLost
from postboat.imap.refusals import require_ok
from postboat.imap.wire import commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.connection import Connection
    from postboat.imap.wire.responses import Condition

CANCEL = b"*"


class CallAgain(ConnectionLost):
    """The connection ended when something was sent behind the sign-in: to be tried again with nothing behind it."""


class Deaf(CallAgain):
    """The server proved to lose, or misunderstand, what is sent behind a sign-in; the connection is of no use."""


class SaslExchange:
    """Answers a server's challenges by `respond`, both without their base64.

    `owed` is an initial response that did not go out with the command: it answers the first challenge. `then` sends
    what may go out behind an answer, and tells whether that is anything.
    """

    def __init__(
        self, respond: Callable[[bytes], bytes], owed: bytes | None, then: Callable[[], bool] | None = None
    ) -> None:
        self.problem: Exception | None = None
        """Why the exchange was cancelled."""
        self._respond = respond
        self._owed = owed
        self._then = then
        self.is_followed = False
        """Whether something was sent behind the answer, which was then the last one."""

    def answer(self, challenge: bytes) -> bytes:
        """The line that answers a challenge: `*`, which cancels, when there is no answer."""
        owed, self._owed = self._owed, None
        try:
            octets = owed if owed is not None else self._respond(b64decode(challenge, validate=True))
        except Exception as error:
            self.problem = error
            return CANCEL
        return b64encode(octets)

    def answered(self) -> None:
        """Take that an answer was sent: all the mechanisms we know have only one."""
        if self._then is not None and self.problem is None:
            self.is_followed = self._then()


async def authenticate(
    connection: Connection,
    mechanism: str,
    respond: Callable[[bytes], bytes],
    initial: bytes | None = None,
    then: Callable[[], bool] | None = None,
) -> Condition:
    """Sign in by a SASL mechanism: `respond` answers each challenge, both without their base64.

    `initial` goes out with the command where the server takes it (RFC 4959), else as the first answer. What
    `respond` raises is raised once the server was told to forget it (RFC 3501 section 6.2.2).

    `then` is called when the password is on its way; what it sends goes out in the same flight, and it tells
    whether that is anything. Raises `Deaf` when the server asks for more after that: it took the next command for
    an answer.
    """
    inline = initial if "SASL-IR" in connection.capabilities else None
    exchange = SaslExchange(respond, initial if inline is None else None, then)

    def answer(challenge: bytes) -> None:
        if exchange.is_followed:
            connection.give_up(ConnectionLost("the server takes the sign-in for unfinished"))
            exchange.problem = Deaf("the server takes the sign-in for unfinished")
            return
        connection.say(exchange.answer(challenge), secret=True)
        exchange.answered()

    command = commands.authenticate(mechanism, inline)
    reply = connection.send(command, on_continuation=answer)
    if inline is not None:
        exchange.answered()
    await asyncio.wait({reply})
    if exchange.problem is not None:
        raise exchange.problem
    condition = reply.result()
    require_ok(command, condition)
    return condition
