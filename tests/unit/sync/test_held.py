"""The whole story of what is held: told in every run, carried out or turned round when the user has spoken."""

from __future__ import annotations

import pytest
from tests.fakes.memory_account import MemoryAccount
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import Died, dying_at, message

from postboat.errors import ConnectionLost, FolderError
from postboat.events import FolderFailed, PlanHeld, PlanShown
from postboat.model import FLAGGED, FolderName, Limits, Side, Suspicion, Verdict

REMOTE, LOCAL = Side
SIDES = pytest.mark.parametrize("lost", list(Side), ids=lambda side: side.value)


@pytest.fixture
async def account():
    async with memory_ledger() as ledger:
        made = MemoryAccount(ledger, "A", "B")
        made.limits = Limits()
        yield made


async def agree(account, name="A", count=10, first=1) -> None:
    for number in range(first, first + count):
        account.side(name, REMOTE).put(message(number))
    await account.sync()
    account.assert_in_step()


def wipe(account, side, name="A") -> None:
    for key in list(account.side(name, side).messages):
        account.side(name, side).remove(key)


def told(account) -> list[PlanHeld]:
    return [event for event in account.events if isinstance(event, PlanHeld)]


def deletions(account) -> int:
    return sum(replica.commands["delete"] for sides in account.folders.values() for replica in sides.values())


async def decide(account, verdict, name=None) -> int:
    remote = None if name is None else FolderName((name,))
    return len(await account.ledger.decide(verdict, remote))


@SIDES
async def test_an_emptied_folder_loses_nothing_on_the_other_side(account, lost):
    await agree(account)
    wipe(account, lost)
    await account.sync()
    (held,) = told(account)
    subjects = ("10", "9", "8", "7", "6")
    assert held == PlanHeld("test", "A", lost.other.value, "emptied", 10, 10, subjects)
    assert len(account.side("A", lost.other).messages) == 10 and not deletions(account)
    ((remote, _, written),) = await account.ledger.holds()
    assert str(remote) == "A" and (written.on, written.verdict) == (lost.other, Verdict.WAITING)
    assert len(written.keys) == 10 and written.subjects == subjects


@SIDES
async def test_every_run_tells_it_again_and_does_nothing(account, lost):
    await agree(account)
    wipe(account, lost)
    await account.sync()
    first, shown = told(account), account.side("A", lost.other).commands["headers"]
    for _ in range(2):
        await account.assert_at_rest()
        assert told(account) == first
    assert account.side("A", lost.other).commands["headers"] == shown, "subjects are asked for once"


@SIDES
async def test_copies_and_flags_go_on_while_deletions_wait(account, lost):
    await agree(account)
    kept = account.side("A", lost.other)
    flagged = next(iter(kept.messages))
    wipe(account, lost)
    account.side("A", lost).put(message(50))
    kept.put(message(51))
    account.side("B", LOCAL).put(message(60))
    await account.sync()
    assert message(50) in {wire for wire, _ in kept.contents()}
    assert {wire for wire, _ in account.side("A", lost).contents()} == {message(50), message(51)}
    assert len(account.side("B", REMOTE).messages) == 1
    assert told(account)[0].count == 10
    kept.set_flags(flagged, {FLAGGED})
    await account.sync()
    assert told(account)[0].count == 9, "the one that changed came back"
    assert len(account.side("A", lost).messages) == 3


@SIDES
async def test_what_is_confirmed_is_deleted_and_forgotten(account, lost):
    await agree(account)
    wipe(account, lost)
    await account.sync()
    assert await decide(account, Verdict.CONFIRMED, "A") == 1
    await account.sync()
    assert not told(account) and not account.side("A", lost.other).messages
    assert not await account.ledger.holds()
    await account.assert_at_rest()


@SIDES
async def test_what_is_wanted_back_comes_back_and_nothing_is_doubled(account, lost):
    await agree(account)
    before = account.bodies(lost.other)
    wipe(account, lost)
    await account.sync()
    await decide(account, Verdict.RESTORE)
    await account.sync()
    account.assert_in_step()
    assert account.bodies(lost) == before == account.bodies(lost.other)
    assert not told(account) and not await account.ledger.holds()
    await account.assert_at_rest()


async def test_messages_that_come_back_as_they_were_end_it_by_themselves(account):
    """A disk that was not there is there again."""
    await agree(account)
    local = account.side("A", LOCAL)
    away = dict(local.messages)
    wipe(account, LOCAL)
    await account.sync()
    assert await account.ledger.holds()
    local.messages.update(away)
    await account.sync()
    assert not told(account) and not await account.ledger.holds()
    account.assert_in_step()
    await account.assert_at_rest()


