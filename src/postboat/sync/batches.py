"""Groups copies into transfers of a bounded size, so that memory is bounded whatever the folder holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.bounded import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from postboat.operations import Copy

BATCH_OCTETS = 4 * 1024 * 1024
"""A batch closes when its messages add up to this; one larger message is a batch of its own."""
BATCH_MESSAGES = 250
UNKNOWN_SIZE = 16 * 1024
"""What a message of unknown size is taken to weigh: about the median of real mail."""


def held(batch: Sequence[Copy]) -> int:
    """Octets that a batch holds in memory at most: one larger message is never held whole."""
    return min(sum(map(_weight, batch)), BATCH_OCTETS)


def _weight(copy: Copy) -> int:
    return UNKNOWN_SIZE if copy.size is None else copy.size


def batches(copies: Iterable[Copy]) -> Iterator[list[Copy]]:
    """Split copies, in their order, into transfers of bounded weight and count."""
    return bounded(copies, _weight, weight=BATCH_OCTETS, count=BATCH_MESSAGES)
