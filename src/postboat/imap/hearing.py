"""Who hears what a server says without being a command's end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import ConnectionLost
from postboat.imap.wire.framer import ProtocolViolation
from postboat.imap.wire.responses import Fetched

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.pipeline import Call
    from postboat.imap.wire.responses import Response

MOST_UNHEARD = 100_000
"""Responses kept while nobody listens."""


class Hearing:
    """Hands an untagged response to the command it may belong to, else to the listener; keeps what neither hears."""

    def __init__(self) -> None:
        self._listener: Callable[[Response], None] | None = None
        self._unheard: list[Response] = []

    def listen(self, listener: Callable[[Response], None] | None) -> None:
        """Set the listener, and tell it first what nobody has heard."""
        self._listener = listener
        if listener is not None:
            unheard, self._unheard = self._unheard, []
            for response in unheard:
                listener(response)

    def hear(self, response: Response, call: Call | None) -> None:
        """Pass a response on. One that cannot be taken ends `call` with the reason, and raises `ConnectionLost`."""
        wanted = call.on_untagged if call is not None else None
        try:
            if wanted is not None:
                wanted(response)
            elif self._listener is not None:
                self._listener(response)
            else:
                self._keep(response)
        except ProtocolViolation:
            raise
        except Exception as error:
            if call is not None:
                call.fail(error)
            raise ConnectionLost(f"a response could not be taken: {error!r}") from error

    def _keep(self, response: Response) -> None:
        """Keep a response, without the message that may come with it: nobody asked for that."""
        if isinstance(response, Fetched):
            response = replace(response, body=None, header=None)
        self._unheard.append(response)
        if len(self._unheard) > MOST_UNHEARD:
            raise ProtocolViolation("the server does not stop to tell what was not asked for")
