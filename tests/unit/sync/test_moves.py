"""A message moved on one side is moved on the other: without a transfer, with its flags, and never wrongly."""

from __future__ import annotations

import pytest
from tests.fakes.memory_account import MemoryAccount
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import Died, dying_at, message

from postboat.errors import ConnectionLost
from postboat.events import FolderFinished, MessagesAside, PlanShown
from postboat.model import DELETED, DRAFT, FLAGGED, NO_FLAGS, SEEN, Message, Pairing, Policy, Side
from postboat.sync.moves import Arriving, Leaving, worth_comparing

SIDES = [Side.REMOTE, Side.LOCAL]


@pytest.fixture
async def account():
    async with memory_ledger() as ledger:
        yield MemoryAccount(ledger, "A", "B")


async def agreed(account: MemoryAccount, *numbers: int, flags=()) -> None:
    for number in numbers:
        account.side("A", Side.REMOTE).put(message(number), flags)
    account.side("B", Side.REMOTE).put(message(900))
    await account.sync()
    account.assert_in_step()


def key_of(account: MemoryAccount, name: str, side: Side, number: int) -> str:
    messages = account.side(name, side).messages
    return next(key for key, held in messages.items() if held.wire == message(number))


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("side", SIDES)
async def test_a_moved_message_is_moved_on_the_other_side_without_a_transfer(account, side, copied):
    await agreed(account, 1, 2, 3)
    before = account.transfers
    account.move(side, "A", "B", key_of(account, "A", side, 2), copied=copied)
    await account.sync()
    assert account.transfers == before
    account.assert_in_step()
    assert account.bodies(Side.LOCAL)["B", message(2)] == 1
    assert sum(event.done.moved for event in account.events if isinstance(event, FolderFinished)) == 1
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_flags_changed_on_either_side_go_with_a_moved_message(account, side):
    await agreed(account, 1, 2)
    account.side("A", side.other).set_flags(key_of(account, "A", side.other, 1), {SEEN})
    new = account.move(side, "A", "B", key_of(account, "A", side, 1))
    account.side("B", side).set_flags(new, {FLAGGED})
    before = account.transfers
    await account.sync()
    assert account.transfers == before
    assert account.side("B", side).messages[new].flags == {SEEN, FLAGGED}
    account.assert_in_step()
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_a_move_to_a_folder_that_was_never_synced_needs_no_transfer(account, side):
    await agreed(account, 1, 2)
    account.add("New")
    account.move(side, "A", "New", key_of(account, "A", side, 2))
    before = account.transfers
    await account.sync()
    assert account.transfers == before
    account.assert_in_step()
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_messages_moved_both_ways_at_once_change_places(account, side):
    await agreed(account, 1)
    before = account.transfers
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    account.move(side.other, "B", "A", key_of(account, "B", side.other, 900))
    await account.sync()
    assert account.transfers == before
    account.assert_in_step()
    assert account.bodies(Side.REMOTE) == {("B", message(1)): 1, ("A", message(900)): 1}


