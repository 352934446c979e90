"""Which messages are told to have arrived: new ones on the local side, once they are recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import Died, MemoryWorld, message

from postboat.errors import ConnectionLost
from postboat.events import MessagesArrived
from postboat.model import FLAGGED, SEEN, Side
from postboat.sync import execute

REMOTE, LOCAL = Side


@pytest.fixture
async def world():
    async with memory_ledger() as ledger:
        yield MemoryWorld(ledger)


def arrived(world):
    return [event for event in world.events if isinstance(event, MessagesArrived)]


async def test_a_new_message_is_told_by_where_it_lies(world):
    await world.agree(1)
    world.remote.put(message(2), {SEEN})
    world.events.clear()
    pair = replace(world.pair(), lies=lambda key, flags: f"/mail/{key}:2,{'S' if SEEN in flags else ''}")
    await world.sync_pair(pair)
    (told,) = arrived(world)
    assert told == MessagesArrived(
        "test", "Archive", (f"/mail/{world.key(LOCAL, 2)}:2,S",), read=(f"/mail/{world.key(LOCAL, 2)}:2,S",)
    )


async def test_what_goes_up_changes_or_is_only_matched_is_not_told(world):
    await world.agree(1, 2)
    world.local.put(message(3))
    world.remote.set_flags(world.key(REMOTE, 1), {FLAGGED})
    world.local.remove(world.key(LOCAL, 2))
    for side in Side:
        world.side(side).put(message(4))
    await world.sync()
    assert not arrived(world)


async def test_a_message_that_came_back_is_not_told(world):
    await world.agree(1)
    world.local.remove(world.key(LOCAL, 1))
    world.remote.set_flags(world.key(REMOTE, 1), {FLAGGED})
    await world.sync()
    assert world.key(LOCAL, 1) and not arrived(world)


async def test_what_came_is_told_though_the_folder_fails_half_way(world):
    await world.agree(1)
    world.remote.put(message(2))
    world.remote.set_flags(world.key(REMOTE, 1), {FLAGGED})

    async def lost(work):
        raise ConnectionLost("the line broke")

    world.local.reflag = lost
    with pytest.raises(ConnectionLost):
        await world.sync()
    assert [len(told.paths) for told in arrived(world)] == [1]


async def test_what_a_run_delivered_before_it_died_is_told_by_the_next_one(world):
    await world.agree(1)
    world.remote.put(message(2))

    def die(point):
        if point == "before record":
            raise Died

    with pytest.raises(Died):
        await world.sync(die)
    assert not arrived(world)
    await world.sync()
    assert [told.paths for told in arrived(world)] == [(world.key(LOCAL, 2),)]
    await world.sync()
    assert not arrived(world)


async def test_old_mail_is_said_to_be_that_and_told_by_its_paths_only_if_it_is_little(world, monkeypatch):
    monkeypatch.setattr(execute, "OLD_PATHS_TOLD", 2)
    for number in (1, 2):
        world.remote.put(message(number))
    await world.sync_pair(replace(world.pair(), first=True))
    for number in (3, 4, 5):
        world.remote.put(message(number))
    await world.sync_pair(replace(world.pair(), first=True))
    assert [(told.first, len(told.paths)) for told in arrived(world)] == [(True, 2), (True, 0)]


async def test_a_folder_in_which_copies_fail_is_in_step_all_the_same(world):
    """No checkpoint is kept for it, just as after a first sync that was interrupted."""
    world.remote.put(message(1))
    world.local.refuse_store = lambda wire: "no" if wire == message(1) else None
    await world.sync_pair(replace(world.pair(), first=True))
    world.remote.put(message(2))
    world.events.clear()
    await world.sync_pair(replace(world.pair(), first=True))
    assert [told.first for told in arrived(world)] == [False]


async def test_a_folder_for_junk_is_said_to_be_one(world):
    await world.agree(1)
    world.remote.put(message(2))
    world.events.clear()
    await world.sync_pair(replace(world.pair(), exempt=True))
    assert [told.unwanted for told in arrived(world)] == [True]
