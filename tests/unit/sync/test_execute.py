"""What single failures do to a folder, and what is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_replica import Fuse
from tests.fakes.memory_world import Died, MemoryWorld, message

from postboat.errors import ConnectionLost, KeysRenewed
from postboat.events import (
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderStarted,
    MessageCameBack,
    MessageFailed,
    Warned,
)
from postboat.model import DELETED, DRAFT, FLAGGED, NO_FLAGS, SEEN, Intent, Pairing, Policy, Side, Stored, Unsettled
from postboat.sync.aside import WAITS

REMOTE, LOCAL = Side


@pytest.fixture
async def world():
    async with memory_ledger() as ledger:
        yield MemoryWorld(ledger)


@pytest.mark.parametrize("side", list(Side))
async def test_a_refused_message_is_told_and_the_rest_goes_on(world, side):
    for number in range(5):
        world.side(side.other).put(message(number))
    world.side(side).refuse_store = lambda wire: "over quota" if wire == message(3) else None
    done = await world.sync()
    assert done.failed == 1
    assert len(world.side(side).messages) == 4
    (failure,) = [event for event in world.events if isinstance(event, MessageFailed)]
    assert failure.reason == "over quota"
    world.side(side).refuse_store = lambda wire: None
    world.retry = True
    await world.sync()
    world.assert_in_step()
    await world.assert_at_rest()


async def test_a_message_refused_for_lack_of_room_does_not_hold_back_deletions(world):
    await world.agree(1, 2)
    world.local.put(message(3))
    world.local.remove(world.key(LOCAL, 1))
    world.remote.refuse_store, world.remote.full = (lambda wire: "over quota"), True
    await world.sync()
    assert set(world.bodies(REMOTE)) == {message(2)}


async def test_nothing_is_deleted_from_a_side_that_refuses_a_copy_for_another_reason(world):
    """Another program may have written the very messages anew: the refused ones are the deleted ones."""
    await world.agree(1, 2)
    for number in (1, 2):
        world.local.remove(world.key(LOCAL, number))
        world.local.put(message(number, "hello again"))
    world.remote.refuse_store = lambda wire: "not permitted"
    await world.sync()
    assert set(world.bodies(REMOTE)) == {message(1), message(2)}
    assert [event.text for event in world.events if isinstance(event, Warned)] == [
        f"{world.pair().name}: 2 deletions wait on the server until all copies to that side have succeeded"
    ]
    world.remote.refuse_store = lambda wire: None
    await world.sync()
    assert set(world.bodies(REMOTE)) == {message(1), message(2)}, "the copies are not due yet, nor are the deletions"
    world.now += WAITS[0]
    await world.sync()
    world.assert_in_step()
    await world.assert_at_rest()


async def test_what_a_policy_left_undone_is_done_under_another_one():
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(readonly=frozenset({REMOTE})))
        await world.agree(1)
        world.local.put(message(2))
        for _ in range(2):
            await world.sync()
        assert len(world.remote.messages) == 1
        world.policy = Policy()
        await world.sync()
        assert len(world.remote.messages) == 2


async def test_what_an_unwritable_folder_left_undone_is_done_when_it_can_be_written(world):
    await world.agree(1)
    world.remote.readonly = True
    world.local.put(message(2))
    world.remote.put(message(3))
    for _ in range(2):
        done = await world.sync()
        assert done.failed == 0
    assert (len(world.remote.messages), len(world.local.messages)) == (2, 3)
    world.remote.readonly = False
    await world.sync()
    world.assert_in_step()


async def test_keys_given_out_anew_are_matched_and_delete_nothing(world):
    await world.agree(1, 2, 3)
    changes = world.remote.changes

    async def renewed(agreed):
        if await agreed.count():
            raise KeysRenewed("UIDs began again")
        return await changes(agreed)

    world.remote.changes = renewed
    world.remote.messages.clear()
    world.remote._next = 1
    world.remote.put(message(9))
    world.remote.put(message(2))
    await world.sync()
    world.assert_in_step()
    assert set(world.bodies(LOCAL)) == {message(number) for number in (1, 2, 3, 9)}


@pytest.mark.parametrize("flags", [set(), {DRAFT}])
async def test_equal_headers_with_different_texts_are_not_taken_for_one_message(world, flags):
    """A note without a Message-ID, and a draft saved twice under one."""
    head = b"Subject: note\r\n\r\n" if not flags else b"Message-ID: <1@x>\r\n\r\n"
    world.remote.put(head + b"buy milk\r\n", flags)
    world.local.put(head + b"buy eggs\r\n", flags)
    world.remote.put(head + b"the same\r\n", flags)
    world.local.put(head + b"the same\r\n", flags)
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (1, 1, 1)
    world.assert_in_step()
    await world.assert_at_rest()


async def test_an_upload_whose_connection_broke_is_not_sent_again_in_the_same_run(world):
    """The server may finish it after we have looked."""
    await world.agree(1)
    key = world.local.put(message(2))
    with pytest.raises(Died):
        await world.sync(dying_at_point("before store"))
    hasty = replace(world.pair(), again=True)
    done = await world.sync_pair(hasty)
    assert done.failed == 1, "it is told, and the run is not called in step"
    assert len(world.remote.messages) == 1 and key in world.local.messages
    await world.sync()
    world.assert_in_step()
    assert len(world.remote.messages) == 2


def dying_at_point(point: str):
    def fuse(where: str) -> None:
        if where == point:
            raise Died(where)

    return fuse


async def test_an_unreadable_message_is_told_and_the_rest_goes_on(world):
    keys = [world.remote.put(message(number)) for number in range(3)]
    world.remote.unreadable[keys[1]] = "the server sends a placeholder"
    done = await world.sync()
    assert (done.down, done.failed) == (2, 1)


async def test_a_message_that_vanishes_before_it_is_read_is_no_failure(world):
    key = world.remote.put(message(1))
    world.remote.put(message(2))

    def vanish(point: str) -> None:
        if point == "read" and key in world.remote.messages:
            world.remote.remove(key)

    done = await world.sync(vanish)
    assert (done.down, done.failed) == (1, 0)
    await world.sync()
    await world.assert_at_rest()


@pytest.mark.parametrize("side", list(Side))
async def test_refused_flags_are_tried_again_in_the_next_run(world, side):
    await world.agree(1)
    world.side(side.other).set_flags(world.key(side.other, 1), {SEEN})
    world.side(side).refuse_reflag = lambda wanted: "read-only"
    assert (await world.sync()).failed == 1
    world.side(side).refuse_reflag = lambda wanted: None
    assert (await world.sync()).reflagged == 1
    world.assert_in_step()


@pytest.mark.parametrize("side", list(Side))
async def test_a_refused_deletion_is_tried_again_in_the_next_run(world, side):
    await world.agree(1)
    world.side(side.other).remove(world.key(side.other, 1))
    world.side(side).refuse_delete = lambda key: "not permitted"
    assert (await world.sync()).failed == 1
    assert len(world.side(side).messages) == 1
    world.side(side).refuse_delete = lambda key: None
    await world.sync()
    assert not world.side(side).messages


async def test_a_lost_connection_ends_the_folder_before_any_deletion(world):
    await world.agree(1)
    world.local.remove(world.key(LOCAL, 1))
    world.remote.put(message(2))
    reads = Fuse()
    await_read = lambda point: reads(point) if point == "read" else None  # noqa: E731
    reads.at = 0
    with pytest.raises(ConnectionLost):
        await world.sync(await_read)
    assert len(world.remote.messages) == 2


async def test_an_incomplete_look_deletes_nothing(world):
    await world.agree(1, 2)
    world.remote.remove(world.key(REMOTE, 1))
    world.remote.partial = True
    await world.sync()
    assert len(world.local.messages) == 2
    world.remote.partial = False
    await world.sync()
    assert len(world.local.messages) == 1


async def test_a_message_that_comes_back_is_told(world):
    await world.agree(1)
    world.local.remove(world.key(LOCAL, 1))
    world.remote.set_flags(world.key(REMOTE, 1), {FLAGGED})
    await world.sync()
    world.assert_in_step()
    assert [event.deleted_on for event in world.events if isinstance(event, MessageCameBack)] == ["local"]


async def test_a_deletion_that_waits_to_be_expunged_is_counted_once(world, monkeypatch):
    """Without UIDPLUS nothing is expunged while another program's marks are in the mailbox."""
    await world.agree(1)
    world.local.remove(world.key(LOCAL, 1))
    delete = world.remote.delete
    with monkeypatch.context() as patched:
        patched.setattr(world.remote, "delete", lambda keys, *, expunge: delete(keys, expunge=False))
        assert [(await world.sync()).deleted_remote for _ in range(3)] == [1, 0, 0]
    await world.sync()
    assert not world.remote.messages
    await world.assert_at_rest()


