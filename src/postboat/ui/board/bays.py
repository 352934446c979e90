"""The places where folders at work are shown, kept so that nothing jumps.

A folder gets a place when there is something to do in it, not while it is only looked at. When it is done it stays
where it is until another needs the place or the account's sync is over; so a line comes and goes with the number of
folders that are worked on at once, and not with each of them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.counts import Counts

RIPE = 0.6
"""Seconds of work before a place is shown at all: most folders are done by then."""
LINGER = 1.5
"""Seconds for which places are shown when the sync is over."""


@dataclass(slots=True)
class Bay:
    """A place, and the folder that is or was in it last."""

    since: float
    """When the place was first taken."""
    folder: str
    over: bool = False
    planned: Counts | None = None
    """Of a folder that is done: what was to be done."""
    failed: bool = False


@dataclass(slots=True)
class Bays:
    """The places of one account."""

    all: list[Bay] = field(default_factory=list)
    ended: float | None = None
    """When the sync was over; None while it goes on."""
    _at: dict[str, Bay] = field(default_factory=dict)

    def begin(self) -> None:
        """Empty all places for another sync."""
        self.all.clear()
        self._at.clear()
        self.ended = None

    def take(self, folder: str, now: float) -> None:
        """Give a folder a place, unless it has one: that of one that is done, or a new one."""
        if self.ended is not None:
            self.begin()
        if folder in self._at:
            return
        bay = next((bay for bay in self.all if bay.over), None)
        if bay is None:
            bay = Bay(now, folder)
            self.all.append(bay)
        bay.folder, bay.over, bay.planned, bay.failed = folder, False, None, False
        self._at[folder] = bay

    def leave(self, folder: str, planned: Counts | None, *, failed: bool = False) -> None:
        """Take note that a folder is done with, if it has a place."""
        bay = self._at.pop(folder, None)
        if bay is not None:
            bay.over, bay.planned, bay.failed = True, planned, failed

    def end(self, now: float) -> None:
        """Take note that the sync is over."""
        for bay in self._at.values():
            bay.over = True
        self._at.clear()
        if self.ended is None:
            self.ended = now

    def shown(self, now: float) -> list[Bay]:
        """Give the places worth a line."""
        if self.ended is not None and not 0 <= now - self.ended < LINGER:
            return []
        until = now if self.ended is None else self.ended
        return [bay for bay in self.all if until - bay.since >= RIPE]
