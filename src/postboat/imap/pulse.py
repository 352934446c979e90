"""How long a watched connection may be silent before it is made to speak.

Home routers and mobile networks forget a connection on which nothing passes, some after minutes; whoever waits on it
then waits for ever. Many servers say `* OK Still here` at an interval, which keeps it in memory and proves that it
lives. On others we have to speak in time, and learn what "in time" is where we did not.
"""

from __future__ import annotations

AUTOMATIC = 240.0
"""Seconds between signs of life when the user does not say: home routers forget after 5 to 15 minutes."""
SHORTEST = 20.0
"""Seconds to which that may shrink."""
LONGEST_IDLE = 28 * 60.0
"""Seconds after which an IDLE is asked for again in any case: servers may end it after 30 minutes (RFC 2177)."""
BEATS_MISSED = 2.5
"""Intervals of the server's own signs of life after which it is asked for one."""
SHRINKS = 0.7
MEMORY = 86400.0
"""Seconds for which it is remembered that a connection died: laptops go to other networks."""


class Keepalive:
    """The silence that connections of one account bear; learnt from those that died of it."""

    def __init__(self, seconds: float) -> None:
        self._configured = max(seconds, SHORTEST) if seconds else AUTOMATIC
        self._learnt: float | None = None
        self._learnt_at = 0.0

    def interval(self, now: float) -> float:
        """Seconds of silence after which the server is to be asked for a sign of life."""
        if self._learnt is None or now - self._learnt_at > MEMORY:
            return self._configured
        return self._learnt

    def died(self, silence: float, now: float) -> None:
        """Take that a connection was found dead after a silence; a short one was not what killed it."""
        if silence >= self.interval(now) / 2:
            self._learnt, self._learnt_at = max(SHORTEST, SHRINKS * silence), now


class Pulse:
    """The signs of life of one connection that is watched since `now`."""

    def __init__(self, keepalive: Keepalive, now: float) -> None:
        self._keepalive = keepalive
        self._idle_since = self._last = now
        self._last_beat: float | None = None
        self._beat: float | None = None
        """The longest interval between two beats of the server's."""

    def begin(self, now: float) -> None:
        """Take that an IDLE began."""
        self._idle_since = self._last = now
        self._last_beat = None

    def sign(self, now: float, *, is_beat: bool) -> None:
        """Take that the server said something; a beat is something that tells nothing but that it lives."""
        self._last = now
        if is_beat:
            if self._last_beat is not None:
                self._beat = max(self._beat or 0.0, now - self._last_beat)
            self._last_beat = now

    def proved(self) -> None:
        """Take that it lived though its beats had stopped: they do not come as regularly as it seemed."""
        self._beat = None

    def silence(self, now: float) -> float:
        """Seconds since the last sign of life."""
        return now - self._last

    def due(self, now: float) -> float:
        """When the server is to be asked for a sign of life."""
        interval = self._keepalive.interval(now)
        bears = max(BEATS_MISSED * self._beat, SHORTEST) if self._beat else interval
        return min(self._last + bears, self._idle_since + LONGEST_IDLE)
