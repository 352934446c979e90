"""The ledger keeps the promises of `sync.ports.FolderLedger`, on disk and in memory alike."""

from __future__ import annotations

import asyncio
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from postboat.ledger.database import Database
from postboat.ledger.ledger import AccountLedger, FolderLedger
from postboat.ledger.rows import KnownFolder, PairOfFolders
from postboat.ledger.tables import Tables
from postboat.model import ANSWERED, FLAGGED, SEEN, FolderName, Intent, Pairing, Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postboat.sync import ports

REMOTE, LOCAL = Side.REMOTE, Side.LOCAL
LISTS = FolderName(("Lists", "python-dev"))
VALID = {REMOTE: "17", LOCAL: "abc"}


def pairing(remote: str, local: str, *flags: str, mark: str = "") -> Pairing:
    return Pairing(remote, local, frozenset(flags), "", mark)


@pytest.fixture(params=["disk", "memory"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AccountLedger]:
    path = tmp_path / "test.ledger" if request.param == "disk" else None
    async with await AccountLedger.open(path, account="test") as opened:
        yield opened


@pytest.fixture
async def folder(ledger: AccountLedger) -> FolderLedger:
    made = ledger.folder(LISTS, LISTS)
    assert await made.open(VALID)
    return made


async def paired(folder: FolderLedger) -> dict[str, str]:
    """Local keys by remote ones."""
    keys = await folder.agreed(REMOTE).flags()
    return {key: found.local for key, found in (await folder.pairings(REMOTE, list(keys))).items()}


def test_it_is_the_ledger_that_syncing_asks_for(folder: FolderLedger) -> None:
    port: ports.FolderLedger = folder
    view: ports.Agreed = folder.agreed(REMOTE)
    assert port and view


async def test_an_unknown_folder_reads_as_empty_and_is_not_written(ledger: AccountLedger) -> None:
    folder = ledger.folder(LISTS, LISTS)
    view = folder.agreed(LOCAL)
    assert (view.validity, view.checkpoint, await view.count()) == (None, None, 0)
    assert await view.flags() == {} and await view.marks(["a"]) == {}
    assert await folder.pairings(REMOTE, ["1"]) == {} and await folder.intents() == []
    assert await folder.open({REMOTE: "", LOCAL: ""})
    assert await ledger.known() == []


async def test_what_is_recorded_is_read_back_from_either_side(folder: FolderLedger) -> None:
    one, two = pairing("7", "a.host", SEEN, mark="12:34"), pairing("8", "b.host", ANSWERED, "$Label1")
    await folder.record(pairings=[one, two])
    assert await folder.pairings(REMOTE, ["7", "99"]) == {"7": one}
    assert await folder.pairings(LOCAL, ["b.host", "a.host"]) == {"a.host": one, "b.host": two}
    assert await folder.agreed(REMOTE).flags() == {"7": one.flags, "8": two.flags}
    assert await folder.agreed(LOCAL).flags() == {"a.host": one.flags, "b.host": two.flags}
    assert await folder.agreed(LOCAL).marks(["a.host", "c.host"]) == {"a.host": "12:34"}
    assert await folder.agreed(LOCAL).flags_of(["b.host", "c.host"]) == {"b.host": two.flags}
    assert await folder.agreed(REMOTE).count() == 2


@pytest.mark.parametrize("again", [pairing("7", "new", SEEN), pairing("70", "a", SEEN)])
async def test_a_pairing_takes_the_place_of_those_with_a_same_key(folder: FolderLedger, again: Pairing) -> None:
    await folder.record(pairings=[pairing("7", "a"), pairing("8", "b")])
    await folder.record(pairings=[again])
    assert await paired(folder) == {"8": "b", again.remote: again.local}


async def test_a_pairing_may_take_the_place_of_two(folder: FolderLedger) -> None:
    await folder.record(pairings=[pairing("7", "a"), pairing("8", "b")])
    await folder.record(pairings=[pairing("7", "b")])
    assert await paired(folder) == {"7": "b"}


async def test_forgetting_comes_before_writing(folder: FolderLedger) -> None:
    old = pairing("7", "a")
    await folder.record(pairings=[old])
    await folder.record(pairings=[pairing("7", "a", SEEN)], forget=[old])
    assert (await folder.agreed(REMOTE).flags()) == {"7": {SEEN}}
    await folder.record(forget=[old])
    assert await paired(folder) == {}


async def test_forgetting_spares_a_pairing_that_was_replaced_since(folder: FolderLedger) -> None:
    await folder.record(pairings=[pairing("7", "renamed")])
    await folder.record(forget=[pairing("7", "a")])
    assert await paired(folder) == {"7": "renamed"}


async def test_settled_intents_are_dropped_and_the_others_stay_in_order(folder: FolderLedger) -> None:
    intents = [Intent(LOCAL, str(n), f"token {n}", frozenset({SEEN})) for n in (3, 1, 2)]
    await folder.intend(intents[:2])
    await folder.intend(intents[2:])
    await folder.record(pairings=[pairing("1", "a")], settled=[intents[1]])
    assert await folder.intents() == [intents[0], intents[2]]


async def test_one_origin_may_have_several_intents(folder: FolderLedger) -> None:
    """An upload whose key was never told keeps its intent when the message is sent once more."""
    first, second = Intent(REMOTE, "a", "5", frozenset()), Intent(REMOTE, "a", "9", frozenset())
    await folder.intend([first])
    await folder.intend([second, first])
    assert sorted(i.token for i in await folder.intents()) == ["5", "9"]


async def test_folders_do_not_see_each_other(ledger: AccountLedger, folder: FolderLedger) -> None:
    other = ledger.folder(LISTS, FolderName(("Lists/python-dev",)))
    assert await other.open(VALID)
    await folder.record(pairings=[pairing("7", "a")])
    await other.record(pairings=[pairing("7", "z")])
    assert (await paired(folder), await paired(other)) == ({"7": "a"}, {"7": "z"})


@pytest.mark.parametrize(
    "names",
    [("a/b",), ("a", "b"), ('"', "]", ","), ("Entwürfe",), ("\udce4",), ("a\x00b",), (" ",), ("[Gmail]", "Alle")],
)
async def test_names_of_folders_are_kept_exactly(ledger: AccountLedger, names: tuple[str, ...]) -> None:
    await ledger.folder(FolderName(names), LISTS).open(VALID)
    nothing = dict.fromkeys(Side)
    assert await ledger.known() == [KnownFolder(FolderName(names), LISTS, False, False, VALID, nothing)]


async def test_known_folders_tell_all_that_is_known_of_them_but_their_messages(
    ledger: AccountLedger, folder: FolderLedger
) -> None:
    empty, begun = FolderName(("Empty",)), FolderName(("Begun",))
    await ledger.folder(empty, LISTS).open({REMOTE: "4", LOCAL: ""})
    await folder.record(pairings=[pairing("7", "a")])
    await folder.save_checkpoints({REMOTE: "r", LOCAL: None})
    other = ledger.folder(begun, LISTS)
    await other.open(VALID)
    await other.intend([Intent(LOCAL, "7", "token", frozenset())])
    nothing = dict.fromkeys(Side)
    assert await ledger.known() == [
        KnownFolder(LISTS, LISTS, True, False, VALID, {REMOTE: "r", LOCAL: None}),
        KnownFolder(empty, LISTS, False, False, {REMOTE: "4", LOCAL: None}, nothing),
        KnownFolder(begun, LISTS, False, True, VALID, nothing),
    ]


async def test_what_is_remembered_of_the_server_is_kept_as_it_is(ledger: AccountLedger) -> None:
    assert await ledger.remembered(Side.REMOTE) is None
    for text in ('{"capabilities": ["IDLE"]}', "", "ü"):
        await ledger.remember(Side.REMOTE, text)
        assert await ledger.remembered(Side.REMOTE) == text


# ---- validity and checkpoints ---------------------------------------------------------------------------------


async def fill(folder: FolderLedger) -> None:
    await folder.record(pairings=[pairing("7", "a")])
    await folder.intend([Intent(REMOTE, "b", "t", frozenset())])
    await folder.save_checkpoints({REMOTE: "r", LOCAL: "l"})


async def test_equal_validities_keep_everything(ledger: AccountLedger, folder: FolderLedger) -> None:
    await fill(folder)
    again = ledger.folder(LISTS, LISTS)
    assert await again.open(VALID)
    assert (await paired(again), len(await again.intents())) == ({"7": "a"}, 1)
    assert [(again.agreed(s).validity, again.agreed(s).checkpoint) for s in Side] == [("17", "r"), ("abc", "l")]


@pytest.mark.parametrize("new", [{REMOTE: "18", LOCAL: "abc"}, {REMOTE: "17", LOCAL: "xyz"}, {REMOTE: "18", LOCAL: ""}])
async def test_another_validity_drops_all_that_its_keys_meant(
    ledger: AccountLedger, folder: FolderLedger, new: dict[Side, str]
) -> None:
    await fill(folder)
    again = ledger.folder(LISTS, LISTS)
    assert not await again.open(new)
    assert (await paired(again), await again.intents()) == ({}, [])
    recorded = {side: value or VALID[side] for side, value in new.items()}
    assert {side: again.agreed(side).validity for side in Side} == recorded
    assert [again.agreed(side).checkpoint for side in Side] == [None, None]
    assert await ledger.folder(LISTS, LISTS).open(recorded), "it is told once"


async def test_an_empty_validity_matches_and_is_not_written(ledger: AccountLedger) -> None:
    folder = ledger.folder(LISTS, LISTS)
    assert await folder.open({REMOTE: "17", LOCAL: ""})
    assert (folder.agreed(REMOTE).validity, folder.agreed(LOCAL).validity) == ("17", None)
    assert await folder.open(VALID)
    assert folder.agreed(LOCAL).validity == "abc"
    assert await folder.open({REMOTE: "", LOCAL: "abc"})
    assert folder.agreed(REMOTE).validity == "17"


async def test_a_checkpoint_of_none_removes_it_and_a_side_not_named_keeps_its_own(folder: FolderLedger) -> None:
    await folder.save_checkpoints({REMOTE: "r", LOCAL: "l"})
    await folder.save_checkpoints({REMOTE: None})
    assert [folder.agreed(side).checkpoint for side in Side] == [None, "l"]


# ---- the file -------------------------------------------------------------------------------------------------


async def test_what_was_committed_is_there_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "test.ledger"
    async with await AccountLedger.open(path, account="test") as ledger:
        folder = ledger.folder(LISTS, LISTS)
        await folder.open(VALID)
        await fill(folder)
    async with await AccountLedger.open(path, account="test") as ledger:
        folder = ledger.folder(LISTS, LISTS)
        assert await folder.open(VALID)
        assert (await paired(folder), folder.agreed(REMOTE).checkpoint) == ({"7": "a"}, "r")


async def test_a_dry_run_creates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "test.ledger"
    async with await AccountLedger.open(path, account="test", dry_run=True) as ledger:
        assert await ledger.folder(LISTS, LISTS).open(VALID)
        assert len(await ledger.known()) == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_dry_run_reads_the_ledger_and_leaves_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "test.ledger"
    async with await AccountLedger.open(path, account="test") as ledger:
        folder = ledger.folder(LISTS, LISTS)
        await folder.open(VALID)
        await fill(folder)
    before, files = path.read_bytes(), list(tmp_path.iterdir())
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        async with await AccountLedger.open(path, account="test", dry_run=True) as ledger:
            folder = ledger.folder(LISTS, LISTS)
            assert not await folder.open({REMOTE: "18", LOCAL: "abc"})
            assert await paired(folder) == {}
        assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, files)
    finally:
        tmp_path.chmod(0o700)


