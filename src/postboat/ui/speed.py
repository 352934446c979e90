"""How fast something is counted up, and how long it will take. Pure."""

from __future__ import annotations

from dataclasses import field

from postboat.values import dataclass

WINDOW = 6.0
"""Seconds over which a rate is averaged."""
STEP = 0.5
"""Seconds between the samples that a rate is made of."""


@dataclass(slots=True)
class Speed:
    """How fast something comes along of late."""

    samples: list[tuple[float, *tuple[int, ...]]] = field(default_factory=list)
    """Time and amounts, oldest first."""

    def note(self, now: float, *amounts: int) -> None:
        """Note what is done by now, so that rates can be told later."""
        if not self.samples or now - self.samples[-1][0] >= STEP:
            self.samples.append((now, *amounts))
        while len(self.samples) > 2 and now - self.samples[1][0] > WINDOW:
            del self.samples[0]

    def rate(self, now: float, amount: int, nth: int = 0) -> float:
        """Tell how much comes in a second, if the `nth` amount is this by now; 0.0 while it cannot be told."""
        if not self.samples or now - self.samples[0][0] < STEP:
            return 0.0
        return max(0.0, (amount - self.samples[0][1 + nth]) / (now - self.samples[0][0]))

    def eta(self, now: float, done: int, of: int) -> float | None:
        """Tell the seconds to go until the first amount is `of`; None while it cannot be told."""
        rate = self.rate(now, done)
        return (of - done) / rate if rate > 0 and of >= done else None