async def test_a_word_given_too_late_is_worth_nothing_the_next_time(account):
    await agree(account)
    local = account.side("A", LOCAL)
    away = dict(local.messages)
    wipe(account, LOCAL)
    await account.sync()
    await decide(account, Verdict.CONFIRMED)
    local.messages.update(away)
    await account.sync()
    assert not await account.ledger.holds()
    wipe(account, LOCAL)
    await account.sync()
    assert told(account)[0].count == 10 and len(account.side("A", REMOTE).messages) == 10


async def test_what_was_deleted_since_it_was_confirmed_is_asked_for_anew(account):
    await agree(account, count=100)
    local = account.side("A", LOCAL)
    keys = list(local.messages)
    for key in keys[:30]:
        local.remove(key)
    await account.sync()
    assert (told(account)[0].suspicion, told(account)[0].count) == ("many of the folder", 30)
    await decide(account, Verdict.CONFIRMED)
    for key in keys[30:60]:
        local.remove(key)
    await account.sync()
    assert (told(account)[0].suspicion, told(account)[0].count) == ("many of the folder", 30)
    assert len(account.side("A", REMOTE).messages) == 70, "thirty were confirmed"
    ((_, _, held),) = await account.ledger.holds()
    assert held.verdict is Verdict.WAITING and len(held.keys) == 30


async def test_what_was_confirmed_is_carried_out_though_the_first_try_dies(account):
    await agree(account)
    wipe(account, LOCAL)
    await account.sync()
    await decide(account, Verdict.CONFIRMED)
    for point in range(60):
        try:
            await account.sync(dying_at(point))
        except Died:
            assert not [held for *_, held in await account.ledger.holds() if held.verdict is Verdict.WAITING]
    await account.sync()
    assert not account.side("A", REMOTE).messages and not told(account) and not await account.ledger.holds()


async def test_what_is_held_besides_never_takes_the_place_of_a_verdict_before_it_is_carried_out(account):
    await agree(account, count=100)
    keys = list(account.side("A", LOCAL).messages)
    for key in keys[:30]:
        account.side("A", LOCAL).remove(key)
    await account.sync()
    ((_, _, asked),) = await account.ledger.holds()
    await decide(account, Verdict.CONFIRMED)
    for key in keys[30:60]:
        account.side("A", LOCAL).remove(key)
    for point in range(60):
        try:
            await account.sync(dying_at(point))
        except Died:
            ((_, _, held),) = await account.ledger.holds()
            left = asked.keys & account.side("A", REMOTE).messages.keys()
            assert not left or (held.verdict is Verdict.CONFIRMED and left <= held.keys)
    assert len(account.side("A", REMOTE).messages) == 70


async def test_what_is_wanted_back_comes_once_though_each_try_dies(account):
    await agree(account)
    wipe(account, LOCAL)
    await account.sync()
    await decide(account, Verdict.RESTORE)
    for point in range(60):
        try:
            await account.sync(dying_at(point))
        except Died:
            pass
    await account.sync()
    account.assert_in_step()
    assert len(account.side("A", LOCAL).messages) == 10 and not await account.ledger.holds()


async def test_a_verdict_stays_while_something_of_it_is_still_to_be_done(account):
    await agree(account)
    wipe(account, LOCAL)
    await account.sync()
    await decide(account, Verdict.CONFIRMED)
    remote = account.side("A", REMOTE)
    stubborn = next(iter(remote.messages))
    remote.refuse_delete = lambda key: "locked" if key == stubborn else None
    await account.sync()
    assert list(remote.messages) == [stubborn]
    ((_, _, held),) = await account.ledger.holds()
    assert held.verdict is Verdict.CONFIRMED
    remote.refuse_delete = lambda key: None
    await account.sync()
    assert not remote.messages and not await account.ledger.holds()


@pytest.mark.parametrize("count", [10, 40])
@SIDES
async def test_new_mail_does_not_make_what_is_held_look_like_a_few(account, lost, count):
    """What was half of a folder is less than a quarter of it when it has grown."""
    await agree(account, count=count)
    keys = list(account.side("A", lost).messages)
    for key in keys[: max(10, count - 10)]:
        account.side("A", lost).remove(key)
    await account.sync()
    held = told(account)[0].count
    for number in range(200):
        account.side("A", REMOTE).put(message(500 + number))
    for _ in range(3):
        await account.sync()
        assert [one.count for one in told(account)] == [held]
    assert len(account.side("A", lost.other).messages) == count + 200
    assert not deletions(account)


async def test_once_no_number_is_too_large_what_was_held_goes(account):
    await agree(account)
    wipe(account, LOCAL)
    await account.sync()
    account.limits = None
    await account.sync()
    assert not told(account) and not account.side("A", REMOTE).messages


async def test_a_folder_emptied_on_both_sides_alarms_nobody(account):
    await agree(account)
    wipe(account, LOCAL)
    wipe(account, REMOTE)
    await account.sync()
    assert not told(account)
    await account.assert_at_rest()


