"""What goes out behind a sign-in, in its flight where the last session taught us what the server takes.

Behind the password nobody has to wait for: who we are (ID), the capabilities when the server does not tell them by
itself, ENABLE, and what the caller wants to ask at once (`Behind`). A server that is not known is asked the same once
it has let us in.

Some servers lose what comes behind a sign-in. That shows when a command that is sent later is answered earlier; such a
connection is given up, and nothing is sent behind that mechanism any more. A connection that ends proves nothing: the
server is called again, with nothing behind the sign-in this once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from postboat.errors import PostboatError
from postboat.imap.memory import Lesson
from postboat.imap.sasl import Deaf
from postboat.imap.wire import commands

if TYPE_CHECKING:
    from postboat.imap.connection import Connection
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Condition

    Answer = asyncio.Future[Condition]

Behind = Callable[["Session", frozenset[str]], "Answer | None"]
"""Asks at once what a new session is wanted for, given what the server probably can do; gives one of the answers to
come, or None when there is nothing to ask."""

PATIENCE = 0.5
"""Seconds from the sign-in's OK until a server is asked whether it lost what came behind."""
_WANTED = frozenset({"ENABLE", "QRESYNC"})


class Arrival:
    """One sign-in and what goes with it. `lesson` is about this server and user."""

    def __init__(
        self, connection: Connection, session: Session, host: str, lesson: Lesson | None, behind: Behind | None
    ) -> None:
        self._connection, self._session, self._host = connection, session, host
        self._lesson, self._behind = lesson, behind
        self._mechanism: str | None = None
        """Behind which it was asked in the same flight."""
        self._telling: Answer | None = None
        self._enabling: Answer | None = None
        self._first: Answer | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether something went out behind the sign-in in the same flight."""
        return self._mechanism is not None

    def follow(self, mechanism: str) -> bool:
        """Send what can go out behind a sign-in, now that the password is on its way; tell whether that is anything."""
        self._mechanism = self._telling = self._enabling = self._first = None
        lesson = self._lesson
        if lesson is None or mechanism != lesson.mechanism or mechanism in lesson.deaf_behind:
            return False
        self._session.recognise(self._host, proven=True)
        if not lesson.announces:
            self._telling = self._connection.send(commands.capability())
        self._ask(lesson.capabilities)
        if self._first is None:
            return False
        self._mechanism = mechanism
        return True

    async def refused(self) -> None:
        """Wait, after a refusal, until the server has refused the rest of the flight too."""
        if self._mechanism is None:
            return
        try:
            await self._connection.run(commands.noop(), check=False)
        except PostboatError:
            pass
        if self._connection.busy:
            self._connection.abort()

    async def complete(self, place: str, user: str, mechanism: str, offered: frozenset[str]) -> Lesson:
        """Learn what the server can do now that we are signed in, and ask what was not asked yet.

        Raises `Deaf` when the server lost what was sent behind the sign-in.
        """
        connection, session = self._connection, self._session
        if self._mechanism is not None and self._first is not None:
            await self._heard(self._first)
        announces = self._telling is None and connection.capabilities_known
        if not connection.capabilities_known:
            await connection.run(commands.capability())
        session.recognise(self._host, proven=self._mechanism is not None)
        if self._mechanism is None:
            self._ask(session.capabilities)
        elif self._enabling is None:
            self._enable(session.capabilities)
        deaf_behind = frozenset({mechanism} if await self._is_refused_as_a_stranger() else ())
        session.enabled &= session.capabilities
        return Lesson(place, user, mechanism, session.capabilities, offered, announces, deaf_behind)

    def _ask(self, capabilities: frozenset[str]) -> None:
        introduction = self._session.introduce(capabilities)
        self._enable(capabilities)
        asked = self._behind(self._session, capabilities) if self._behind is not None else None
        self._first = self._telling or self._enabling or asked or introduction

    def _enable(self, capabilities: frozenset[str]) -> None:
        if capabilities >= _WANTED:
            self._enabling = self._session.enable("QRESYNC" if self._session.kind.tells_removals else "CONDSTORE")

    async def _heard(self, first: Answer) -> None:
        """Wait for an answer to what was sent behind the sign-in, or for the proof that none will come."""
        done, _ = await asyncio.wait({first}, timeout=PATIENCE)
        if not done:
            later = self._connection.send(commands.noop())
            await asyncio.wait({first, later}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            raise Deaf("the server lost what was sent behind the sign-in")
        first.result()

    async def _is_refused_as_a_stranger(self) -> bool:
        """Whether ENABLE works only when it comes later; it is then asked again, and its answer is known."""
        if self._enabling is None or (await self._enabling).status == "OK" or self._mechanism is None:
            return False
        if not self._session.capabilities >= _WANTED:
            return False
        self._enable(self._session.capabilities)
        return (await self._enabling).status == "OK"
