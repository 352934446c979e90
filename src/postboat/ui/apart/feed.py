"""What a face that runs apart is still to be told: bounded, and begun anew with a snapshot when it grew too long."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postboat.event_json import encode
from postboat.events import ConnectionsSeen, Event, FolderEvent, FolderProgressed, FolderScanned
from postboat.status import learn
from postboat.status_json import as_json

if TYPE_CHECKING:
    from postboat.status import ServiceStatus

    Cell = tuple[Event, float]
    Kind = tuple[type[Event], str, str]

EVENTS_KEPT = 5_000
"""Events that wait for a face that is behind."""
AT_ONCE = 256
"""Lines that are handed over in one go."""


class Feed:
    """Learns all that happens, and gives it out in lines. The first of them tells how things are."""

    def __init__(self, status: ServiceStatus, kept: int = EVENTS_KEPT) -> None:
        self._status, self._kept = status, kept
        self._waiting: deque[list[Cell]] = deque()
        self._latest: dict[Kind, list[Cell]] = {}
        self.missed = 0
        """How many events the face was not told one by one."""
        self._anew = False
        """Whether how things are is to be told in place of what happened."""
        self._urgent: deque[str] = deque([self._snapshot()])

    def __bool__(self) -> bool:
        return bool(self._waiting or self._urgent or self._anew)

    def offer(self, event: Event, when: float) -> None:
        """Learn of an event, which is to be told; a place's progress takes the place of what waits of it."""
        learn(self._status, event, when)
        kind = _replaced(event)
        if kind is not None and (cell := self._latest.get(kind)) is not None:
            cell[0] = (event, when)
            return
        if len(self._waiting) >= self._kept:
            self.miss(0)
        if self._anew and not isinstance(event, ConnectionsSeen):  # it will be in the snapshot
            self.missed += 1
            return
        self._waiting.append(cell := [(event, when)])
        if kind is not None:
            self._latest[kind] = cell

    def miss(self, more: int) -> None:
        """Give up telling what waits, and `more` events that never came here: a snapshot is told in their place."""
        seen = [cell for cell in self._waiting if isinstance(cell[0][0], ConnectionsSeen)]  # which no snapshot tells
        self.missed += len(self._waiting) - len(seen) + more
        self._waiting = deque(seen)
        self._latest = {kind: cell for kind, cell in self._latest.items() if kind[0] is ConnectionsSeen}
        self._anew = True

    def say(self, **facts: object) -> None:
        """Tell something that is no event; it overtakes what waits."""
        self._urgent.append(json.dumps(facts))

    def take(self) -> str:
        """The next lines; "" when there are none."""
        lines = [*self._urgent]
        self._urgent.clear()
        if self._anew:
            self._anew = False
            lines.append(self._snapshot())
        for _ in range(min(AT_ONCE, len(self._waiting))):
            ((event, when),) = self._waiting.popleft()
            if (kind := _replaced(event)) is not None:
                self._latest.pop(kind, None)
            lines.append(encode(event, datetime.fromtimestamp(when, UTC)))
        return "".join(f"{line}\n" for line in lines)

    def _snapshot(self) -> str:
        return json.dumps({"ok": True, "status": as_json(self._status), "dropped": self.missed}, default=str)


def _replaced(event: Event) -> Kind | None:
    """What a later event is about that takes the place of this one."""
    if isinstance(event, ConnectionsSeen):
        return ConnectionsSeen, event.account, ""
    if isinstance(event, FolderProgressed | FolderScanned):
        return type(event), event.account, _place(event)
    return None


def _place(event: FolderEvent) -> str:
    return f"{event.folder}\n{event.side}" if isinstance(event, FolderScanned) else event.folder