async def test_a_dry_run_sees_what_another_run_just_committed(tmp_path: Path) -> None:
    path = tmp_path / "test.ledger"
    async with await AccountLedger.open(path, account="test") as running:
        folder = running.folder(LISTS, LISTS)
        await folder.open(VALID)
        await fill(folder)
        async with await AccountLedger.open(path, account="test", dry_run=True) as ledger:
            copied = ledger.folder(LISTS, LISTS)
            assert await copied.open(VALID)
            assert await paired(copied) == {"7": "a"}
        await folder.record(pairings=[pairing("8", "b")])


@pytest.mark.parametrize("left", ["-wal -shm", "-wal"])
async def test_what_a_killed_run_left_is_read_by_dry_runs_and_taken_up_by_the_next(tmp_path: Path, left: str) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    async with await AccountLedger.open(tmp_path / "test.ledger", account="test") as running:
        folder = running.folder(LISTS, LISTS)
        await folder.open(VALID)
        await fill(folder)
        for suffix in ("", *left.split()):
            shutil.copy(tmp_path / f"test.ledger{suffix}", killed)
    before = {file.name: file.read_bytes() for file in killed.iterdir() if not file.name.endswith("-shm")}
    for dry_run in (True, False):
        async with await AccountLedger.open(killed / "test.ledger", account="test", dry_run=dry_run) as ledger:
            folder = ledger.folder(LISTS, LISTS)
            assert await folder.open(VALID)
            assert (await paired(folder), len(await folder.intents())) == ({"7": "a"}, 1)
        if dry_run:
            assert {f.name: f.read_bytes() for f in killed.iterdir() if not f.name.endswith("-shm")} == before
            assert len(list(killed.iterdir())) == 1 + len(left.split())