async def test_without_expunge_a_local_deletion_only_marks_and_stays_settled():
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(expunge=frozenset({Side.LOCAL})))
        await world.agree(1)
        world.local.remove(world.key(LOCAL, 1))
        await world.sync()
        (held,) = world.remote.messages.values()
        assert held.flags == {DELETED}
        await world.assert_at_rest()
        assert not world.local.messages
        world.remote.set_flags(world.key(REMOTE, 1), NO_FLAGS)
        await world.sync()
        assert len(world.local.messages) == 1


async def test_identical_copies_stay_as_many_as_they_were(world):
    for _ in range(3):
        world.remote.put(message(1))
    for _ in range(2):
        world.local.put(message(1))
    await world.sync()
    assert len(world.remote.messages) == len(world.local.messages) == 3


async def test_events_tell_the_folders_story_in_order(world):
    world.remote.put(message(1))
    world.local.put(message(2))
    await world.sync()
    kinds = [type(event) for event in world.events]
    assert kinds[:2] == [FolderStarted, FolderPlanned]
    assert kinds[-1] is FolderFinished
    assert kinds.count(FolderProgressed) == 2
    planned, finished = world.events[1].counts, world.events[-1].done
    assert (planned.down, planned.up) == (finished.down, finished.up) == (1, 1)


