"""The challenges and answers of AUTHENTICATE (RFC 3501 section 6.2.2)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

from postboat.errors import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Callable

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
