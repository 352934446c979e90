"""A damaged ledger is set aside where it is opened, whatever the damage; what is not ours is never touched."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.fakes.damage import (
    DAMAGES,
    cut_in_the_middle,
    half_zeroed,
    one_bit_flipped,
    one_word_changed,
    overwritten,
    scratched,
)

from postboat.errors import LedgerUnusable, Retry
from postboat.ledger import schema
from postboat.ledger.database import Database
from postboat.ledger.ledger import AccountLedger
from postboat.ledger.rows import PairOfFolders
from postboat.ledger.tables import Tables
from postboat.model import INBOX, NO_FLAGS, SEEN, FolderName, Intent, Pairing, Side

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAIR = PairOfFolders(INBOX, INBOX)
VALID = {Side.REMOTE: "17", Side.LOCAL: "abc"}
NOON = 1_795_348_800.0
"""2026-11-22T12:00:00Z."""
MANY = 2000


def fill(path: Path, *, many: int = MANY) -> None:
    with closing(opened(path)) as database:
        tables = Tables(database)
        tables.open_folder(PAIR, VALID)
        tables.record(PAIR, pairings(range(1, many)), [], [])


def opened(path: Path, **options: bool) -> Database:
    database = Database(path, account="test", fsync=False, clock=lambda: NOON, **options)
    database.open()
    return database


def pairings(numbers: range) -> list[Pairing]:
    return [Pairing(str(n), f"{n}.host", frozenset({SEEN}), "", f"mark {n}") for n in numbers]


def counted(database: Database) -> int:
    return Tables(database).count(PAIR)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "test.ledger"
    fill(file)
    return file


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


# ---- every damage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", DAMAGES)
def test_a_damaged_ledger_is_set_aside_and_an_empty_one_begun(path: Path, harm: Callable[[Path], None]) -> None:
    harm(path)
    harmed = path.read_bytes()
    with closing(opened(path)) as database:
        assert counted(database) == 0
        (note,) = database.notes
        assert str(path) in note and "damaged" in note and "test.ledger.damaged-20261122T120000Z" in note
        assert "none is deleted" in note
        Tables(database).open_folder(PAIR, VALID)
    assert path.with_name("test.ledger.damaged-20261122T120000Z").read_bytes() == harmed
    with closing(opened(path)) as database:
        assert database.notes == []


@pytest.mark.parametrize("harm", [harm for harm in DAMAGES if harm not in (one_word_changed, one_bit_flipped)])
def test_a_dry_run_begins_empty_too_and_leaves_all_as_it_is(path: Path, harm: Callable[[Path], None]) -> None:
    """It takes what makes sense for whole, since another run may be at work on the file."""
    harm(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with closing(opened(path, copy=True)) as database:
        assert counted(database) == 0
        (note,) = database.notes
        assert "damaged" in note and "set aside as" not in note
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("harm", [overwritten, cut_in_the_middle, scratched, half_zeroed])
def test_damage_is_found_without_a_seal_too(path: Path, harm: Callable[[Path], None]) -> None:
    path.with_name("test.ledger.seal").unlink()
    harm(path)
    with closing(opened(path)) as database:
        assert counted(database) == 0 and len(database.notes) == 1


def test_each_damaged_ledger_is_kept(path: Path) -> None:
    for _ in range(3):
        overwritten(path)
        opened(path).close()
        fill(path)
    kept = {name for name in names(path) if "damaged" in name}
    stem = "test.ledger.damaged-20261122T120000Z"
    assert kept == {stem, f"{stem}-2", f"{stem}-3"}


def test_an_empty_file_is_begun_anew_and_told(path: Path) -> None:
    path.write_bytes(b"")
    with closing(opened(path)) as database:
        assert counted(database) == 0
        (note,) = database.notes
        assert str(path) in note and "empty" in note


def test_a_ledger_that_is_missing_is_made_without_a_word(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "test.ledger")) as database:
        assert database.notes == []


# ---- what is no damage ----------------------------------------------------------------------------------------


def test_a_ledger_that_was_closed_is_not_read_through(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a start may cost does not grow with the ledger."""
    wait_out_the_moment(path)
    said: list[str] = []
    connect = sqlite3.connect

    def heard(*args: object, **options: object) -> sqlite3.Connection:
        connection = connect(*args, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(said.append)
        return connection  # type: ignore[no-any-return]

    monkeypatch.setattr(sqlite3, "connect", heard)
    monkeypatch.setattr("postboat.ledger.seal._checksum", lambda path: pytest.fail("it is read"))
    for _ in range(2):
        with closing(opened(path)) as database:
            assert counted(database) == MANY - 1
            with database.transaction():
                """A transaction that changes nothing."""
    assert said and not [text for text in said if "check" in text and "checkpoint" not in text]


def wait_out_the_moment(path: Path) -> None:
    """As if the seal were put a second after the ledger was closed."""
    seal = path.with_name("test.ledger.seal")
    later = path.stat().st_ctime_ns + 1_000_000_000
    os.utime(seal, ns=(later, later))


def test_what_was_written_in_the_same_moment_is_read(path: Path) -> None:
    """Times of files are no finer than a few milliseconds: equal ones prove nothing then."""
    before = path.stat()
    one_word_changed(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    seal = path.with_name("test.ledger.seal")
    found = path.stat()
    *_, checksum = seal.read_text().split()
    standing = found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
    seal.write_text(" ".join(map(str, standing)) + f" {checksum}\n")
    os.utime(seal, ns=(found.st_ctime_ns, found.st_ctime_ns))
    with closing(opened(path)) as database:
        assert len(database.notes) == 1


def test_a_copy_of_a_ledger_and_its_seal_counts(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in names(path) - {"elsewhere"}:
        shutil.copy(path.with_name(name), tmp_path / "elsewhere")
    with closing(opened(tmp_path / "elsewhere" / "test.ledger")) as database:
        assert counted(database) == MANY - 1 and database.notes == []


@pytest.mark.parametrize("seal", ["missing", "torn", "garbage", "empty"])
def test_a_spoiled_seal_costs_a_look_and_nothing_else(path: Path, seal: str) -> None:
    file = path.with_name("test.ledger.seal")
    whole = file.read_bytes()
    file.write_bytes({"torn": whole[:-3], "garbage": b"\xff\xfe 1 2 3\n"}.get(seal, b""))
    if seal == "missing":
        file.unlink()
    with closing(opened(path)) as database:
        assert counted(database) == MANY - 1 and database.notes == []
    assert len(file.read_text().split()) == 5, "it is put anew"


def test_a_run_that_was_killed_leaves_no_seal_that_could_be_wrong(path: Path, tmp_path: Path) -> None:
    """Killed at any moment: the files are taken away while it runs."""
    killed = tmp_path / "killed"
    killed.mkdir()
    with closing(opened(path)) as database:
        tables = Tables(database)
        for number in range(3):
            tables.record(PAIR, pairings(range(5000 * (number + 1), 5000 * (number + 1) + 1500)), [], [])
            for name in names(path) - {"killed"}:
                shutil.copy(path.with_name(name), killed)
            with closing(opened(killed / "test.ledger")) as again:
                assert counted(again) == MANY - 1 + 1500 * (number + 1) and again.notes == []
            for file in killed.iterdir():
                file.unlink()


@pytest.mark.parametrize("harm", ["torn", "garbage", "cut", "its header"])
def test_a_spoiled_log_costs_what_was_only_in_it(path: Path, tmp_path: Path, harm: str) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    with closing(opened(path)) as database:
        Tables(database).record(PAIR, pairings(range(MANY, MANY + 500)), [], [])
        for name in names(path) - {"killed"}:
            shutil.copy(path.with_name(name), killed)
    log = killed / "test.ledger-wal"
    whole = log.read_bytes()
    middle = len(whole) // 2
    log.write_bytes(
        {
            "torn": whole[:middle] + bytes(len(whole) - middle),
            "garbage": random.Random(3).randbytes(1 << 16),
            "cut": whole[:middle],
            "its header": b"\xff" * 32 + whole[32:],
        }[harm]
    )
    with closing(opened(killed / "test.ledger")) as database:
        assert counted(database) == MANY - 1 and database.notes == []


# ---- found later ----------------------------------------------------------------------------------------------


async def test_damage_found_in_a_run_ends_it_and_the_next_run_begins_anew(path: Path) -> None:
    fill(path, many=20_000)
    ledger = await AccountLedger.open(path, account="test", fsync=False)
    scratched(path)
    folder = ledger.folder(INBOX, INBOX)
    with pytest.raises(LedgerUnusable) as caught:
        await folder.flags(Side.REMOTE)
    assert "damaged" in str(caught.value) and "next run sets it aside" in str(caught.value)
    assert caught.value.retry is Retry.NEVER
    await ledger.close()
    async with await AccountLedger.open(path, account="test", fsync=False) as ledger:
        assert len(ledger.notes) == 1 and await ledger.known() == []


WORKS: dict[str, Callable[[Tables], object]] = {
    "known": lambda tables: tables.known(),
    "flags": lambda tables: tables.flags(PAIR, Side.LOCAL),
    "marks": lambda tables: tables.marks(PAIR, Side.REMOTE, [str(n) for n in range(0, 30_000, 7)]),
    "pairings": lambda tables: tables.pairings(PAIR, Side.LOCAL, [f"{n}.host" for n in range(0, 30_000, 3)]),
    "record": lambda tables: tables.record(PAIR, pairings(range(100, 20_000, 37)), pairings(range(50, 90)), []),
    "intend": lambda tables: tables.intend(PAIR, [Intent(Side.LOCAL, str(n), "t", NO_FLAGS) for n in range(300)]),
    "intents": lambda tables: tables.intents(PAIR),
    "holds": lambda tables: tables.holds(),
    "asides": lambda tables: tables.asides(PAIR),
    "checkpoint": lambda tables: tables.save_checkpoints(PAIR, {Side.REMOTE: "x"}),
    "start over": lambda tables: tables.start_over(PAIR),
}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_while_it_is_open_ends_in_one_kind_of_failure(path: Path, seed: int) -> None:
    """Never in another error, and what was found is known to the next run."""
    fill(path, many=20_000)
    chance = random.Random(seed)
    for number in range(6):
        file = path.with_name(f"{number}.ledger")
        shutil.copy(path, file)
        shutil.copy(path.with_name("test.ledger.seal"), path.with_name(f"{number}.ledger.seal"))
        database = opened(file)  # without a look at its pages, which would keep them in memory
        whole = bytearray(file.read_bytes())
        for _ in range(chance.randrange(1, 40)):
            at = chance.randrange(100, len(whole))
            length = chance.choice([1, 8, 100, 4096])
            octets = chance.choice([bytes(length), b"\xff" * length, chance.randbytes(length)])
            whole[at : at + length] = octets[: len(whole) - at]
        file.write_bytes(whole)
        failed = False
        works = list(WORKS.items())
        chance.shuffle(works)
        for _, work in works:
            (outcome,) = database.together([partial(work, Tables(database))])
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, LedgerUnusable), outcome
                failed = True
        try:
            database.close()
        except LedgerUnusable:
            failed = True
        if failed:
            with closing(opened(file)) as again:
                assert len(again.notes) == 1 and counted(again) == 0


# ---- what is not ours -----------------------------------------------------------------------------------------


def foreign(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE moz_places (url)")


def newer(file: Path) -> None:
    fill(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


def of_another_account(file: Path) -> None:
    database = Database(file, account="other")
    database.open()
    database.close()


@pytest.mark.parametrize(
    ("make", "word"), [(foreign, "another program"), (newer, "newer version"), (of_another_account, "'other'")]
)
@pytest.mark.parametrize("copy", [False, True])
def test_a_file_that_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], word: str, copy: bool
) -> None:
    file = tmp_path / "test.ledger"
    make(file)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    database = Database(file, account="test", copy=copy)
    with pytest.raises(LedgerUnusable, match=word) as caught:
        database.open()
    database.close()
    assert caught.value.retry is Retry.NEVER
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_directory_in_its_place_is_told_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "test.ledger"
    place.mkdir()
    (place / "mine").write_text("x")
    for copy in (False, True):
        with pytest.raises(LedgerUnusable, match="is no file"):
            opened(place, copy=copy)
    assert (place / "mine").read_text() == "x" and names(place) == {"test.ledger"}


def test_a_ledger_in_use_by_others_is_not_mistaken_for_a_damaged_one(path: Path) -> None:
    """Who reads it meanwhile keeps its log from being removed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM pairing").fetchone()
        with closing(opened(path)) as database:
            Tables(database).record(PAIR, [Pairing("9000", "z", frozenset({SEEN}))], [], [])
        with closing(opened(path)) as database:
            assert counted(database) == MANY and database.notes == []
    with closing(opened(path)) as database:
        assert counted(database) == MANY and database.notes == []


def test_a_full_disk_leaves_no_seal_behind_that_could_be_wrong(path: Path) -> None:
    database = opened(path)
    connection = database._connected
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(LedgerUnusable, match="disk is full"):
        Tables(database).record(PAIR, pairings(range(3000, 9000)), [], [])
    database.close()
    with closing(opened(path)) as database:
        assert counted(database) == MANY - 1 and database.notes == []


def test_a_file_of_ours_keeps_its_other_folders_names(path: Path) -> None:
    other = PairOfFolders(FolderName(("Archive",)), FolderName(("Archive",)))
    for _ in range(2):
        with closing(opened(path)) as database:
            Tables(database).open_folder(other, VALID)
            assert len(Tables(database).known()) == 2 and database.notes == []


@pytest.mark.parametrize("at", [44, 47, 63, 1536, 2048])
def test_damage_in_the_first_page_is_noticed_there_or_in_the_next_run(path: Path, at: int) -> None:
    """Formats, versions and tables: what SQLite says of them bears no code of its own."""
    path.with_name("test.ledger.seal").unlink()
    whole = bytearray(path.read_bytes())
    whole[at : at + 1 if at < 100 else at + 512] = b"\0" if at == 63 else b"\xa5" * (1 if at < 100 else 512)
    path.write_bytes(whole)
    for _ in range(2):
        try:
            with closing(opened(path)) as database:
                counted(database)
                Tables(database).open_folder(PAIR, VALID)
                Tables(database).known()
        except LedgerUnusable:
            continue
        break
    with closing(opened(path)) as database:
        Tables(database).record(PAIR, pairings(range(1, 3)), [], [])
