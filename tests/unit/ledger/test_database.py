"""The file itself: who may read it, what is said when it cannot be used, how much it takes."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from postboat.errors import LedgerUnusable, Retry
from postboat.ledger import schema
from postboat.ledger.database import Database
from postboat.ledger.rows import KnownFolder, PairOfFolders
from postboat.ledger.tables import Tables
from postboat.model import INBOX, NO_FLAGS, SEEN, Intent, Pairing, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAIR = PairOfFolders(INBOX, INBOX)
VALID = {Side.REMOTE: "17", Side.LOCAL: "abc"}


class Opened(Tables):
    """A ledger's tables with the file that they are in."""

    def __init__(self, file: Database) -> None:
        super().__init__(file)
        self.file = file
        self.close = file.close


def opened(path: Path | None, account: str = "test", **options: bool) -> Opened:
    file = Database(path, account=account, **options)
    file.open()
    return Opened(file)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "postboat" / "test.ledger"


@pytest.fixture
def made(path: Path) -> Path:
    database = opened(path)
    database.open_folder(PAIR, VALID)
    database.record(PAIR, pairings(range(1, 2000)), [], [])
    database.close()
    return path


def pairings(numbers: range) -> list[Pairing]:
    return [Pairing(str(n), f"{n}.host", NO_FLAGS) for n in numbers]


def refusal(path: Path, account: str = "test") -> LedgerUnusable:
    with pytest.raises(LedgerUnusable) as caught:
        opened(path, account)
    assert str(path) in str(caught.value)
    return caught.value


def test_only_the_owner_can_read_it(path: Path) -> None:
    database = opened(path)
    database.open_folder(PAIR, VALID)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert len(list(path.parent.iterdir())) == 3, "the log and its index are there and private too"
    database.close()


def test_commits_reach_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    for fsync, synchronous in ((True, 2), (False, 1)):
        database = opened(tmp_path / f"{fsync}.ledger", fsync=fsync)
        connection = database.file._connected
        assert connection is not None
        assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        database.close()


def test_a_newer_version_is_refused_and_says_so(made: Path) -> None:
    with sqlite3.connect(made) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    error = refusal(made)
    assert "newer version" in str(error) and error.retry is Retry.NEVER


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_ledger_of_an_older_version_keeps_all_that_it_holds(tmp_path: Path, version: int) -> None:
    old = tmp_path / "old.ledger"
    with closing(sqlite3.connect(old)) as connection, connection:
        for statement in (s for migration in schema.MIGRATIONS[:version] for s in migration):
            connection.execute(statement)
        connection.execute("INSERT INTO meta (account, layout) VALUES ('test', 'flat .')")
        connection.execute("INSERT INTO folder VALUES (1, '[\"INBOX\"]', '[\"INBOX\"]', '17', 'abc', 'r', 'l')")
        connection.execute("INSERT INTO pairing VALUES (1, 7, 'a.host', '\\Seen', '', '1-2-3')")
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
    for _ in range(2):
        with closing(opened(old)) as database:
            expected = Pairing("7", "a.host", frozenset({SEEN}), "", "1-2-3")
            assert database.pairings(PAIR, Side.REMOTE, ["7"]) == {"7": expected}
            assert database.layout(Side.LOCAL, "nested /") == "flat ."
            checkpoints = {Side.REMOTE: "r", Side.LOCAL: "l"}
            assert database.known() == [KnownFolder(*PAIR, True, False, VALID, checkpoints)]
            assert database.remembered(Side.REMOTE) in (None, "words")
            database.remember(Side.REMOTE, "words")
            assert (
                database.standing(Side.LOCAL, "m1 d1") == "m1 d1" and database.held(PAIR) == database.asides(PAIR) == []
            )
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_another_accounts_ledger_is_refused(made: Path) -> None:
    assert "'test'" in str(refusal(made, "other"))


