"""What waits: deletions for the user's word, failed copies for their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.memory_ledger import memory_ledger

from postboat.ledger.ledger import AccountLedger
from postboat.ledger.rows import keys_from_column, keys_to_column
from postboat.model import Aside, FolderName, Held, Pairing, Side, Suspicion, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postboat.ledger.ledger import FolderLedger

REMOTE, LOCAL = Side.REMOTE, Side.LOCAL
LISTS, WORK = FolderName(("Lists", "python-dev")), FolderName(("Work",))
VALID = {REMOTE: "17", LOCAL: "abc"}
EMPTIED = Held(REMOTE, Suspicion.EMPTIED, 3, 3, frozenset({"7", "8", "x"}), ("Höi, “you”", "a\nb"))
GONE = Held(LOCAL, Suspicion.FOLDER_GONE, 12, 12)


@pytest.fixture
async def ledger() -> AsyncIterator[AccountLedger]:
    async with memory_ledger() as opened:
        yield opened


@pytest.fixture
async def folder(ledger: AccountLedger) -> FolderLedger:
    made = ledger.folder(LISTS, LISTS)
    assert await made.open(VALID)
    return made


async def test_what_is_held_is_read_back_with_the_verdict(tmp_path: Path) -> None:
    file = tmp_path / "test.ledger"
    async with await AccountLedger.open(file, account="test") as ledger:
        folder = ledger.folder(LISTS, LISTS)
        assert await folder.held() == []
        await folder.hold(REMOTE, EMPTIED)
        await folder.hold(LOCAL, GONE)
        assert await ledger.decide(Verdict.CONFIRMED, LISTS)
    async with await AccountLedger.open(file, account="test") as ledger:
        held = await ledger.folder(LISTS, LISTS).held()
    assert [(h.on, h.keys, h.subjects, h.verdict) for h in held] == [
        (LOCAL, frozenset(), (), Verdict.CONFIRMED),
        (REMOTE, EMPTIED.keys, EMPTIED.subjects, Verdict.CONFIRMED),
    ]


async def test_a_hold_takes_the_place_of_the_one_on_the_same_side(folder: FolderLedger) -> None:
    await folder.hold(REMOTE, EMPTIED)
    again = Held(REMOTE, Suspicion.MANY_OF_FOLDER, 30, 90, frozenset(map(str, range(30))))
    await folder.hold(REMOTE, again)
    await folder.hold(LOCAL, GONE)
    assert await folder.held() == [GONE, again]
    await folder.hold(REMOTE, None)
    assert await folder.held() == [GONE]


async def test_dropping_what_is_not_held_writes_nothing_down(ledger: AccountLedger) -> None:
    await ledger.folder(WORK, WORK).hold(REMOTE, None)
    assert await ledger.known() == []


async def test_a_verdict_on_one_folder_leaves_the_others_waiting(ledger: AccountLedger) -> None:
    await ledger.folder(LISTS, LISTS).hold(REMOTE, EMPTIED)
    await ledger.folder(WORK, WORK).hold(LOCAL, GONE)
    assert await ledger.holds() == [(LISTS, LISTS, EMPTIED), (WORK, WORK, GONE)]
    ((remote, local, held),) = await ledger.decide(Verdict.RESTORE, WORK)
    assert (remote, local, held.verdict) == (WORK, WORK, Verdict.RESTORE)
    assert [held.verdict for _, _, held in await ledger.holds()] == [Verdict.WAITING, Verdict.RESTORE]
    assert [held.verdict for _, _, held in await ledger.decide(Verdict.CONFIRMED)] == [Verdict.CONFIRMED] * 2
    assert await ledger.decide(Verdict.RESTORE, FolderName(("Nowhere",))) == []
    verdicts = {known.remote: known.verdicts for known in await ledger.known()}
    assert verdicts == {LISTS: {REMOTE: Verdict.CONFIRMED}, WORK: {LOCAL: Verdict.CONFIRMED}}


async def test_known_folders_are_read_by_one_statement(ledger: AccountLedger, folder: FolderLedger) -> None:
    """A run in which nothing changed reads no more than that."""
    await folder.hold(REMOTE, EMPTIED)
    said: list[str] = []
    connection = ledger._database._connected
    assert connection is not None
    await ledger.run(connection.set_trace_callback, said.append)
    (known,) = await ledger.known()
    assert known.verdicts == {REMOTE: Verdict.WAITING}
    assert len([text for text in said if "SELECT" in text and not text.startswith("--")]) == 1


async def test_a_hundred_thousand_keys_take_little_room(tmp_path: Path) -> None:
    file = tmp_path / "test.ledger"
    whole = Held(REMOTE, Suspicion.EMPTIED, 100_000, 100_000, frozenset(map(str, range(5, 100_005))))
    async with await AccountLedger.open(file, account="test") as ledger:
        await ledger.folder(LISTS, LISTS).hold(REMOTE, whole)
        assert await ledger.folder(LISTS, LISTS).held() == [whole]
    assert file.stat().st_size < 100_000


@given(st.frozensets(st.integers(0, 60).map(str) | st.text(st.characters(min_codepoint=1))))
def test_keys_read_back_as_they_were(keys: frozenset[str]) -> None:
    assert keys_from_column(keys_to_column(keys)) == keys


@pytest.mark.parametrize("keys", [{"007", "7", "0"}, {"a\udc80b", "1" * 30}, {"12", "13", "14", "16"}, set()])
def test_odd_keys_read_back_as_they_were(keys: set[str]) -> None:
    assert keys_from_column(keys_to_column(keys)) == keys


async def test_an_aside_takes_the_place_of_the_one_of_the_same_copy(folder: FolderLedger) -> None:
    up, down = Aside(REMOTE, "a.host", "too large", 1, 100.5), Aside(LOCAL, "7", "no body \udc80", 2, 7.0)
    assert await folder.asides() == []
    await folder.put_aside([up, down])
    assert await folder.asides() == [down, up]
    later = Aside(REMOTE, "a.host", "over quota", 2, 900.0)
    other_way = Aside(LOCAL, "a.host", "over quota", 1, 900.0)
    await folder.put_aside([later, other_way], taken_back=[down])
    assert await folder.asides() == [other_way, later]
    await folder.put_aside([], taken_back=[other_way, down])
    assert await folder.asides() == [later]


@pytest.mark.parametrize("how", ["another validity", "starting over"])
async def test_what_waits_goes_when_the_keys_mean_nothing_any_more(
    ledger: AccountLedger, folder: FolderLedger, how: str
) -> None:
    kept = ledger.folder(WORK, WORK)
    for one in (folder, kept):
        await one.record(pairings=[Pairing("7", "a", frozenset())])
        await one.hold(REMOTE, EMPTIED)
        await one.put_aside([Aside(REMOTE, "b", "too large")])
    if how == "starting over":
        await folder.start_over()
    else:
        assert not await folder.open({REMOTE: "18", LOCAL: "abc"})
    assert (await folder.held(), await folder.asides()) == ([], [])
    assert (await kept.held(), len(await kept.asides())) == ([EMPTIED], 1)
    assert [known.verdicts for known in await ledger.known()] == [{}, {REMOTE: Verdict.WAITING}]


async def test_the_standing_of_the_root_is_kept_from_the_first_mail_on(
    ledger: AccountLedger, folder: FolderLedger
) -> None:
    assert await ledger.store_standing(Side.LOCAL, "") == ""
    assert await ledger.store_standing(Side.LOCAL, "m1 d1") == "m1 d1"
    assert await ledger.store_standing(Side.LOCAL, "m2 d1") == "m2 d1", "nothing is synced yet"
    await folder.record(pairings=[Pairing("7", "a", frozenset())])
    assert await ledger.store_standing(Side.LOCAL, "m3 d3") == "m2 d1"
    assert await ledger.store_standing(Side.LOCAL, "") == "m2 d1"
    await ledger.stand(Side.LOCAL, "m3 d3")
    assert await ledger.store_standing(Side.LOCAL, "m4 d4") == "m3 d3"


async def test_a_ledger_without_a_standing_takes_the_one_it_finds(ledger: AccountLedger, folder: FolderLedger) -> None:
    await folder.record(pairings=[Pairing("7", "a", frozenset())])
    assert [await ledger.store_standing(Side.LOCAL, text) for text in ("", "m1 d1", "m2 d2")] == ["", "m1 d1", "m1 d1"]