# ---- tasks ----------------------------------------------------------------------------------------------------


async def test_a_record_is_completed_though_its_task_is_cancelled(ledger: AccountLedger, folder: FolderLedger) -> None:
    """The worker is held up, so that one call is under way and another still waits when both are cancelled."""
    held = threading.Event()
    under_way = asyncio.ensure_future(ledger.run(held.wait))
    waiting = asyncio.ensure_future(folder.record(pairings=[pairing("7", "a")]))
    await asyncio.sleep(0)
    waiting.cancel()
    under_way.cancel()
    done = await asyncio.wait_for(asyncio.gather(under_way, waiting, return_exceptions=True), 5)
    assert [type(outcome) for outcome in done] == [asyncio.CancelledError] * 2
    held.set()
    assert await paired(folder) == {"7": "a"}


async def test_what_waits_while_the_ledger_is_busy_shares_a_commit(ledger: AccountLedger, folder: FolderLedger) -> None:
    commits: list[str] = []
    connection = ledger._database._connected
    assert connection is not None
    await ledger.run(connection.set_trace_callback, lambda text: commits.append(text) if text == "COMMIT" else None)
    held = threading.Event()
    under_way = asyncio.ensure_future(ledger.run(held.wait))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(folder.record(pairings=[pairing(str(n), f"k{n}")])) for n in range(20)]
    counted = asyncio.ensure_future(folder.count())
    await asyncio.sleep(0)
    held.set()
    await asyncio.gather(under_way, *waiting)
    assert await counted == 20 and len(commits) == 1