def test_another_programs_database_is_refused_and_untouched(tmp_path: Path) -> None:
    file = tmp_path / "places.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE moz_places (url)")
    connection.close()
    before = file.read_bytes()
    assert "another program" in str(refusal(file))
    assert file.read_bytes() == before


def test_a_full_disk_is_told_and_the_transaction_undone(made: Path) -> None:
    database = opened(made)
    connection = database.file._connected
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LedgerUnusable, match="disk is full") as caught:
        database.record(PAIR, pairings(range(3000, 9000)), [], [])
    assert caught.value.retry is Retry.LATER
    assert database.count(PAIR) == 1999
    database.record(PAIR, [Pairing("1", "1.host", frozenset({SEEN}))], [], [])
    database.close()


def test_a_file_that_may_not_be_written_is_told(made: Path) -> None:
    connection = sqlite3.connect(made)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    database = opened(made)
    assert database.file._connected is not None
    database.file._connected.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerUnusable, match="may not be written"):
        database.open_folder(PAIR, {Side.REMOTE: "18"})
    database.close()


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal(tmp_path / "file" / "test.ledger")
    refusal(tmp_path)


def test_a_ledger_that_another_program_keeps_locked_is_told(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postboat.ledger.database._BUSY_SECONDS", 0.01)
    other = sqlite3.connect(made, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database = opened(made)
    with pytest.raises(LedgerUnusable, match="locked"):
        database.open_folder(PAIR, {Side.REMOTE: "18"})
    other.execute("ROLLBACK")
    assert not database.open_folder(PAIR, {Side.REMOTE: "18"})[0]
    database.close()
    other.close()


def test_a_failing_record_changes_nothing(made: Path) -> None:
    database = opened(made)
    bad = Pairing("3000", "x", frozenset({"two words"}))
    with pytest.raises(ValueError, match="two words"):
        database.record(PAIR, [Pairing("2999", "y", NO_FLAGS), bad], pairings(range(1, 10)), [])
    assert database.count(PAIR) == 1999
    database.close()


def test_as_many_keys_as_there_are_can_be_asked_for(made: Path) -> None:
    database = opened(made)
    local = [f"{n}.host" for n in range(5000)]
    assert len(database.pairings(PAIR, Side.LOCAL, local)) == 1999
    assert len(database.marks(PAIR, Side.REMOTE, [str(n) for n in range(5000)])) == 1999
    database.close()


@pytest.mark.parametrize("side", list(Side))
def test_looking_up_keys_reads_only_their_rows(made: Path, side: Side) -> None:
    """Left to itself, SQLite would walk through the whole folder for each lookup of local keys."""
    database = opened(made)
    assert database.file._connected is not None
    for statement in (schema.pairings_by(side.value, 3), schema.marks_by(side.value, 3)):
        plan = database.file._connected.execute(f"EXPLAIN QUERY PLAN {statement}", (1, "a", "b", "c")).fetchall()
        assert len(plan) == 1 and f"folder=? AND {side.value}=?" in plan[0][3]
    database.close()


@pytest.mark.parametrize(("statement", "variables"), [(schema.drop_intents, 7), (schema.forget_pairings, 5)])
def test_removing_rows_reads_only_them(made: Path, statement: Callable[[int], str], variables: int) -> None:
    with closing(sqlite3.connect(made)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement(2)}", [1] * variables)]
    searched = [step for step in plan if step.startswith("SEARCH")]
    assert len(searched) == 2, plan
    assert not [step for step in searched if "(folder=?)" in step], plan


def test_as_many_rows_as_there_are_can_be_written_and_removed(path: Path) -> None:
    database = opened(path)
    intents = [Intent(Side.LOCAL, str(n), f"{n}.host", frozenset({SEEN}), "m") for n in range(1000)]
    made = list(pairings(range(1000)))
    database.intend(PAIR, intents)
    assert database.intents(PAIR) == intents
    database.record(PAIR, made, [], intents[1:-1])
    assert database.intents(PAIR) == [intents[0], intents[-1]] and database.count(PAIR) == 1000
    database.record(PAIR, [], made[1:], intents)
    assert database.intents(PAIR) == [] and database.pairings(PAIR, Side.REMOTE, ["0"]) == {"0": made[0]}
    assert database.count(PAIR) == 1
    database.close()


# ---- several works in one transaction -------------------------------------------------------------------------


def adding(database: Opened, *numbers: int) -> Callable[[], None]:
    return partial(database.record, PAIR, list(pairings(numbers)), [], [])


@contextmanager
def commits_of(database: Opened) -> Iterator[list[str]]:
    said: list[str] = []
    assert database.file._connected is not None
    database.file._connected.set_trace_callback(lambda text: said.append(text) if text == "COMMIT" else None)
    yield said
    database.file._connected.set_trace_callback(None)


def test_what_is_done_together_is_committed_once(made: Path) -> None:
    database = opened(made)
    with commits_of(database) as commits:
        works = [adding(database, 5000), partial(database.count, PAIR), adding(database, 5001, 5002)]
        assert database.file.together(works) == [None, 2000, None]
    assert len(commits) == 1 and database.count(PAIR) == 2002
    database.close()


def test_works_are_done_in_their_order(made: Path) -> None:
    database = opened(made)
    again = partial(database.record, PAIR, [Pairing("5000", "new", NO_FLAGS)], [], [])
    database.file.together([adding(database, 5000), again, partial(database.count, PAIR)])
    assert database.pairings(PAIR, Side.REMOTE, ["5000"])["5000"].local == "new"
    database.close()


def test_a_work_that_fails_is_undone_alone(made: Path) -> None:
    database = opened(made)
    bad = [*pairings(range(6000, 6200)), Pairing("6200", "x", frozenset({"two words"}))]
    works = [adding(database, 5000), partial(database.record, PAIR, bad, [], []), adding(database, 5001)]
    with commits_of(database) as commits:
        first, failed, last = database.file.together(works)
    assert (first, last, len(commits)) == (None, None, 1) and isinstance(failed, ValueError)
    assert database.count(PAIR) == 2001
    database.close()


def test_a_full_disk_fails_only_what_has_no_room(made: Path) -> None:
    """SQLite undoes the whole transaction then, with all that was done before in it."""
    database = opened(made)
    connection = database.file._connected
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    works = [adding(database, 5000), adding(database, *range(6000, 12000)), adding(database, 5001)]
    first, failed, last = database.file.together(works)
    assert (first, last) == (None, None) and isinstance(failed, LedgerUnusable)
    assert database.count(PAIR) == 2001
    database.close()


def test_when_the_common_commit_fails_each_work_is_done_by_itself(made: Path) -> None:
    database = opened(made)

    def of_no_folder() -> None:
        """What only the commit finds fault with."""
        with database.file.transaction() as transaction:
            transaction.execute("PRAGMA defer_foreign_keys = ON")
            transaction.execute("INSERT INTO pairing VALUES (99, 1, 'a', '', '', '')")

    first, failed, last = database.file.together([adding(database, 5000), of_no_folder, adding(database, 5001)])
    assert (first, last) == (None, None) and isinstance(failed, sqlite3.IntegrityError)
    assert database.count(PAIR) == 2001
    database.close()


def test_equal_flags_are_one_object(made: Path) -> None:
    database = opened(made)
    database.record(PAIR, [Pairing(str(n), f"{n}.host", frozenset({SEEN})) for n in range(1, 500)], [], [])
    database.close()
    database = opened(made)
    assert len({id(flags) for flags in database.flags(PAIR, Side.REMOTE).values()}) == 2
    database.close()


def test_closing_what_is_not_open_is_harmless(path: Path) -> None:
    Database(path, account="test").close()
    assert not path.exists()
