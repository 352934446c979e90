"""What the ledger keeps, as plain synchronous methods: one method is one transaction. `schema` has the words."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING

from postboat.ledger import schema
from postboat.ledger.rows import (
    Column,
    FlagColumns,
    FolderRow,
    KnownFolder,
    PairOfFolders,
    from_column,
    held_from_columns,
    held_to_columns,
    name_from_column,
    name_to_column,
    to_column,
)
from postboat.model import Aside, Flags, Held, Intent, Key, Pairing, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from postboat.ledger.database import Database, Transaction
    from postboat.model import FolderName, Verdict

_KEYS_AT_ONCE = 500
"""SQLite allows 999 variables in a statement, or more, as it was built."""
_ROWS_AT_ONCE = 150
"""Rows of up to six columns besides the folder. Every statement gives the interpreter up and waits for it again."""


class Tables:
    """Folders, pairings, intents, holds and asides of one account."""

    def __init__(self, database: Database) -> None:
        self._transaction, self._read = database.transaction, database.reading
        self._flags = FlagColumns()

    # ---- folders ----------------------------------------------------------------------------------------------

    def known(self) -> list[KnownFolder]:
        """Every known pair of folders, oldest first."""
        with self._read() as transaction:
            return [
                KnownFolder.of(
                    PairOfFolders(name_from_column(remote), name_from_column(local)),
                    bool(pairings),
                    bool(intents),
                    verdicts,
                    FolderRow(*row),
                )
                for remote, local, pairings, intents, verdicts, *row in transaction.execute(schema.FOLDERS)
            ]

    def layout(self, side: Side, present: str) -> str:
        """The layout that the folders of a side had so far; written down as `present` while no folder has pairings."""
        return self._so_far("layout", side, present)

    def standing(self, side: Side, present: str) -> str:
        """Where a side's root stood so far; written down as `present` while nothing is, or no folder has pairings."""
        return self._so_far("standing", side, present)

    def _so_far(self, column: str, side: Side, present: str) -> str:
        with self._transaction() as transaction:
            recorded = _of_shore(transaction, column, side)
            (used,) = transaction.execute("SELECT EXISTS (SELECT 1 FROM pairing)").fetchone()
            if recorded is None or not used:
                _write_of_shore(transaction, column, side, present or None)
                return present
        return recorded

    def stand(self, side: Side, present: str) -> None:
        """Write down where a side's root stands from now on."""
        with self._transaction() as transaction:
            _write_of_shore(transaction, "standing", side, present or None)

    def remembered(self, side: Side) -> str | None:
        """What was last remembered about a side's server."""
        with self._read() as transaction:
            return _of_shore(transaction, "server", side)

    def remember(self, side: Side, text: str) -> None:
        """Write down what is known about a side's server."""
        with self._transaction() as transaction:
            _write_of_shore(transaction, "server", side, text)

    def start_over(self, pair: PairOfFolders) -> FolderRow:
        """Drop the pairings, intents, holds, asides and checkpoints of a pair of folders, not its validities."""
        with self._transaction() as transaction:
            folder = _folder(transaction, pair)
            for statement in schema.EMPTY_FOLDER:
                transaction.execute(statement, (folder,))
            return _row(transaction, pair)

    def open_folder(self, pair: PairOfFolders, validity: Mapping[Side, str]) -> tuple[bool, FolderRow]:
        """Compare validities, empty the folder when one differs; whether none did, and what is written down now."""
        with self._transaction() as transaction:
            row = _row(transaction, pair)
            recorded = {side: row.validity(side) for side in validity}
            same = all(not value or recorded[side] in (None, value) for side, value in validity.items())
            new = {side: value for side, value in validity.items() if value and recorded[side] != value}
            if new:
                row = row if row.id is not None else _add_folder(transaction, pair)
                for statement in schema.EMPTY_FOLDER if not same else ():
                    transaction.execute(statement, (row.id,))
                for side, value in new.items():
                    transaction.execute(schema.set_validity(side.value), (value, row.id))
            return same, _row(transaction, pair)

    def save_checkpoints(self, pair: PairOfFolders, checkpoints: Mapping[Side, str | None]) -> FolderRow:
        """Write the checkpoints of the sides named; None removes one."""
        with self._transaction() as transaction:
            folder = _folder(transaction, pair)
            for side, checkpoint in checkpoints.items():
                transaction.execute(schema.set_checkpoint(side.value), (checkpoint, folder))
            return _row(transaction, pair)

    # ---- pairings ---------------------------------------------------------------------------------------------

    def count(self, pair: PairOfFolders) -> int:
        """How many pairings a pair of folders has."""
        with self._reading(pair) as (transaction, folder):
            (count,) = transaction.execute(schema.COUNT, (folder,)).fetchone()
        return int(count)

    def flags(self, pair: PairOfFolders, side: Side) -> dict[Key, Flags]:
        """Agreed flags of all pairings by the keys of `side`."""
        flags_of = self._flags.from_column
        with self._reading(pair) as (transaction, folder):
            rows = transaction.execute(schema.flags_by(side.value), (folder,))
            return {key if key.__class__ is str else from_column(key): flags_of(flags) for key, flags in rows}

    def marks(self, pair: PairOfFolders, side: Side, keys: Collection[Key]) -> dict[Key, str]:
        """Marks of the pairings that `side` calls `keys`."""
        marks: dict[Key, str] = {}
        with self._reading(pair) as (transaction, folder):
            for columns in _chunks(keys):
                rows = transaction.execute(schema.marks_by(side.value, len(columns)), (folder, *columns))
                marks.update((from_column(key), from_column(mark)) for key, mark in rows)
        return marks

    def pairings(self, pair: PairOfFolders, side: Side, keys: Collection[Key]) -> dict[Key, Pairing]:
        """The pairings that `side` calls `keys`."""
        found: dict[Key, Pairing] = {}
        with self._reading(pair) as (transaction, folder):
            for columns in _chunks(keys):
                rows = transaction.execute(schema.pairings_by(side.value, len(columns)), (folder, *columns))
                pairings = (self._pairing(*row) for row in rows)
                found.update((pairing.key(side), pairing) for pairing in pairings)
        return found

    def record(
        self, pair: PairOfFolders, pairings: Sequence[Pairing], forget: Sequence[Pairing], settled: Sequence[Intent]
    ) -> None:
        """Forget, then write pairings in the place of those with a same key, then drop intents."""
        with self._transaction() as transaction:
            folder = _folder(transaction, pair)
            gone = ((to_column(p.remote), to_column(p.local)) for p in forget)
            _each(transaction, schema.forget_pairings, folder, gone)
            _each(transaction, schema.add_pairings, folder, map(self._pairing_row, pairings))
            done = ((i.to.value, to_column(i.origin), to_column(i.token)) for i in settled)
            _each(transaction, schema.drop_intents, folder, done)

    def _pairing(self, remote: int, local: int, flags: str, remote_mark: str, local_mark: str) -> Pairing:
        return Pairing(
            from_column(remote),
            from_column(local),
            self._flags.from_column(flags),
            from_column(remote_mark),
            from_column(local_mark),
        )

    def _pairing_row(self, pairing: Pairing) -> tuple[Column, ...]:
        return (
            to_column(pairing.remote),
            to_column(pairing.local),
            self._flags.to_column(pairing.flags),
            to_column(pairing.remote_mark),
            to_column(pairing.local_mark),
        )

    # ---- intents ----------------------------------------------------------------------------------------------

    def intents(self, pair: PairOfFolders) -> list[Intent]:
        """Intents in the order in which they were written down."""
        with self._reading(pair) as (transaction, folder):
            flags_of = self._flags.from_column
            return [
                Intent(Side(to), from_column(origin), from_column(token), flags_of(flags), from_column(mark))
                for to, origin, token, flags, mark in transaction.execute(schema.INTENTS, (folder,))
            ]

    def intend(self, pair: PairOfFolders, intents: Sequence[Intent]) -> None:
        """Write intents down."""
        with self._transaction() as transaction:
            folder = _folder(transaction, pair)
            _each(transaction, schema.add_intents, folder, map(self._intent_row, intents))

    def _intent_row(self, intent: Intent) -> tuple[Column, ...]:
        keys = to_column(intent.origin), to_column(intent.token)
        return (intent.to.value, *keys, self._flags.to_column(intent.flags), to_column(intent.mark))

    # ---- what waits: for the user's word, for its time ----------------------------------------------------------

    def holds(self) -> list[tuple[PairOfFolders, Held]]:
        """All that is held, by the age of the folders."""
        with self._read() as transaction:
            return [
                (PairOfFolders(name_from_column(remote), name_from_column(local)), held_from_columns(*row))
                for remote, local, *row in transaction.execute(schema.HOLDS)
            ]

    def decide(self, verdict: Verdict, remote: FolderName | None) -> list[tuple[PairOfFolders, Held]]:
        """Write the user's verdict on what is held in a remote folder, None: in all; return what it is on."""
        with self._transaction() as transaction:
            concerned = [pair for pair, _ in self.holds() if remote in (None, pair.remote)]
            for pair in concerned:
                transaction.execute(schema.DECIDE, (verdict.value, *_names(pair)))
            return [(pair, held) for pair, held in self.holds() if pair in concerned]

    def held(self, pair: PairOfFolders) -> list[Held]:
        """What is held in a pair of folders."""
        with self._reading(pair) as (transaction, folder):
            return [held_from_columns(*row) for row in transaction.execute(schema.HOLDS_OF, (folder,))]

    def hold(self, pair: PairOfFolders, on: Side, held: Held | None) -> None:
        """Write down what is held on a side in the place of what was; None drops it."""
        with self._transaction() as transaction:
            if held is None:
                transaction.execute(schema.DROP_HOLD, (_row(transaction, pair).id, on.value))
            else:
                transaction.execute(schema.PUT_HOLD, (_folder(transaction, pair), *held_to_columns(held)))

    def asides(self, pair: PairOfFolders) -> list[Aside]:
        """Copies that failed, each with when it is due."""
        with self._reading(pair) as (transaction, folder):
            return [
                Aside(Side(to), from_column(origin), from_column(reason), tries, not_before, bool(own_fault))
                for to, origin, reason, tries, not_before, own_fault in transaction.execute(schema.ASIDES, (folder,))
            ]

    def put_aside(self, pair: PairOfFolders, asides: Sequence[Aside], taken_back: Sequence[Aside]) -> None:
        """Drop, then write asides in the place of those of the same messages."""
        with self._transaction() as transaction:
            folder = _folder(transaction, pair)
            _each(transaction, schema.drop_asides, folder, ((a.to.value, to_column(a.origin)) for a in taken_back))
            _each(transaction, schema.add_asides, folder, map(_aside_row, asides))

    # ---- inside -----------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, pair: PairOfFolders) -> Iterator[tuple[Transaction, int | None]]:
        """A transaction that only reads, and the folder's id: None, which no row has, when it is unknown."""
        with self._read() as transaction:
            yield transaction, _row(transaction, pair).id


