"""Sets of UIDs as the wire writes them (`sequence-set` without `*`, RFC 3501 section 9), never expanded."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_UID = 2**32 - 1
"""The largest UID (RFC 3501 section 2.3.1.1: a non-zero unsigned 32-bit value)."""

MOST_RANGES = 2_000_000
"""Ranges in one set: some hundreds of MiB. A mailbox of a million messages, every other one of which is read, has a
quarter of that."""
_RANGE = re.compile(r"(\d{1,10})(?::(\d{1,10}))?(?:,|\Z)", re.ASCII)

Range = tuple[int, int]


class UidSet:
    """An immutable set of UIDs, kept as sorted ranges that neither overlap nor touch.

    Its cost follows the number of ranges, so that a server's `1:4294967295` costs nothing. `len()` and iteration
    count single UIDs; intersect with what is known before iterating over what a server sent.
    """

    __slots__ = ("ranges",)

    ranges: tuple[Range, ...]
    """First and last UID of each range, both included."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        object.__setattr__(self, "ranges", _normalised(ranges))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a UidSet does not change: {name}")

    @classmethod
    def of(cls, uids: Iterable[int]) -> UidSet:
        """Build a set from single UIDs in any order; ValueError when one is not a UID."""
        return cls((uid, uid) for uid in uids)

    @classmethod
    def parse(cls, text: str) -> UidSet:
        """Read `1:3,7`; ValueError on anything that is no set of UIDs, `*` and 0 included."""
        return cls(parse_ranges(text))

    def __str__(self) -> str:
        return ",".join(_written(r) for r in self.ranges)

    def __repr__(self) -> str:
        return f"UidSet({str(self)!r})"

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(range(first, last + 1) for first, last in self.ranges)

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int):
            return False
        at = bisect_right(self.ranges, (uid, MAX_UID)) - 1
        return at >= 0 and self.ranges[at][0] <= uid <= self.ranges[at][1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    @property
    def first(self) -> int:
        """The smallest UID, 0 when empty."""
        return self.ranges[0][0] if self.ranges else 0

    @property
    def last(self) -> int:
        """The largest UID, 0 when empty."""
        return self.ranges[-1][1] if self.ranges else 0

    def union(self, other: UidSet) -> UidSet:
        """UIDs in either set."""
        return UidSet((*self.ranges, *other.ranges))

    def intersection(self, other: UidSet) -> UidSet:
        """UIDs in both sets."""
        found: list[Range] = []
        ours, theirs = iter(self.ranges), iter(other.ranges)
        a, b = next(ours, None), next(theirs, None)
        while a is not None and b is not None:
            first, last = max(a[0], b[0]), min(a[1], b[1])
            if first <= last:
                found.append((first, last))
            if a[1] < b[1]:
                a = next(ours, None)
            else:
                b = next(theirs, None)
        return UidSet(found)

    def difference(self, other: UidSet) -> UidSet:
        """UIDs of this set that the other lacks."""
        return self.intersection(UidSet(_gaps(other.ranges)))

    __or__, __and__, __sub__ = union, intersection, difference

    def split(self, max_octets: int, most: int = MAX_UID) -> Iterator[UidSet]:
        """Cut into sets of at most `most` UIDs each, that take at most `max_octets` on the wire (RFC 2683 section
        3.2.1.5). A limit below 21 octets may be exceeded by a single range.
        """
        part: list[Range] = []
        octets = uids = 0
        for each in chain.from_iterable(_cut(whole, most) for whole in self.ranges):
            added, more = len(_written(each)) + 1, each[1] - each[0] + 1
            if part and (octets + added - 1 > max_octets or uids + more > most):
                yield UidSet(part)
                part, octets, uids = [], 0, 0
            part.append(each)
            octets, uids = octets + added, uids + more
        if part:
            yield UidSet(part)


def parse_ranges(text: str) -> list[Range]:
    """Read the ranges of a set in the order in which they stand; ValueError when it is none, or absurdly large.

    A range written backwards means the same as forwards (RFC 3501 section 9, `seq-range`).
    """
    ranges: list[Range] = []
    at, end = 0, len(text)
    while at < end and (match := _RANGE.match(text, at)):
        first = int(match[1])
        ranges.append((first, int(match[2]) if match[2] else first))
        at = match.end()
        if len(ranges) > MOST_RANGES:
            raise ValueError(f"more than {MOST_RANGES} ranges")
    if at < end or not text or text.endswith(","):
        raise ValueError(f"not a set of UIDs: {text[:80]!r}")
    return ranges


def runs_of(numbers: Iterable[int]) -> list[Range]:
    """Numbers as ranges, in their order; ValueError when these are absurdly many."""
    runs: list[Range] = []
    first = last = 0
    for number in numbers:
        if first <= number <= last + 1 and first:
            last = max(last, number)
            continue
        if first:
            runs.append((first, last))
        first = last = number
        if len(runs) > MOST_RANGES:
            raise ValueError(f"more than {MOST_RANGES} ranges")
    return [*runs, (first, last)] if first else runs


def _cut(each: Range, most: int) -> Iterator[Range]:
    """A range as ranges of at most so many UIDs."""
    return ((first, min(first + most - 1, each[1])) for first in range(each[0], each[1] + 1, most))


def _written(each: Range) -> str:
    first, last = each
    return str(first) if first == last else f"{first}:{last}"


def _normalised(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Put each range in order, sort them and join those that overlap or touch."""
    joined: list[Range] = []
    start = end = 0
    for first, last in sorted((a, b) if a <= b else (b, a) for a, b in ranges):
        if first < 1 or last > MAX_UID:
            raise ValueError(f"not a UID: {first if first < 1 else last}")
        if end and first <= end + 1:
            end = max(end, last)
            continue
        if end:
            joined.append((start, end))
        start, end = first, last
    if end:
        joined.append((start, end))
    return tuple(joined)


def _gaps(ranges: tuple[Range, ...]) -> Iterator[Range]:
    """Everything that may be a UID and is outside `ranges`."""
    free = 1
    for first, last in ranges:
        if free < first:
            yield free, first - 1
        free = last + 1
    if free <= MAX_UID:
        yield free, MAX_UID