async def test_nobody_is_told_before_it_is_durable(tmp_path: Path) -> None:
    """Another reader of the file sees all that was told to be done, at the moment it is told."""
    path = tmp_path / "test.ledger"
    async with await AccountLedger.open(path, account="test") as ledger:
        folder = ledger.folder(LISTS, LISTS)
        await folder.open(VALID)

        async def record(number: int) -> int:
            await folder.record(pairings=[pairing(str(number), f"k{number}")])
            reader = Database(path, account="test", copy=True)
            reader.open()
            found = Tables(reader).pairings(PairOfFolders(LISTS, LISTS), REMOTE, [str(number)])
            reader.close()
            return len(found)

        assert await asyncio.gather(*map(record, range(10))) == [1] * 10


async def test_a_failure_is_told_to_whom_it_belongs(ledger: AccountLedger, folder: FolderLedger) -> None:
    held = threading.Event()
    under_way = asyncio.ensure_future(ledger.run(held.wait))
    await asyncio.sleep(0)
    works = [folder.record(pairings=[pairing("1", "a")]), folder.record(pairings=[pairing("2", "b", "two words")])]
    waiting = asyncio.gather(*works, folder.record(pairings=[pairing("3", "c")]), return_exceptions=True)
    await asyncio.sleep(0)
    held.set()
    first, second, third = await waiting
    assert (first, third) == (None, None) and isinstance(second, ValueError)
    assert await under_way and await paired(folder) == {"1": "a", "3": "c"}


async def test_the_loop_runs_on_while_the_ledger_works(ledger: AccountLedger) -> None:
    held = threading.Event()
    waiting = asyncio.ensure_future(ledger.run(held.wait))
    await asyncio.sleep(0)
    held.set()
    assert await waiting


async def test_closing_waits_for_what_was_handed_over_and_may_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "test.ledger"
    ledger = await AccountLedger.open(path, account="test")
    folder = ledger.folder(LISTS, LISTS)
    pending = [asyncio.ensure_future(folder.record(pairings=[pairing(str(n), f"k{n}")])) for n in range(20)]
    await asyncio.sleep(0)
    await ledger.close()
    await ledger.close()
    await asyncio.gather(*pending)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, f"{path.name}.seal"}, "nothing waits in a log"
    async with await AccountLedger.open(path, account="test") as again:
        assert len(await paired(again.folder(LISTS, LISTS))) == 20


async def test_many_tasks_may_use_it_at_once(ledger: AccountLedger) -> None:
    async def work(number: int) -> int:
        folder = ledger.folder(FolderName((str(number),)), LISTS)
        await folder.open(VALID)
        await folder.record(pairings=[pairing(str(n), f"k{n}", FLAGGED) for n in range(number)])
        return await folder.agreed(LOCAL).count()

    assert await asyncio.gather(*(work(n) for n in range(30))) == list(range(30))
