"""The ledger's file: plain synchronous SQLite and its transactions. Lives in one thread (`ledger.ledger`)."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from postboat.errors import LedgerUnusable, Retry
from postboat.ledger import schema
from postboat.ledger.condition import FOLLOWS, Condition, Damaged
from postboat.ledger.files import make_private, sync_directory
from postboat.ledger.unsynced import CUT_OFF, Unsynced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Transaction = sqlite3.Connection

_BUSY_SECONDS = 10.0

_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written: look at its permissions and its directory's",
    sqlite3.SQLITE_PERM: "it may not be written: look at its permissions and its directory's",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at its permissions and its directory's",
    sqlite3.SQLITE_BUSY: "another program keeps it locked",
    sqlite3.SQLITE_IOERR: "the disk reports an error, or is full",
}
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_TABLES = ("unsupported file format", "no such table", "no such column", "table meta already exists")
"""What SQLite says of a file of ours, without a code of its own, whose first page is not what we wrote."""
_NO_TEXT = "Could not decode"
"""How `sqlite3` begins what it says of text that is none: an error without a code."""


class Database:
    """One account's ledger file. Every failure to use it is raised as `LedgerUnusable`."""

    def __init__(
        self,
        path: Path | None,
        *,
        account: str,
        fsync: bool = True,
        copy: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open nothing yet; `path` None is an empty ledger in memory, `copy` works on a copy in memory."""
        self._path, self._account, self._fsync, self._copy, self._clock = path, account, fsync, copy, clock
        self._connected: sqlite3.Connection | None = None
        self._condition = Condition(path, read_only=copy) if path is not None else None
        self._unsynced = Unsynced(path) if path is not None and not copy else None
        self._is_usable = False
        """Whether it was opened, and is of this account."""
        self._changes = 0
        """How many rows were changed when the file had been opened."""
        self.notes: list[str] = []
        """What the user should know of how it was opened."""

    # ---- its life ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Create or open the file and bring its tables up to date; a damaged one is set aside first."""
        try:
            self._open()
        except Damaged as damage:
            self._begin_anew(damage)
            self._open()

    def _open(self) -> None:
        with self._translating():
            if self._path is not None and self._path.exists():
                self._look_at(self._path)
            on_disk = self._path is not None and not self._copy
            self._connected = connection = self._created() if on_disk else self._copied()
            self._version(connection)  # refuses a file that is not ours before anything is written to it
            if self._condition is not None:
                self._condition.check(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
            connection.execute(f"PRAGMA fullfsync = {'ON' if self._fsync else 'OFF'}")
            connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(connection)
            self._changes, self._is_usable = connection.total_changes, True

    def _look_at(self, path: Path) -> None:
        """Judge what is there before it is opened."""
        if not path.is_file():
            raise _never(f"{self._where} is no file: move it aside, or set another directory as metadata")
        if self._condition is not None:
            self._condition.ask_last_run()
            if self._unsynced is not None and self._unsynced.is_cut_off:
                raise self._condition.damaged(CUT_OFF)
        if path.stat().st_size == 0:  # as a run leaves it that was ended while it made it
            self.notes.append(f"{self._where} is empty and is begun anew; {FOLLOWS}")

    def _begin_anew(self, damage: Damaged) -> None:
        """Set a damaged file aside, so that another one is made; a copy in memory begins empty."""
        assert self._condition is not None and self._path is not None
        connected, self._connected = self._connected, None
        with self._translating():
            if connected is not None:
                with suppress(sqlite3.Error):
                    connected.close()
            self.notes.append(self._condition.set_aside(damage, self._clock()))
            if self._unsynced is not None:
                self._unsynced.forget()
            if self._copy:
                self._path = self._condition = None
            elif self._fsync:
                sync_directory(self._path.parent)

    def close(self) -> None:
        """Close the file; harmless when it is not open."""
        connected, self._connected = self._connected, None
        if connected is not None:
            with self._translating():
                connected.close()
                if self._condition is not None and self._is_usable:
                    self._condition.closed()
                    if self._unsynced is not None:
                        self._unsynced.settle()

    def _created(self) -> sqlite3.Connection:
        path = self._path
        assert path is not None
        make_private(path.parent)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if self._fsync:
                sync_directory(path.parent)
        return _connect(path)

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
        with self.transaction() as transaction:
            self._will_change()
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

    # ---- transactions -----------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[Transaction]:
        """All that is done in the block is done and durable when it ends, or nothing when it raises.

        Inside another transaction it can be undone alone, and becomes durable with the outer one.
        """
        assert self._connected is not None, "the ledger is not open"
        connection = self._connected
        with self._translating():
            if connection.in_transaction:
                begin, end, undo = "SAVEPOINT inner", "RELEASE inner", "ROLLBACK TO inner"
            else:
                begin, end, undo = f"BEGIN {kind}", "COMMIT", ""
            connection.execute(begin)
            done = False
            try:
                yield connection
                if connection.total_changes != self._changes:
                    self._will_change()
                connection.execute(end)
                done = True
            finally:
                if not done and connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    connection.execute(undo or "ROLLBACK")
                    if undo:
                        connection.execute(end)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads, and makes sense of what it read inside the block."""
        with self.transaction("DEFERRED") as transaction:
            try:
                yield transaction
            except (ValueError, TypeError, AttributeError) as error:
                raise self._damaged(f"what it holds makes no sense: {error}") from error

    def _will_change(self) -> None:
        if self._condition is not None:
            self._condition.will_change()
        if self._unsynced is not None and not self._fsync:
            self._unsynced.give()

    def together(self, works: Sequence[Callable[[], object]]) -> list[object]:
        """Do works of one transaction each in their order, with one commit; what each returns, or why it failed.

        A work that fails is undone alone. When the transaction that they share cannot be had to its end, nothing of it
        was done, and each is done by itself.
        """
        if len(works) > 1:
            with suppress(Exception):
                return self._in_one(works)
        return [_attempt(work) for work in works]

    def _in_one(self, works: Sequence[Callable[[], object]]) -> list[object]:
        outcomes: list[object] = []
        with self.transaction() as transaction:
            for work in works:
                outcomes.append(_attempt(work))
                if not transaction.in_transaction:
                    raise LedgerUnusable(f"{self._where}: what was done together was undone together")
        return outcomes

    # ---- what goes wrong --------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"the ledger {self._path}" if self._path is not None else "the ledger in memory"

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Raise what the disk or the file is to blame for as `LedgerUnusable`; a defect of ours passes."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.IntegrityError as error:
            if not self._is_sound():
                raise self._damaged(str(error)) from error
            raise
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        except UnicodeDecodeError as error:  # raised in place of an error whose text cannot be read
            raise self._damaged(str(error)) from error
        except OSError as error:
            raise LedgerUnusable(f"{self._where} cannot be used: {error.strerror or error}") from error

    def _unusable(self, error: sqlite3.Error) -> LedgerUnusable:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest is detail
        if code in _DAMAGED or str(error).startswith((*_NO_TABLES, _NO_TEXT)):
            return self._damaged(str(error))
        return LedgerUnusable(f"{self._where} cannot be used: {_ADVICE.get(code, error)}")

    def _damaged(self, why: str) -> Damaged:
        return self._condition.damaged(why) if self._condition is not None else Damaged(self._where, why)

    def _is_sound(self) -> bool:
        """Whether the tables are what they say: a rule that cannot be broken in them is, where an index is not."""
        assert self._connected is not None
        try:
            (found,) = self._connected.execute("PRAGMA integrity_check(1)").fetchone()
            return bool(found == "ok")
        except (sqlite3.Error, UnicodeDecodeError):
            return False


def _attempt(work: Callable[[], object]) -> object:
    try:
        return work()
    except Exception as error:
        return error


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


def _never(text: str) -> LedgerUnusable:
    error = LedgerUnusable(text)
    error.retry = Retry.NEVER
    return error