@pytest.mark.parametrize("read_there", [False, True])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("can", ["copy", "neither"])
async def test_where_a_side_cannot_move_the_message_is_copied_and_deleted_once(account, side, can, read_there):
    """Whatever became of its flags where it was: the copy is what its user wants, and no second one."""
    await agreed(account, 1)
    for sides in account.folders.values():
        sides[side.other].can_move = False
        sides[side.other].can_copy = can == "copy"
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    if read_there:
        account.side("A", side.other).set_flags(key_of(account, "A", side.other, 1), {SEEN})
    await account.sync()
    account.assert_in_step()
    assert account.bodies(side.other) == {("B", message(1)): 1, ("B", message(900)): 1}
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_a_move_refused_before_is_made_when_the_side_can_move(account, side):
    """What was put aside is a copy; a move sends nothing."""
    await agreed(account, 1)
    there = account.folders.values()
    for sides in there:
        sides[side.other].can_move = sides[side.other].can_copy = False
    account.side("B", side.other).refuse_store = lambda wire: "over quota"
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    await account.sync()
    for sides in there:
        sides[side.other].can_move = True
    for _ in range(2):
        await account.sync()
        account.assert_in_step()
    assert not [event for event in account.events if isinstance(event, MessagesAside)]
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_nothing_is_deleted_where_a_message_was_while_it_is_not_where_it_went(account, side):
    await agreed(account, 1)
    for sides in account.folders.values():
        sides[side.other].can_move = False
        sides[side.other].can_copy = False
    refusals = []
    account.side("B", side.other).refuse_store = lambda wire: refusals.append(wire) or "over quota"
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    for _ in range(2):
        await account.sync()
        assert account.bodies(side.other)["A", message(1)] == 1
        assert len(refusals) == 1, "it is not sent again before its time"
    account.side("B", side.other).refuse_store = lambda wire: None
    account.retry = True
    await account.sync()
    account.assert_in_step()
    assert account.bodies(side.other) == {("B", message(1)): 1, ("B", message(900)): 1}
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_what_may_still_be_moving_when_the_connection_broke_is_left_alone(account, side):
    """A late move would take along what is done to the message where it was: our own mark for deletion."""
    await agreed(account, 1)
    source, target = account.side("A", side.other), account.side("B", side.other)
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    key = key_of(account, "A", side.other, 1)

    async def broken(keys, to, tokens):
        raise ConnectionLost("behind the command")

    source.move, move = broken, source.move
    deletes = source.commands["delete"]
    await account.sync()
    assert source.commands["delete"] == deletes
    assert source.messages[key].flags == frozenset()
    source.move = move
    await account.sync()
    account.assert_in_step()
    assert account.bodies(side.other) == {("B", message(1)): 1, ("B", message(900)): 1}
    assert DELETED not in target.messages[key_of(account, "B", side.other, 1)].flags
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_a_draft_that_left_is_not_taken_for_the_letter_that_was_sent(account, side):
    head = b"Message-ID: <d@x>\r\nSubject: d\r\n\r\n"
    account.side("A", Side.REMOTE).put(head + b"I owe you 100\r\n", {DRAFT})
    await agreed(account, 1)
    key = next(k for k, held in account.side("A", side).messages.items() if held.wire.startswith(head))
    account.side("A", side).remove(key)
    account.side("B", side).put(head + b"I owe you 900\r\n")
    await account.sync()
    account.assert_in_step()
    assert account.bodies(side.other)["B", head + b"I owe you 900\r\n"] == 1


async def test_only_arrivals_that_may_be_what_left_are_looked_into():
    weigh = {Side.LOCAL: lambda mark: int(mark) if mark else None, Side.REMOTE: lambda mark: None}
    left = [Leaving(0, Pairing("1", "a", NO_FLAGS, local_mark="1000"), NO_FLAGS)]
    local = [Arriving(1, Message(str(size), NO_FLAGS, None, str(size))) for size in (999, 1000, 1001)]
    assert [one.message.mark for one in worth_comparing(Side.LOCAL, left, local, weigh)[1]] == ["1000"]
    remote = [Arriving(1, Message(str(size), NO_FLAGS, size)) for size in (999, 1020, 2001)]
    assert [one.message.size for one in worth_comparing(Side.REMOTE, left, remote, weigh)[1]] == [1020]
    assert worth_comparing(Side.REMOTE, left, remote[2:], weigh) == ([], [])


@pytest.mark.parametrize("side", SIDES)
async def test_a_message_removed_here_is_not_taken_for_another_one_that_came_there(account, side):
    await agreed(account, 1)
    account.side("A", side).remove(key_of(account, "A", side, 1))
    account.side("B", side).put(message(7))
    await account.sync()
    account.assert_in_step()
    assert account.bodies(side.other) == {("B", message(7)): 1, ("B", message(900)): 1}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "wire", [b"Subject: a note\r\n\r\nfirst\r\n", b"Message-ID: <d@x>\r\nSubject: d\r\n\r\nfirst\r\n"]
)
async def test_equal_headers_without_a_name_or_of_drafts_are_no_proof_of_a_move(account, side, wire):
    draft = {DRAFT} if b"Message-ID" in wire else set()
    account.side("A", Side.REMOTE).put(wire, draft)
    await agreed(account, 1)
    key = next(k for k, held in account.side("A", side).messages.items() if held.wire == wire)
    account.side("A", side).remove(key)
    other = wire.replace(b"first", b"other")
    account.side("B", side).put(other, draft)
    await account.sync()
    account.assert_in_step()
    assert account.bodies(side.other)["B", other] == 1
    assert account.bodies(side.other)["B", wire] == 0


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("forbid", ["readonly", "sync_deletes"])
async def test_nothing_is_moved_where_nothing_may_be_removed(side, forbid):
    kept = frozenset({side.other}) if forbid == "readonly" else frozenset()
    deletes = frozenset({side.other}) if forbid == "sync_deletes" else frozenset(Side)
    async with memory_ledger() as ledger:
        account = MemoryAccount(ledger, "A", "B")
        await agreed(account, 1)
        account.policy = Policy(readonly=kept, sync_deletes=deletes)
        account.move(side, "A", "B", key_of(account, "A", side, 1))
        await account.sync()
        assert account.bodies(side.other)["A", message(1)] == 1


