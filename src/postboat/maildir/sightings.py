"""What events tell of one folder's files, gathered until it can be passed on as a whole."""

from __future__ import annotations

from enum import Enum

from postboat.maildir import names
from postboat.maildir.touched import MANY, Spot

WAIT = 0.2
"""Seconds after which a file that was made, and not opened for writing, is taken for a finished one: a link."""
LONGEST_WAIT = 10.0
"""Seconds without a write after which a file that is open for writing is taken for a finished one."""
HELD = 1.0
"""Seconds for which what is known of other files waits for one that was just made."""


class Notice(Enum):
    """What happened to a file."""

    MADE = "made"
    """By opening it, and then it is still to be written, or as a link to a finished one."""
    GROWN = "grown"
    CLOSED = "closed"
    CAME = "came"
    """It was renamed to this name, and so is as it is to be."""
    WENT = "went"
    """It was removed, or has another name now."""


class Sightings:
    """One folder's files as events tell of them; the times are seconds of one clock.

    A program that writes straight into new/ or cur/ is waited for, since half a message is another message. So is one
    that links a file to another name: whatever lost its first name is held meanwhile, to be told together.
    """

    def __init__(self) -> None:
        self.version = 0
        """Grows with whatever is told."""
        self._seen: dict[str, dict[Spot, bool]] = {}
        self._count = 0
        self._since: float | None = None
        """When the first of them was seen."""
        self._made: dict[Spot, float] = {}
        """Files that may be finished, and when that is believed."""
        self._growing: dict[Spot, float] = {}
        """Files that are not, and when they are taken for it all the same."""

    def notice(self, spot: Spot, what: Notice, now: float) -> None:
        """Take in one event."""
        if what is Notice.MADE:
            self._made[spot] = now + WAIT
            self._since = now if self._since is None else self._since
        elif what is Notice.GROWN:
            if self._made.pop(spot, None) is not None or spot in self._growing:
                self._growing[spot] = now + LONGEST_WAIT
        elif what is not Notice.CLOSED or spot in self._made or spot in self._growing:
            self._see(spot, now, there=what is not Notice.WENT)

    @property
    def due(self) -> float | None:
        """When the next look at the clock may let something be passed on; None when nothing waits."""
        dues = [*self._made.values(), *self._growing.values()]
        if self._seen and self._since is not None:
            dues.append(self._since + HELD)
        return min(dues, default=None)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be passed on but what is still being written."""
        return not (self._seen or self._made)

    @property
    def is_waiting(self) -> bool:
        """Whether a file was just made that may be what is gone elsewhere."""
        return bool(self._made)

    def ripen(self, now: float) -> None:
        """Believe in the files that were waited for long enough."""
        for waiting in (self._made, self._growing):
            for spot in [spot for spot, due in waiting.items() if due <= now]:
                self._see(spot, now, there=True)

    def take(self, now: float, *, hold: bool) -> dict[str, dict[Spot, bool]]:
        """All that is known by now, by key; with `hold` nothing, unless it was held for long enough already."""
        if not self._seen or (hold and self._since is not None and now < self._since + HELD):
            return {}
        taken, self._seen, self._count, self._since = self._seen, {}, 0, None
        return taken

    @property
    def are_too_many(self) -> bool:
        """Whether listing the folder costs less than looking at each."""
        return self._count > MANY

    def forget(self) -> None:
        """Drop what was gathered: the whole folder is to be looked at."""
        self._seen, self._count, self._since = {}, 0, None
        self._made, self._growing = {}, {}

    def _see(self, spot: Spot, now: float, *, there: bool) -> None:
        self._made.pop(spot, None)
        self._growing.pop(spot, None)
        spots = self._seen.setdefault(names.key_and_flags(spot[1])[0], {})
        self._count += spot not in spots
        spots[spot] = there
        self._since = now if self._since is None else self._since
        self.version += 1
