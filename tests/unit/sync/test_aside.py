"""Copies that failed are tried later and later, and never forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import Died, MemoryWorld, message

from postboat.events import MessageFailed, MessagesAside
from postboat.model import FLAGGED, Aside, Refused, Side
from postboat.sync.aside import LONGEST_REASON, WAITS, put_aside, sort_out

REMOTE, LOCAL = Side
NOW = 5_000_000.0


@pytest.fixture
async def world():
    async with memory_ledger() as ledger:
        yield MemoryWorld(ledger)


def refusing(world, side, *numbers, reason="over quota"):
    """Have a side refuse messages, and count how often it was offered each."""
    offered = []
    world.side(side).refuse_store = lambda wire: (
        offered.append(wire) or reason if wire in {message(number) for number in numbers} else None
    )
    return offered


def told(world, kind):
    return [event for event in world.events if isinstance(event, kind)]


# ---- when -----------------------------------------------------------------------------------------------------


def test_each_failure_waits_longer_up_to_a_day():
    aside, waits = None, []
    for _ in range(7):
        aside = put_aside(REMOTE, Refused("7", "no"), aside, NOW)
        waits.append((aside.not_before - NOW) / 60)
    assert waits == [15, 60, 240, 960, 1440, 1440, 1440] and aside.tries == 7


def test_what_may_have_passed_is_tried_in_the_next_run_and_waits_when_that_fails_too():
    failure = Refused("7", "the line broke", passing=True)
    first = put_aside(LOCAL, failure, None, NOW)
    assert sort_out([first], NOW).due == (first,)
    assert put_aside(LOCAL, failure, first, NOW).not_before == NOW + WAITS[0]


def test_a_reason_of_any_length_is_kept_short():
    assert len(put_aside(REMOTE, Refused("7", "x" * 100_000), None, NOW).reason) == LONGEST_REASON


def test_what_is_due_is_told_from_what_waits():
    asides = [Aside(REMOTE, name, "", 1, NOW + later) for name, later in (("c", 60), ("a", 0), ("d", 1), ("b", -9))]
    sorted_out = sort_out(asides, NOW)
    assert [aside.origin for aside in sorted_out.due] == ["b", "a"]
    assert [aside.origin for aside in sorted_out.waiting] == ["d", "c"]
    assert sorted_out.going_to(REMOTE) == {"c", "d"} and sorted_out.going_to(LOCAL) == set()
    assert not sort_out(asides, NOW, retry=True).waiting


def test_a_time_that_only_a_wrong_clock_can_have_written_is_due():
    aside = put_aside(REMOTE, Refused("7", "no"), None, NOW)
    assert sort_out([aside], NOW - WAITS[-1] - 1).due == (aside,)
    assert sort_out([aside], NOW - 60).waiting == (aside,)


# ---- what a run does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Side))
async def test_a_refused_message_is_not_offered_again_before_its_time(world, side):
    for number in range(3):
        world.side(side.other).put(message(number))
    offered = refusing(world, side, 1)
    assert (await world.sync()).failed == 1
    assert len(offered) == 1 and not told(world, MessagesAside)
    for minute in (0, 14):
        world.now += minute * 60
        done = await world.sync()
        assert (done.failed, done.aside, len(offered)) == (0, 1, 1)
        (aside,) = told(world, MessagesAside)
        assert (aside.count, aside.reason) == (1, "over quota") and aside.due > world.now
        assert not told(world, MessageFailed)
    world.now += 60
    done = await world.sync()
    assert (done.failed, done.aside, len(offered)) == (1, 0, 2)
    world.now += WAITS[0]
    assert ((await world.sync()).aside, len(offered)) == (1, 2), "the second wait is longer"
    refusing(world, side)
    world.now += WAITS[1]
    await world.sync()
    world.assert_in_step()
    assert await world.pair().ledger.asides() == []
    await world.assert_at_rest()


async def test_what_else_there_is_goes_on_while_a_message_waits(world):
    world.local.put(message(1))
    offered = refusing(world, REMOTE, 1)
    await world.sync()
    world.local.put(message(2))
    world.remote.put(message(3))
    done = await world.sync()
    assert (done.up, done.down, done.aside, len(offered)) == (1, 1, 1, 1)
    world.local.remove(world.key(LOCAL, 3))
    await world.sync()
    assert set(world.bodies(REMOTE)) == {message(2), message(3)}, "a side that refuses for reasons of its own"
    refusing(world, REMOTE)
    world.retry = True
    await world.sync()
    assert set(world.bodies(REMOTE)) == {message(1), message(2)}
    world.assert_in_step()


async def test_deletions_go_on_while_a_message_waits_that_is_itself_to_blame(world):
    await world.agree(1, 2)
    world.local.put(message(3))
    refusing(world, REMOTE, 3)
    world.remote.full = True
    await world.sync()
    world.local.remove(world.key(LOCAL, 1))
    await world.sync()
    assert set(world.bodies(REMOTE)) == {message(2)}


async def test_the_user_can_have_all_tried_at_once(world):
    world.local.put(message(1))
    world.remote.put(message(2))
    up, down = refusing(world, REMOTE, 1), refusing(world, LOCAL, 2)
    await world.sync()
    world.retry = True
    assert ((await world.sync()).failed, len(up), len(down)) == (2, 2, 2)
    world.retry = False
    assert ((await world.sync()).aside, len(up), len(down)) == (2, 2, 2)


async def test_an_unreadable_message_is_not_read_again_before_its_time(world):
    key = world.remote.put(message(1))
    world.remote.put(message(2))
    world.remote.unreadable[key] = "the server sends a placeholder"
    assert (await world.sync()).failed == 1
    reads = world.remote.commands["read"]
    assert (await world.sync()).aside == 1
    assert world.remote.commands["read"] == reads
    del world.remote.unreadable[key]
    world.now += WAITS[0]
    await world.sync()
    world.assert_in_step()
    await world.assert_at_rest()


async def test_a_message_that_is_listed_and_never_sent_is_put_aside(world):
    read = world.remote.read

    async def silent(keys):
        async for item in read(keys):
            if item.data != message(1):
                yield item

    world.remote.put(message(1))
    world.remote.put(message(2))
    world.remote.read = silent
    done = await world.sync()
    assert (done.down, done.failed) == (1, 1)
    done = await world.sync()
    assert (done.down, done.failed, done.aside) == (0, 0, 1)


@pytest.mark.parametrize("side", list(Side))
async def test_a_message_gone_from_its_own_side_is_forgotten(world, side):
    key = world.side(side.other).put(message(1))
    refusing(world, side, 1)
    await world.sync()
    world.side(side.other).remove(key)
    done = await world.sync()
    assert (done.failed, done.aside) == (0, 0)
    assert await world.pair().ledger.asides() == []
    await world.assert_at_rest()


async def test_a_message_that_came_to_the_other_side_by_other_means_is_forgotten(world):
    world.local.put(message(1))
    refusing(world, REMOTE, 1)
    await world.sync()
    world.remote.put(message(1))
    done = await world.sync()
    assert (done.adopted, done.aside) == (1, 0)
    await world.assert_at_rest()


@pytest.mark.parametrize("side", list(Side))
async def test_a_message_that_could_not_come_back_waits_too_and_is_not_deleted(world, side):
    """Deleted on one side and changed on the other: the change wins, also while it waits."""
    await world.agree(1, 2)
    world.side(side).remove(world.key(side, 1))
    world.side(side.other).set_flags(world.key(side.other, 1), {FLAGGED})
    offered = refusing(world, side, 1)
    assert (await world.sync()).failed == 1
    for _ in range(2):
        done = await world.sync()
        assert (done.failed, done.aside, len(offered)) == (0, 1, 1)
        assert message(1) in world.bodies(side.other)
    refusing(world, side)
    world.now += WAITS[0]
    await world.sync()
    world.assert_in_step()
    assert world.bodies(side)[message(1)] == 1
    await world.assert_at_rest()


async def test_a_run_killed_before_it_wrote_the_failure_down_fails_once_more(world):
    world.local.put(message(1))
    offered = refusing(world, REMOTE, 1)

    def fuse(where):
        if where == "before put_aside":
            raise Died(where)

    with pytest.raises(Died):
        await world.sync(fuse)
    assert not told(world, MessageFailed), "told is what is written down"
    assert ((await world.sync()).failed, len(offered)) == (1, 2)
    assert ((await world.sync()).aside, len(offered)) == (1, 2)


async def test_what_waits_says_nothing_of_a_folder_begun_anew(world):
    world.local.put(message(1))
    offered = refusing(world, REMOTE, 1)
    await world.sync()
    world.remote.identity = "another"
    await world.sync()
    assert len(offered) == 2


async def test_a_dry_run_tells_what_it_would_do_without_what_waits(world):
    from postboat.sync.observe import observe
    from postboat.sync.plan import make_plan

    world.local.put(message(1))
    refusing(world, REMOTE, 1)
    await world.sync()
    assert make_plan(await observe(world.pair()), world.policy).nothing
    assert len(make_plan(await observe(replace(world.pair(), retry=True)), world.policy).copies) == 1
