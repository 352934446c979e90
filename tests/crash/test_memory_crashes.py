"""Die at every effect, look and commit of a mixed sync, and during the recovery too: nothing lost, nothing doubled."""

from __future__ import annotations

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_replica import Fuse
from tests.fakes.memory_world import (
    ALL_KINDS,
    SERVER_AND_MAILDIR,
    TWO_MAILDIRS,
    TWO_SERVERS,
    Died,
    MemoryWorld,
    dying_at,
    message,
)

from postboat.model import ANSWERED, FLAGGED, SEEN, Side

REMOTE, LOCAL = Side


async def mixed(ledger, kinds) -> MemoryWorld:
    """A world with work of every kind before it, in both directions."""
    world = MemoryWorld(ledger, width=1, kinds=kinds)
    await world.agree(1, 2, 3, 4, 5, 6, 7, 8)
    for number in (20, 21):
        world.remote.put(message(number), {SEEN})
        world.local.put(message(number + 10), {FLAGGED})
    world.remote.put(message(40, "large " * 100))
    world.local.put(message(41, "large " * 100))
    world.remote.put(message(50))
    world.local.put(message(50))  # twins
    world.remote.remove(world.key(REMOTE, 1))
    world.local.remove(world.key(LOCAL, 2))
    world.remote.set_flags(world.key(REMOTE, 3), {SEEN})
    world.local.set_flags(world.key(LOCAL, 4), {ANSWERED})
    world.remote.set_flags(world.key(REMOTE, 5), {SEEN})
    world.local.set_flags(world.key(LOCAL, 5), {FLAGGED})
    for side in Side:
        if world.side(side).naming == "name":
            world.side(side).rename(world.key(side, 6))
    world.local.remove(world.key(LOCAL, 7))
    world.remote.set_flags(world.key(REMOTE, 7), {FLAGGED})  # the change wins
    return world


async def unharmed(kinds) -> tuple[MemoryWorld, int]:
    async with memory_ledger() as ledger:
        world = await mixed(ledger, kinds)
        fuse = Fuse()
        await world.sync(fuse)
        world.assert_in_step()
        await world.assert_at_rest()
        return world, len(fuse.points)


@pytest.mark.parametrize("kinds", ALL_KINDS)
async def test_a_mixed_sync_brings_both_sides_in_step(kinds):
    world, points = await unharmed(kinds)
    assert points > 50, "the crash test would have nothing to die at"
    numbers = [3, 4, 5, 6, 7, 8, 20, 21, 30, 31, 50]
    expected = {message(n) for n in numbers} | {message(40, "large " * 100), message(41, "large " * 100)}
    assert set(world.bodies(REMOTE)) == set(world.bodies(LOCAL)) == expected
    assert sum(world.bodies(REMOTE).values()) == len(expected)


@pytest.mark.parametrize(("kinds", "step"), [(SERVER_AND_MAILDIR, 1), (TWO_SERVERS, 2), (TWO_MAILDIRS, 3)])
async def test_dying_anywhere_and_running_again_gives_what_the_unharmed_run_gives(kinds, step):
    world, points = await unharmed(kinds)
    expected = world.remote.contents(), world.local.contents()
    for point in range(0, points, step):
        async with memory_ledger() as ledger:
            hurt = await mixed(ledger, kinds)
            with pytest.raises(Died):
                await hurt.sync(dying_at(point))
            await hurt.sync()
            assert (hurt.remote.contents(), hurt.local.contents()) == expected, f"died at point {point}"
            await hurt.assert_at_rest()


@pytest.mark.parametrize(("kinds", "step"), [(SERVER_AND_MAILDIR, 4), (TWO_SERVERS, 7), (TWO_MAILDIRS, 13)])
async def test_dying_during_the_recovery_too_changes_nothing(kinds, step):
    world, points = await unharmed(kinds)
    expected = world.remote.contents(), world.local.contents()
    for point in range(0, points, step):
        for second in range(0, points, 13):
            async with memory_ledger() as ledger:
                hurt = await mixed(ledger, kinds)
                with pytest.raises(Died):
                    await hurt.sync(dying_at(point))
                try:
                    await hurt.sync(dying_at(second))
                except Died:
                    await hurt.sync()
                assert (hurt.remote.contents(), hurt.local.contents()) == expected, f"died at {point}, then {second}"
