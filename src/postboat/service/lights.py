"""Looks at what connections do, a few times a second, for as long as somebody wants to see it.

Connections tell nothing by themselves, so that a sync of which nobody sees the lights pays nothing for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from postboat.events import ConnectionsSeen, Light
from postboat.imap.wire.doing import CONNECTING, FREE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postboat.service.bus import Subscription

QUICK = 0.25
"""Seconds between two looks while there is something to see."""
SLOW = 2.0
"""Seconds between two looks while all connections rest."""
STILL = 4
"""Quick looks without any change after which all is taken to be at rest."""
NOWHERE = Light(FREE)
"""What is seen in a place that a connection left."""


class Lit(Protocol):
    """A connection that can be looked at."""

    def light(self) -> Light:
        """Tell what it is used for now."""
        ...


class Lamps(Protocol):
    """The connections of an account (`imap.pool.Pool`)."""

    @property
    def sessions(self) -> Sequence[Lit]:
        """Those that are open."""
        ...

    @property
    def dialling(self) -> int:
        """How many more are being opened."""
        ...

    @property
    def octets(self) -> tuple[int, int]:
        """Octets received and sent so far."""
        ...


class Row:
    """The lights of one account. Each connection keeps its place, in which one that is being opened begins."""

    def __init__(self, account: str, lamps: Lamps, folder: Callable[[str], str]) -> None:
        self._account, self._lamps, self._folder = account, lamps, folder
        self._places: list[object] = []
        """What stood in each place at the last look: a session, `CONNECTING`, or nothing."""
        self.seen: ConnectionsSeen | None = None
        """What was seen last."""

    def look(self) -> ConnectionsSeen | None:
        """Look; returns what is seen, or None when it is what was seen before."""
        lit: dict[object, Light] = {session: self._named(session.light()) for session in self._lamps.sessions}
        self._places = seated(self._places, tuple(lit), self._lamps.dialling)
        lit[CONNECTING] = Light(CONNECTING)
        lights = tuple(lit.get(place, NOWHERE) for place in self._places)
        before, self.seen = self.seen, ConnectionsSeen(self._account, lights, *self._lamps.octets)
        return self.seen if self.seen != before else None

    def _named(self, light: Light) -> Light:
        return Light(light.doing, self._folder(light.folder), light.server) if light.folder else light


def seated(before: Sequence[object], sessions: Sequence[object], dialling: int) -> list[object]:
    """Give every session a place, and those that are being opened behind or between them.

    Who had a place keeps it; new sessions come where one was being opened, if there is such a place.
    """
    places: list[object] = [each if each in sessions else None for each in before]
    dialled = [at for at, each in enumerate(before) if each == CONNECTING]
    for session in sessions:
        if session not in places:
            _put(places, session, dialled)
    for _ in range(dialling):
        _put(places, CONNECTING, dialled)
    while places and places[-1] is None:
        places.pop()
    return places


def _put(places: list[object], newcomer: object, wanted: list[int]) -> None:
    """Put a newcomer into the first place that is `wanted`, else into the first that is free, else at the end."""
    at = wanted.pop(0) if wanted else next((at for at, each in enumerate(places) if each is None), len(places))
    places[at : at + 1] = [newcomer]


class Lights:
    """Looks at all accounts and lets `publish` tell what changed, until closed. Between looks it has no task."""

    def __init__(self, publish: Callable[[ConnectionsSeen], None]) -> None:
        self._rows: dict[str, Row] = {}
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._still = 0
        self._timer = self._loop.call_soon(self._look)

    @property
    def _rest(self) -> bool:
        return self._still > STILL

    def add(self, account: str, lamps: Lamps, folder: Callable[[str], str]) -> None:
        """Look at the connections of an account from now on; `folder` gives the name of a mailbox for its wire name."""
        self._rows[account] = Row(account, lamps, folder)

    def forget(self, account: str) -> None:
        """Look at those of an account no longer."""
        self._rows.pop(account, None)

    def stir(self) -> None:
        """Look at once if all was at rest: something happened."""
        if self._rest:
            self._still = 0
            self._timer.cancel()
            self._timer = self._loop.call_soon(self._look)

    def show(self, newcomer: Subscription) -> None:
        """Let one who comes later see what was seen last."""
        for row in self._rows.values():
            if row.seen is not None:
                newcomer.offer(row.seen)

    def _look(self) -> None:
        self._still += 1
        self._tell()
        self._timer = self._loop.call_later(SLOW if self._rest else QUICK, self._look)

    def _tell(self) -> None:
        for row in tuple(self._rows.values()):
            if (news := row.look()) is not None:
                self._still = 0
                self._publish(news)

    def close(self) -> None:
        """Look a last time, and never again."""
        self._timer.cancel()
        self._tell()
