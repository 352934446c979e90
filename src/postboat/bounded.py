"""Splits much into batches of bounded weight and number, so that memory is bounded whatever a folder holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


def bounded(items: Iterable[T], weigh: Callable[[T], int], *, weight: int, count: int) -> Iterator[list[T]]:
    """Split items in their order; one that alone weighs more than `weight` is a batch of its own."""
    batch: list[T] = []
    held = 0
    for item in items:
        more = weigh(item)
        if batch and (len(batch) == count or held + more > weight):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += more
    if batch:
        yield batch
