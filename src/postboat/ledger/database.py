"""The ledger's file: plain synchronous SQLite, one method is one transaction. Lives in one thread (`ledger.ledger`)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from postboat.errors import LedgerUnusable, Retry
from postboat.ledger import schema
from postboat.ledger.files import make_private
from postboat.ledger.rows import (
    FlagColumns,
    FolderRow,
    KnownFolder,
    PairOfFolders,
    from_column,
    name_from_column,
    name_to_column,
    to_column,
)
from postboat.model import Flags, Intent, Key, Pairing, Side

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

_KEYS_AT_ONCE = 500
"""SQLite allows 999 variables in a statement, or more, as it was built."""

_BUSY_SECONDS = 10.0

_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written: look at its permissions and its directory's",
    sqlite3.SQLITE_PERM: "it may not be written: look at its permissions and its directory's",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at its permissions and its directory's",
    sqlite3.SQLITE_BUSY: "another program keeps it locked",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
}
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """One account's ledger file. Every failure to use it is raised as `LedgerUnusable`."""

    def __init__(self, path: Path | None, *, account: str, fsync: bool = True, copy: bool = False) -> None:
        """Open nothing yet; `path` None is an empty ledger in memory, `copy` works on a copy in memory."""
        self._path, self._account, self._fsync, self._copy = path, account, fsync, copy
        self._connected: sqlite3.Connection | None = None
        self._flags = FlagColumns()

    # ---- its life ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Create or open the file and bring its tables up to date."""
        with self._translating():
            on_disk = self._path is not None and not self._copy
            self._connected = connection = self._created() if on_disk else self._copied()
            self._version(connection)  # refuses a file that is not ours before anything is written to it
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
            connection.execute(f"PRAGMA fullfsync = {'ON' if self._fsync else 'OFF'}")
            connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(connection)

    def close(self) -> None:
        """Close the file; harmless when it is not open."""
        connected, self._connected = self._connected, None
        if connected is not None:
            with self._translating():
                connected.close()

    def _created(self) -> sqlite3.Connection:
        path = self._path
        assert path is not None
        make_private(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._sync_directory(path.parent)
        return _connect(path)

    def _sync_directory(self, directory: Path) -> None:
        if self._fsync:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _copied(self) -> sqlite3.Connection:
        memory = _connect(":memory:")
        if self._path is not None and self._path.exists():
            with _readable(self._path) as uri, closing(_connect(uri, uri=True)) as source:
                source.backup(memory)
        return memory

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if self._version(connection) == schema.VERSION:
            self._check_account(connection)
            return
        with self._transaction() as transaction:
            version = self._version(transaction)  # again: now nobody else can be at it
            for statement in (s for migration in schema.MIGRATIONS[version:] for s in migration):
                transaction.execute(statement)
            if version == 0:
                transaction.execute("INSERT INTO meta (account) VALUES (?)", (self._account,))
            transaction.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            transaction.execute(f"PRAGMA user_version = {schema.VERSION}")
        self._check_account(connection)

    def _version(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if tables and application != schema.APPLICATION_ID:
            raise _never(f"{self._where} is a database of another program")
        if version > schema.VERSION:
            raise _never(f"{self._where} was written by a newer version of Postboat: use that one, or move it aside")
        return int(version)

    def _check_account(self, connection: sqlite3.Connection) -> None:
        (account,) = connection.execute("SELECT account FROM meta").fetchone() or ("",)
        if account != self._account:
            raise _never(f"{self._where} belongs to the account {account!r}, not to {self._account!r}")

    # ---- folders ----------------------------------------------------------------------------------------------

    def known(self) -> list[KnownFolder]:
        """Every known pair of folders, oldest first."""
        with self._transaction("DEFERRED") as transaction:
            rows = transaction.execute(schema.FOLDERS).fetchall()
        return [
            KnownFolder.of(
                PairOfFolders(name_from_column(remote), name_from_column(local)),
                bool(pairings),
                bool(intents),
                FolderRow(*row),
            )
            for remote, local, pairings, intents, *row in rows
        ]

    def layout(self, present: str) -> str:
        """The layout that the local folders had so far; written down as `present` while no folder has pairings."""
        with self._transaction() as transaction:
            (recorded,) = transaction.execute("SELECT layout FROM meta").fetchone()
            (used,) = transaction.execute("SELECT EXISTS (SELECT 1 FROM pairing)").fetchone()
            if recorded is None or not used:
                transaction.execute("UPDATE meta SET layout = ?", (present,))
                return present
        return str(recorded)

    def remembered(self) -> str | None:
        """What was last remembered about the server."""
        with self._transaction("DEFERRED") as transaction:
            (text,) = transaction.execute("SELECT server FROM meta").fetchone()
        return None if text is None else str(text)

    def remember(self, text: str) -> None:
        """Write down what is known about the server."""
        with self._transaction() as transaction:
            transaction.execute("UPDATE meta SET server = ?", (text,))

    def start_over(self, pair: PairOfFolders) -> FolderRow:
        """Drop the pairings, intents and checkpoints of a pair of folders, not its validities."""
        with self._transaction() as transaction:
            folder = self._folder(transaction, pair)
            for statement in schema.EMPTY_FOLDER:
                transaction.execute(statement, (folder,))
            return self._row(transaction, pair)

    def open_folder(self, pair: PairOfFolders, validity: Mapping[Side, str]) -> tuple[bool, FolderRow]:
        """Compare validities, empty the folder when one differs; whether none did, and what is written down now."""
        with self._transaction() as transaction:
            row = self._row(transaction, pair)
            recorded = {side: row.validity(side) for side in validity}
            same = all(not value or recorded[side] in (None, value) for side, value in validity.items())
            new = {side: value for side, value in validity.items() if value and recorded[side] != value}
            if new:
                row = row if row.id is not None else self._add_folder(transaction, pair)
                for statement in schema.EMPTY_FOLDER if not same else ():
                    transaction.execute(statement, (row.id,))
                for side, value in new.items():
                    transaction.execute(schema.set_validity(side.value), (value, row.id))
            return same, self._row(transaction, pair)

    def save_checkpoints(self, pair: PairOfFolders, checkpoints: Mapping[Side, str | None]) -> FolderRow:
        """Write the checkpoints of the sides named; None removes one."""
        with self._transaction() as transaction:
            folder = self._folder(transaction, pair)
            for side, checkpoint in checkpoints.items():
                transaction.execute(schema.set_checkpoint(side.value), (checkpoint, folder))
            return self._row(transaction, pair)

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
            folder = self._folder(transaction, pair)
            gone = ((folder, to_column(p.remote), to_column(p.local)) for p in forget)
            transaction.executemany(schema.FORGET_PAIRING, gone)
            transaction.executemany(schema.ADD_PAIRING, (self._pairing_row(folder, p) for p in pairings))
            done = ((folder, i.to.value, to_column(i.origin), to_column(i.token)) for i in settled)
            transaction.executemany(schema.DROP_INTENT, done)

    def _pairing(self, remote: int, local: int, flags: str, remote_mark: str, local_mark: str) -> Pairing:
        return Pairing(
            from_column(remote),
            from_column(local),
            self._flags.from_column(flags),
            from_column(remote_mark),
            from_column(local_mark),
        )

    def _pairing_row(self, folder: int, pairing: Pairing) -> tuple[object, ...]:
        return (
            folder,
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
            rows = transaction.execute(schema.INTENTS, (folder,)).fetchall()
        return [
            Intent(Side(to), from_column(origin), from_column(token), self._flags.from_column(flags), from_column(mark))
            for to, origin, token, flags, mark in rows
        ]

    def intend(self, pair: PairOfFolders, intents: Sequence[Intent]) -> None:
        """Write intents down."""
        with self._transaction() as transaction:
            folder = self._folder(transaction, pair)
            transaction.executemany(schema.ADD_INTENT, (self._intent_row(folder, intent) for intent in intents))

    def _intent_row(self, folder: int, intent: Intent) -> tuple[object, ...]:
        keys = to_column(intent.origin), to_column(intent.token)
        return (folder, intent.to.value, *keys, self._flags.to_column(intent.flags), to_column(intent.mark))

    # ---- inside -----------------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"the ledger {self._path}" if self._path is not None else "the ledger in memory"

    @staticmethod
    def _row(transaction: sqlite3.Connection, pair: PairOfFolders) -> FolderRow:
        row = transaction.execute(schema.FOLDER, _names(pair)).fetchone()
        return FolderRow(*row) if row is not None else FolderRow()

    def _add_folder(self, transaction: sqlite3.Connection, pair: PairOfFolders) -> FolderRow:
        transaction.execute(schema.ADD_FOLDER, _names(pair))
        return self._row(transaction, pair)

    def _folder(self, transaction: sqlite3.Connection, pair: PairOfFolders) -> int:
        """The folder's id; its row is made when there is none."""
        row = self._row(transaction, pair)
        folder = row.id if row.id is not None else self._add_folder(transaction, pair).id
        assert folder is not None
        return folder

    @contextmanager
    def _reading(self, pair: PairOfFolders) -> Iterator[tuple[sqlite3.Connection, int | None]]:
        """A transaction that only reads, and the folder's id: None, which no row has, when it is unknown."""
        with self._transaction("DEFERRED") as transaction:
            yield transaction, self._row(transaction, pair).id

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        assert self._connected is not None, "the ledger is not open"
        connection = self._connected
        with self._translating():
            connection.execute(f"BEGIN {kind}")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    connection.execute("ROLLBACK")

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Raise what the disk or the file is to blame for as `LedgerUnusable`; a defect of ours passes."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        except OSError as error:
            raise LedgerUnusable(f"{self._where} cannot be used: {error.strerror or error}") from error

    def _unusable(self, error: sqlite3.Error) -> LedgerUnusable:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest is detail
        if code in _DAMAGED:
            return _never(
                f"{self._where} is damaged ({error}): move it aside and sync again; messages that are on both sides "
                "are then matched, and none is deleted"
            )
        return LedgerUnusable(f"{self._where} cannot be used: {_ADVICE.get(code, error)}")


def _connect(target: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(target, timeout=_BUSY_SECONDS, isolation_level=None, uri=uri)


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """A URI by which SQLite reads a ledger without making a file beside it."""
    log, index = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    if not log.exists():  # complete: whoever used it last has closed it
        yield f"{path.absolute().as_uri()}?immutable=1"
    elif index.exists():  # in use, or left by a run that was killed
        yield f"{path.absolute().as_uri()}?mode=ro"
    else:  # left by a power cut: SQLite would make the index anew
        from shutil import copy  # here, since hardly any run needs them
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="postboat-") as directory:
            for file in (path, log):
                copy(file, directory)
            yield (Path(directory) / path.name).as_uri()


def _names(pair: PairOfFolders) -> tuple[str, str]:
    return name_to_column(pair.remote), name_to_column(pair.local)


def _chunks(keys: Collection[Key]) -> Iterator[list[int | str | bytes]]:
    remaining = iter(keys)
    while chunk := [to_column(key) for key in islice(remaining, _KEYS_AT_ONCE)]:
        yield chunk


def _never(text: str) -> LedgerUnusable:
    error = LedgerUnusable(text)
    error.retry = Retry.NEVER
    return error
