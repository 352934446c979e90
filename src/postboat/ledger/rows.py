"""Values as the ledger keeps them: how they become columns and come back equal.

UIDs are kept as integers, which saves room and time. Text that is not valid Unicode (file names with bytes of
another charset) is kept as bytes.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from postboat.model import NO_FLAGS, Flags, FolderName, Held, Key, Side, Suspicion, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Column = int | str | bytes

_LARGEST_DIGITS = 18
"""An SQLite integer holds every number of so many digits."""


class PairOfFolders(NamedTuple):
    """Which two folders are kept the same."""

    remote: FolderName
    local: FolderName


class FolderRow(NamedTuple):
    """What is written down about a pair of folders; `id` is None until something is."""

    id: int | None = None
    remote_validity: str | None = None
    local_validity: str | None = None
    remote_checkpoint: str | None = None
    local_checkpoint: str | None = None

    def validity(self, side: Side) -> str | None:
        """The recorded validity of `side`."""
        return self.remote_validity if side is Side.REMOTE else self.local_validity

    def checkpoint(self, side: Side) -> str | None:
        """The recorded checkpoint of `side`."""
        return self.remote_checkpoint if side is Side.REMOTE else self.local_checkpoint


class KnownFolder(NamedTuple):
    """A pair of folders that was synced before, and all that is written down of it but its messages."""

    remote: FolderName
    local: FolderName
    has_pairings: bool
    has_intents: bool
    validity: Mapping[Side, str | None]
    checkpoint: Mapping[Side, str | None]
    verdicts: Mapping[Side, Verdict] = {}
    """Sides on which deletions are held, with what the user said of them."""

    @classmethod
    def of(
        cls, pair: PairOfFolders, has_pairings: bool, has_intents: bool, verdicts: str | None, row: FolderRow
    ) -> KnownFolder:
        """Put it together from what the tables hold; `verdicts` as `verdicts_from_column` reads them."""
        validity, checkpoint = ({side: read(side) for side in Side} for read in (row.validity, row.checkpoint))
        return cls(*pair, has_pairings, has_intents, validity, checkpoint, verdicts_from_column(verdicts))


def to_column(text: str) -> Column:
    """A key, mark or token as it is stored: only what reads back exactly becomes a number ("007" does not)."""
    if text.isascii():
        if text.isdecimal() and len(text) <= _LARGEST_DIGITS and (text[0] != "0" or text == "0"):
            return int(text)
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
    return text


def from_column(column: Column) -> str:
    """The inverse of `to_column`."""
    if isinstance(column, bytes):
        return column.decode(errors="surrogatepass")
    return str(column)


def name_to_column(name: FolderName) -> str:
    """A folder's parts as a JSON array, in which no separator can be mistaken for a part's own character."""
    return json.dumps(name.parts)


def name_from_column(column: str) -> FolderName:
    """The inverse of `name_to_column`."""
    return FolderName(tuple(json.loads(column)))


def verdicts_from_column(column: str | None) -> dict[Side, Verdict]:
    """Sides and verdicts from "side verdict,side verdict"; None is none."""
    pairs = (one.split(" ") for one in column.split(",")) if column else ()
    return {Side(side): Verdict(verdict) for side, verdict in pairs}


def keys_to_column(keys: Iterable[Key]) -> str:
    """Keys as a JSON array in which [first, last] stands for a run of numbers: a whole folder takes a few bytes."""
    columns = [to_column(key) for key in keys]
    numbers = sorted(column for column in columns if isinstance(column, int))
    names = sorted(key for key, column in zip(keys, columns, strict=True) if not isinstance(column, int))
    return json.dumps([*_runs(numbers), *names], separators=(",", ":"))


def keys_from_column(column: str) -> frozenset[Key]:
    """The inverse of `keys_to_column`."""
    keys: list[Key] = []
    for one in json.loads(column):
        if isinstance(one, str):
            keys.append(one)
        else:
            first, last = one
            keys += map(str, range(first, last + 1))
    return frozenset(keys)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, run in groupby(enumerate(numbers), key=lambda place: place[1] - place[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]


def held_to_columns(held: Held) -> tuple[Column, ...]:
    """What is held as the columns from `on_side` on."""
    told = (held.on.value, held.verdict.value, held.suspicion.value, held.count, held.of)
    return (*told, json.dumps(held.subjects), keys_to_column(held.keys))


def held_from_columns(on: str, verdict: str, suspicion: str, count: int, whole: int, subjects: str, keys: str) -> Held:
    """The inverse of `held_to_columns`."""
    told = (Side(on), Suspicion(suspicion), count, whole)
    return Held(*told, keys_from_column(keys), tuple(json.loads(subjects)), Verdict(verdict))


class FlagColumns:
    """Sets of flags to text and back, each made once: a million messages have a few dozen different sets."""

    def __init__(self) -> None:
        self._columns: dict[Flags, Column] = {}
        self._sets: dict[Column, Flags] = {}

    def to_column(self, flags: Flags) -> Column:
        """Flags in alphabetical order with a space between; raises ValueError for a flag that has a space itself."""
        column = self._columns.get(flags)
        if column is None:
            if any(not flag or " " in flag for flag in flags):
                raise ValueError(f"not flags: {sorted(flags)}")
            column = self._columns[flags] = _text_to_column(" ".join(sorted(flags)))
        return column

    def from_column(self, column: Column) -> Flags:
        """The one set for this text."""
        flags = self._sets.get(column)
        if flags is None:
            flags = self._sets[column] = frozenset(from_column(column).split(" ")) if column else NO_FLAGS
        return flags


def _text_to_column(text: str) -> Column:
    column = to_column(text)
    return text if isinstance(column, int) else column