def _row(transaction: Transaction, pair: PairOfFolders) -> FolderRow:
    row = transaction.execute(schema.FOLDER, _names(pair)).fetchone()
    return FolderRow(*row) if row is not None else FolderRow()


def _add_folder(transaction: Transaction, pair: PairOfFolders) -> FolderRow:
    transaction.execute(schema.ADD_FOLDER, _names(pair))
    return _row(transaction, pair)


def _folder(transaction: Transaction, pair: PairOfFolders) -> int:
    """The folder's id; its row is made when there is none."""
    row = _row(transaction, pair)
    folder = row.id if row.id is not None else _add_folder(transaction, pair).id
    assert folder is not None
    return folder


def _aside_row(aside: Aside) -> tuple[Column | float, ...]:
    reason, own_fault = to_column(aside.reason), int(aside.own_fault)
    return (aside.to.value, to_column(aside.origin), reason, aside.tries, aside.not_before, own_fault)


def _names(pair: PairOfFolders) -> tuple[str, str]:
    return name_to_column(pair.remote), name_to_column(pair.local)


def _chunks(keys: Collection[Key]) -> Iterator[list[Column]]:
    remaining = iter(keys)
    while chunk := [to_column(key) for key in islice(remaining, _KEYS_AT_ONCE)]:
        yield chunk


def _each(
    transaction: Transaction, statement: Callable[[int], str], folder: int, rows: Iterable[tuple[Column | float, ...]]
) -> None:
    """Execute a statement about a folder for all rows, as many at a time as `statement` is told to take."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, _ROWS_AT_ONCE)):
        transaction.execute(statement(len(chunk)), (folder, *chain.from_iterable(chunk)))


def _of_shore(transaction: Transaction, column: str, side: Side) -> str | None:
    row = transaction.execute(f"SELECT {column} FROM shore WHERE side = ?", (side.value,)).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def _write_of_shore(transaction: Transaction, column: str, side: Side, value: str | None) -> None:
    transaction.execute(schema.ADD_SHORE, (side.value,))
    transaction.execute(f"UPDATE shore SET {column} = ? WHERE side = ?", (value, side.value))