async def test_a_server_that_keeps_one_of_identical_copies_does_not_make_two_files_take_turns(world):
    """Gmail answers an APPEND of what it has with the UID it has it under."""
    await world.agree(1)
    (known,) = world.remote.messages
    world.local.put(message(1))

    async def deduplicating(contents, tokens):
        return [Stored(content.key, known) for content in contents]

    world.remote.store = deduplicating
    world.remote.fingerprints = lambda keys: none()
    before = dict(world.local.messages)
    for _ in range(2):
        done = await world.sync()
        assert (done.up, done.failed) == (0, 1)
        world.now += WAITS[0]
    assert world.local.messages == before


async def none():
    return {}


async def test_identical_messages_stored_before_a_crash_are_not_sent_again(world):
    """The first batch is recorded, the second one is stored and not recorded: its message is the other one."""
    for _ in range(2):
        world.local.put(message(1))
    pair = world.pair()
    contents = [item async for item in world.local.read(list(world.local.messages))]
    await pair.ledger.open({REMOTE: "1", LOCAL: "id"})
    tokens = await world.remote.intend(contents)  # both before either is stored, as overlapping batches do
    intents = [Intent(REMOTE, c.key, t, NO_FLAGS) for c, t in zip(contents, tokens, strict=True)]
    await pair.ledger.intend(intents)
    first, _second = await world.remote.store(contents, tokens)
    await pair.ledger.record(pairings=[Pairing(first.key, first.origin, NO_FLAGS)], settled=intents[:1])
    await world.sync()
    assert len(world.remote.messages) == 2
    await world.assert_at_rest()


@pytest.mark.parametrize("side", list(Side))
async def test_a_message_changed_here_and_removed_there_while_the_sync_runs_comes_back(world, side):
    """The listing still shows it on both sides; nothing must be agreed on it."""
    await world.agree(1)
    world.side(side).set_flags(world.key(side, 1), {FLAGGED})
    doomed = world.key(side.other, 1)

    def remove(point: str) -> None:
        if point == "before reflag" and doomed in world.side(side.other).messages:
            world.side(side.other).remove(doomed)

    await world.sync(remove)
    await world.sync()
    world.assert_in_step()
    assert len(world.local.messages) == 1
    await world.assert_at_rest()


async def test_a_copy_that_nobody_finds_is_told_until_its_message_is_deleted(world):
    key = world.local.put(message(1))
    pair = world.pair()
    await pair.ledger.open({REMOTE: "1", LOCAL: "id"})
    await pair.ledger.intend([Intent(REMOTE, key, "stored for sure", NO_FLAGS)])

    async def nowhere(intents, paired=()):
        return {intent.origin: Unsettled(intent.origin, "stored, but where?", intent.token) for intent in intents}

    world.remote.find = nowhere
    for _ in range(2):
        done = await world.sync()
        assert (done.failed, done.up) == (1, 0)
    world.local.remove(key)
    assert (await world.sync()).failed == 0
    assert not await pair.ledger.intents()
    await world.assert_at_rest()


@pytest.mark.parametrize("found", [True, False])
async def test_a_message_that_was_coming_back_when_the_connection_broke_is_not_sent_twice(world, found):
    """Deleted on the server, flagged on disk: the copy that goes up may arrive after we have looked."""
    await world.agree(1, 2)
    world.remote.remove(world.key(REMOTE, 1))
    world.local.set_flags(world.key(LOCAL, 1), {FLAGGED})
    with pytest.raises(Died):
        await world.sync(dying_at_point("after store" if found else "before store"))
    stored = len(world.remote.messages)
    find = world.remote.find
    world.remote.find = nothing_found
    done = await world.sync_pair(replace(world.pair(), again=True))
    assert done.failed == (0 if found else 1), "a message seen under another key is known again"
    assert len(world.remote.messages) == stored
    world.remote.find = find
    await world.sync()
    world.assert_in_step()
    assert len(world.remote.messages) == 2
    await world.assert_at_rest()


async def nothing_found(intents, paired=()):
    return {}


async def test_a_doubt_about_a_message_that_both_sides_hold_by_now_is_over(world):
    key = world.local.put(message(1))
    pair = world.pair()
    await pair.ledger.open({REMOTE: "1", LOCAL: "id"})
    await pair.ledger.intend([Intent(REMOTE, key, "stored for sure", NO_FLAGS)])
    await pair.ledger.record(pairings=[Pairing(world.remote.put(message(1)), key, NO_FLAGS)])

    async def nowhere(intents, paired=()):
        return {intent.origin: Unsettled(intent.origin, "stored, but where?", intent.token) for intent in intents}

    world.remote.find = nowhere
    assert (await world.sync()).failed == 0
    assert not await pair.ledger.intents()
    await world.assert_at_rest()


async def test_a_file_renamed_between_a_crash_and_its_recovery_is_known_again():
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(sync_deletes=frozenset()))
        key = world.local.put(message(1))
        with pytest.raises(Died):
            await world.sync(dying_at_point("after store"))
        world.local.rename(key)
        await world.sync()
        world.assert_in_step()
        assert len(world.local.messages) == 1
        await world.assert_at_rest()
