"""How the fates of accounts add up to the program's exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

GRAVEST_FIRST = (1, 2, 5, 4, 7, 6, 3, 0)
"""Exit codes in the order in which one account's outranks another's: what needs the user comes before what may pass."""


def gravest(codes: Iterable[int]) -> int:
    """The exit code that tells most of what the user must know."""
    return min(codes, key=GRAVEST_FIRST.index, default=0)