async def test_without_expunge_a_local_move_leaves_the_marked_message_on_the_server():
    async with memory_ledger() as ledger:
        account = MemoryAccount(ledger, "A", "B", policy=Policy(expunge=frozenset({Side.LOCAL})))
        await agreed(account, 1)
        account.move(Side.LOCAL, "A", "B", key_of(account, "A", Side.LOCAL, 1))
        await account.sync()
        assert account.bodies(Side.REMOTE)["A", message(1)] == 1
        assert account.bodies(Side.REMOTE)["B", message(1)] == 1


@pytest.mark.parametrize("side", SIDES)
async def test_one_of_identical_copies_is_moved_and_the_other_stays(account, side):
    account.side("A", Side.REMOTE).put(message(1))
    await agreed(account, 1)
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    before = account.transfers
    await account.sync()
    assert account.transfers == before
    account.assert_in_step()
    assert account.bodies(side.other)["A", message(1)] == 1
    assert account.bodies(side.other)["B", message(1)] == 1


@pytest.mark.parametrize("side", SIDES)
async def test_a_move_whose_new_key_is_not_told_is_not_sent_again(account, side):
    await agreed(account, 1)
    account.side("B", side.other).withhold_key = lambda wire: True
    account.move(side, "A", "B", key_of(account, "A", side, 1))
    await account.sync()
    account.side("B", side.other).withhold_key = lambda wire: False
    await account.sync()
    assert account.bodies(side.other) == {("B", message(1)): 1, ("B", message(900)): 1}
    account.assert_in_step()
    await account.assert_at_rest()


@pytest.mark.parametrize("side", SIDES)
async def test_dying_anywhere_in_a_move_and_running_again_loses_and_doubles_nothing(side):
    point = 0
    while True:
        async with memory_ledger() as ledger:
            account = MemoryAccount(ledger, "A", "B")
            await agreed(account, 1, 2)
            account.side("A", side.other).set_flags(key_of(account, "A", side.other, 1), {SEEN})
            account.move(side, "A", "B", key_of(account, "A", side, 1))
            account.move(side, "A", "B", key_of(account, "A", side, 2), copied=True)
            fuse = dying_at(point)
            try:
                await account.sync(fuse)
            except Died:
                pass
            harmed = fuse.blown
            await account.sync()
            account.assert_in_step()
            wanted = {("B", message(number)): 1 for number in (1, 2, 900)}
            assert account.bodies(Side.REMOTE) == account.bodies(Side.LOCAL) == wanted, fuse.points[-1]
            await account.assert_at_rest()
        if not harmed:
            break
        point += 1
    assert point > 20


async def test_a_dry_run_tells_of_a_move_and_makes_none(account):
    await agreed(account, 1)
    account.move(Side.LOCAL, "A", "B", key_of(account, "A", Side.LOCAL, 1))
    before, there = account.mutations, account.bodies(Side.REMOTE)
    await account.show()
    shown = [event for event in account.events if isinstance(event, PlanShown) and event.operations]
    assert [(event.folder, event.operations) for event in shown] == [
        ("A", ({"do": "move", "on": "remote", "message": "1", "to": "B"},))
    ]
    assert (account.mutations, account.bodies(Side.REMOTE)) == (before, there)
