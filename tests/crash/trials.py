"""Which of all the points at which something can go wrong a test run tries: a seeded sample, or every one.

`make crash` sets POSTBOAT_CRASH=all. Either way the numbers tried are added up and printed at the end of the run.
"""

from __future__ import annotations

import os
import random

ALL = os.environ.get("POSTBOAT_CRASH") == "all"
SEED = int(os.environ.get("POSTBOAT_CRASH_SEED", "4"))
"""Another one samples other points."""


def parts(sampled: int, *, whole: int = 40) -> range:
    """Into how many tests the points are divided."""
    return range(whole if ALL else sampled)


def points_of(part: int, of: range, points: int) -> list[int]:
    """Which of the points 0, 1, … are a part's own: all of them, or one chosen by the seed out of a range of them."""
    if ALL:
        return list(range(part, points, len(of)))
    width = points / len(of)
    return [min(points - 1, int((part + random.Random(f"{SEED} {part}").random()) * width))]
