"""Octets on the wire, second by second, for as long as a sparkline looks back."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 120
"""How far back it is known."""
AVERAGED = 3
"""Over how many seconds a rate is averaged."""
QUIET = 8192
"""Octets a second that fill half of a sparkline at least: what keeps a connection alive is no traffic."""
LEVELS = "▁▂▃▄▅▆▇█"
"""The lowest says that nothing came at all."""


class Traffic:
    """What came and went in each of the last seconds."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int, int]] = deque(maxlen=SECONDS)
        self._before: tuple[int, int] | None = None

    def learn(self, received: int, sent: int, now: float) -> tuple[int, int]:
        """Take note of how much there was since the run began, and tell how much that is more than before.

        Less than before means that it began anew.
        """
        before = self._before or (received, sent)
        self._before = (received, sent)
        down = received - before[0] if received >= before[0] else received
        up = sent - before[1] if sent >= before[1] else sent
        if down or up:
            self.add(down, up, now)
        return down, up

    def add(self, down: int, up: int, now: float) -> None:
        """Take note of so many octets more."""
        second = int(now)
        if self._seconds and self._seconds[-1][0] >= second:
            last = self._seconds.pop()
            self._seconds.append((last[0], last[1] + down, last[2] + up))
        else:
            self._seconds.append((second, down, up))

    def rates(self, now: float) -> tuple[float, float]:
        """Octets a second that came and went of late. The second that is not over does not count."""
        last = range(int(now) - AVERAGED, int(now))
        recent = [each for each in self._seconds if each[0] in last]
        return sum(each[1] for each in recent) / AVERAGED, sum(each[2] for each in recent) / AVERAGED

    def samples(self, now: float, count: int) -> list[int]:
        """Octets both ways in each of the last `count` whole seconds, oldest first."""
        known = {second: down + up for second, down, up in self._seconds}
        return [known.get(second, 0) for second in range(int(now) - count, int(now))]


def spark(samples: Sequence[int]) -> str:
    """Draw samples as a row of bars, the largest of them in full height unless it is small."""
    top = max(2 * QUIET, *samples, 1) if samples else 1
    high = len(LEVELS) - 1
    return "".join(LEVELS[min(high, -(-high * each // top))] if each > 0 else LEVELS[0] for each in samples)
