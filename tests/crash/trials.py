"""Which of all the points at which something can go wrong a test run tries: a seeded sample, or every one.

`make crash` sets POSTBOAT_CRASH=all. To try one point again, or some that lie together, set it to their numbers:
POSTBOAT_CRASH=310-330. In any case the numbers tried are added up and printed at the end of the run.
"""

from __future__ import annotations

import os
import random

_WANTED = os.environ.get("POSTBOAT_CRASH", "")
ALL = bool(_WANTED)
SEED = int(os.environ.get("POSTBOAT_CRASH_SEED", "4"))
"""Another one samples other points."""


def parts(sampled: int, *, whole: int = 40) -> range:
    """Into how many tests the points are divided."""
    return range(whole if ALL else sampled)


def points_of(part: int, of: range, points: int) -> list[int]:
    """Which of the points 0, 1, … are a part's own: all of them, or one chosen by the seed out of a range of them."""
    if ALL:
        first, _, last = _WANTED.partition("-") if _WANTED != "all" else ("0", "", str(points))
        return [p for p in range(part, points, len(of)) if int(first) <= p <= int(last or first)]
    width = points / len(of)
    return [min(points - 1, int((part + random.Random(f"{SEED} {part}").random()) * width))]


def at_most(most: int, points: list[int]) -> list[int]:
    """All of a part's points, or so many that lie evenly among them: where there are too many for an hour."""
    every = max(1, -(-len(points) // most))
    return points[SEED % every :: every]