async def test_four_messages_may_go_and_trash_may_be_emptied(account):
    await agree(account, "A", 4)
    await agree(account, "B", 50, first=100)
    account.exempt = {"B"}
    wipe(account, LOCAL)
    wipe(account, LOCAL, "B")
    await account.sync()
    assert not told(account)
    assert not account.side("A", REMOTE).messages and not account.side("B", REMOTE).messages


@SIDES
async def test_a_folder_moved_as_a_whole_is_no_folder_emptied(account, lost):
    await agree(account)
    for key in list(account.side("A", lost).messages):
        account.move(lost, "A", "B", key)
    await account.sync()
    account.assert_in_step()
    assert not told(account) and len(account.side("B", lost.other).messages) == 10


async def test_what_was_moved_away_is_no_part_of_what_a_folder_held(account):
    """Nine are sorted into another folder, and the last one is deleted: the folder did not hold one of ten."""
    await agree(account)
    keys = list(account.side("A", LOCAL).messages)
    for key in keys[:6]:
        account.move(LOCAL, "A", "B", key)
    wipe(account, LOCAL)
    await account.sync()
    assert not told(account)
    account.assert_in_step()


async def test_a_message_moved_away_does_not_hide_that_the_rest_was_wiped(account):
    await agree(account)
    account.move(LOCAL, "A", "B", next(iter(account.side("A", LOCAL).messages)))
    wipe(account, LOCAL)
    await account.sync()
    assert (told(account)[0].suspicion, told(account)[0].count, told(account)[0].of) == ("emptied", 9, 9)


async def test_small_losses_in_many_folders_are_a_large_one(account):
    account.limits = Limits(account=5)
    await agree(account, "A", 20)
    await agree(account, "B", 20, first=100)
    for name in "AB":
        local = account.side(name, LOCAL)
        for key in list(local.messages)[:3]:
            local.remove(key)
    await account.sync()
    assert [(held.folder, held.suspicion, held.count) for held in told(account)] == [
        ("A", "many of the account", 3),
        ("B", "many of the account", 3),
    ]
    await decide(account, Verdict.RESTORE, "A")
    await account.sync()
    assert [held.folder for held in told(account)] == ["B"], "what was an accident there may be one here"
    await decide(account, Verdict.CONFIRMED, "B")
    await account.sync()
    account.assert_in_step()
    assert (len(account.side("A", REMOTE).messages), len(account.side("B", REMOTE).messages)) == (20, 17)


async def test_on_a_doubtful_disk_nothing_at_all_is_deleted_on_the_server(account):
    await agree(account)
    account.doubts = {LOCAL: frozenset({Suspicion.OTHER_DISK})}
    local = account.side("A", LOCAL)
    local.remove(next(iter(local.messages)))
    await account.sync()
    assert (told(account)[0].suspicion, told(account)[0].count, told(account)[0].of) == ("other disk", 1, 10)
    account.doubts = {}
    await account.sync()
    assert told(account), "it waits for the user's word, not for the disk to be called the right one"
    await decide(account, Verdict.CONFIRMED)
    await account.sync()
    assert not told(account) and not await account.ledger.holds()
    account.assert_in_step()


async def test_a_dry_run_shows_what_would_be_held_and_writes_nothing(account):
    await agree(account)
    wipe(account, LOCAL)
    before = account.mutations
    await account.show()
    assert told(account)[0].count == 10
    assert not any(shown.operations for shown in account.events if isinstance(shown, PlanShown))
    assert account.mutations == before and not await account.ledger.holds()


async def test_new_keys_end_what_was_held_under_the_old_ones(account):
    await agree(account)
    wipe(account, LOCAL)
    await account.sync()
    await decide(account, Verdict.CONFIRMED)
    account.side("A", REMOTE).renumber("another")
    await account.sync()
    assert not told(account) and not await account.ledger.holds()
    account.assert_in_step()
    assert len(account.side("A", LOCAL).messages) == 10, "matched anew, whereupon nothing is deleted"


async def test_a_folder_whose_connection_breaks_is_told_once(account):
    await agree(account)
    wipe(account, LOCAL)
    account.side("A", REMOTE).put(message(50))
    await account.sync(breaks_once("before store"))
    assert len(told(account)) == 1
    assert len(account.side("A", LOCAL).messages) == 1


def breaks_once(where: str):
    left = [where]

    def fuse(point: str) -> None:
        if left and point == where:
            left.clear()
            raise ConnectionLost("cut")

    return fuse


async def test_subjects_that_cannot_be_read_keep_nothing_from_being_held(account):
    await agree(account)
    wipe(account, LOCAL)

    async def fails(keys):
        raise FolderError("not now")

    account.side("A", REMOTE).headers = fails
    await account.sync()
    assert told(account)[0].subjects == () and len(account.side("A", REMOTE).messages) == 10
    assert not [event for event in account.events if isinstance(event, FolderFailed)]
