"""From a configuration to a signed-in session: greeting, password, and what goes out with it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.config.schema import Secret
from postboat.errors import (
    AccountError,
    CommandFailed,
    ConnectionLost,
    ServerUnreachable,
    SignInRefused,
)
from postboat.imap.arrival import Arrival
from postboat.imap.auth import postponed, sign_in
from postboat.imap.line import greeted
from postboat.imap.memory import ServerMemory
from postboat.imap.sasl import CallAgain, Deaf
from postboat.imap.session import Session
from postboat.imap.tcp import in_words
from postboat.imap.wire import commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.config.schema import ServerConfig
    from postboat.imap.arrival import Behind
    from postboat.imap.line import Line
    from postboat.imap.memory import Lesson
    from postboat.imap.wire_log import Tell

PasswordGiver = Callable[[str | None], Awaitable[tuple[str, Secret] | None]]
"""Gives user name and password. Its argument is the server's refusal of the last ones, or None at first.

It raises `SignInRefused`, or gives None, when it has no others."""

ATTEMPTS = 3
"""Passwords that are put to a server before the account is given up: servers lock accounts after a few more."""


async def connect(
    remote: ServerConfig,
    password: PasswordGiver,
    wire_log: Tell | None = None,
    *,
    memory: ServerMemory | None = None,
    behind: Behind | None = None,
) -> Session:
    """Reach the server and sign in. `wire_log` is told what goes over the wire, without what is secret.

    What `memory` holds saves round trips, and what this session shows is put there. `behind` asks at once what the
    session is wanted for, in the flight of the sign-in if the server is known; it is called again when that was in
    vain.

    Raises `ServerUnreachable`, `CertificateRefused` or `SignInRefused`, each saying where; `TooManyConnections`
    when the server would have us if we had fewer connections.
    """
    async with _named(remote):
        return await _Caller(remote, wire_log, memory or ServerMemory(), behind).signed_in(password)


def place(remote: ServerConfig) -> str:
    """Where a repository's server is, for people."""
    command = remote.preauthtunnel or remote.transporttunnel
    return f"tunnel ({command})" if command else f"{remote.remotehost}:{remote.remoteport}"


@asynccontextmanager
async def _named(remote: ServerConfig) -> AsyncIterator[None]:
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
        return f"{in_words(error)}; is this port meant for ssl = true?"
    return in_words(error)


class _Caller:
    """One call at a server, over more than one connection if need be."""

    def __init__(
        self, remote: ServerConfig, wire_log: Tell | None, memory: ServerMemory, behind: Behind | None
    ) -> None:
        self._remote, self._wire_log, self._memory, self._behind = remote, wire_log, memory, behind
        self._place = place(remote)
        self._lost_with: Lesson | None = None
        """By which lesson something went out behind a sign-in whose connection then ended."""

    async def signed_in(self, password: PasswordGiver) -> Session:
        """Sign in, asking again for the password while it is refused and another one can be given."""
        line = await self._greeted()
        try:
            refusal: SignInRefused | None = None
            for _ in range(ATTEMPTS):
                given = await _given(line, password, refusal)
                if given is None:
                    break
                if not line.connection.alive:
                    # It took its time to ask the user, or the server hangs up after a refusal.
                    await line.drop()
                    line = await self._greeted()
                try:
                    return await self._admitted(line, *given)
                except SignInRefused as error:
                    refusal = error
                    self._memory.forget()
                except CallAgain:
                    # Nobody refused the password, and nothing will go out behind it now.
                    await line.drop()
                    line = await self._greeted()
                    session = await self._admitted(line, *given)
                    self._note_loss()
                    return session
            raise refusal or SignInRefused("there is no password to offer")
        finally:
            if not line.is_taken:
                await line.drop()

    def _note_loss(self) -> None:
        """Suspect a mechanism behind which a connection was lost, once it is known to work with nothing behind it.

        A line may be cut at any moment. Twice in a row, it is the server.
        """
        lost = self._lost_with
        if lost is None:
            return
        again = lost.mechanism in lost.lost_behind
        deaf_behind = lost.deaf_behind | ({lost.mechanism} if again else frozenset())
        self._memory.correct(deaf_behind=deaf_behind, lost_behind=lost.lost_behind | {lost.mechanism})

    async def _greeted(self) -> Line:
        """Reach the server; when its greeting does not tell its capabilities, those of last time are guessed."""
        line = await greeted(self._remote, self._wire_log)
        connection = line.connection
        try:
            if not (connection.capabilities or connection.preauthenticated):
                lesson = self._memory.recall(self._place)
                if lesson is not None and lesson.offered:
                    connection.guess(lesson.offered)
                else:
                    await connection.run(commands.capability())
                line.offered = connection.capabilities
        except BaseException:
            await line.drop()
            raise
        return line

    async def _admitted(self, line: Line, user: str, password: Secret) -> Session:
        """Sign in unless that is done, and find out what the server can do for the user."""
        connection = line.connection
        lesson = self._memory.recall(self._place, user)
        session = Session(connection, self._place, line.tunnel)
        arrival = Arrival(connection, session, self._remote.remotehost, lesson, self._behind)
        try:
            mechanism = await self._sign_in(line, user, password, arrival, lesson)
            learnt = await arrival.complete(self._place, user, mechanism, line.offered)
            if connection.failure is not None:  # with the answer, or right behind it
                raise ConnectionLost(str(connection.failure))
            self._memory.learn(learnt)
        except SignInRefused:
            await arrival.refused()
            raise
        except Deaf:
            if lesson is not None:
                self._memory.correct(deaf_behind=lesson.deaf_behind | {lesson.mechanism})
            raise
        except ConnectionLost as error:
            if not arrival.is_ahead:
                raise
            self._memory.forget()
            self._lost_with = lesson
            if connection.is_one_too_many or postponed(str(error)):
                raise
            raise CallAgain(str(error)) from error
        line.is_taken = True
        return session

    async def _sign_in(self, line: Line, user: str, password: Secret, arrival: Arrival, lesson: Lesson | None) -> str:
        """Sign in, and return by which mechanism; "" when the greeting did it."""
        if line.connection.preauthenticated:
            arrival.follow("")
            return ""
        slow = set(lesson.deaf_behind) if lesson is not None else set()
        if lesson is not None and "SASL-IR" not in line.connection.capabilities:
            slow.add("PLAIN")
        return await sign_in(
            line.connection,
            user,
            password,
            self._remote.auth_mechanisms,
            secure=line.private,
            then=arrival.follow,
            slow=slow,
        )


async def _given(line: Line, password: PasswordGiver, refusal: SignInRefused | None) -> tuple[str, Secret] | None:
    """User and password; empty ones when the server greeted us as signed in."""
    if line.connection.preauthenticated:
        return "", Secret("")
    return await password(str(refusal) if refusal is not None else None)
