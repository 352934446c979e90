"""Random worlds in memory: whatever both sides' users do between syncs, the promises hold."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import Died, MemoryWorld, dying_at, message

from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, SEEN, Side

REMOTE, LOCAL = Side
FLAG_SETS = st.frozensets(st.sampled_from([SEEN, ANSWERED, FLAGGED, DELETED, DRAFT, FORWARDED]))
SIDES = st.sampled_from(list(Side))
NUMBERS = st.integers(0, 30)

DELIVER = st.tuples(st.just("deliver"), SIDES, NUMBERS, FLAG_SETS)
TWIN = st.tuples(st.just("twin"), SIDES, NUMBERS, FLAG_SETS)
REMOVE = st.tuples(st.just("remove"), SIDES, NUMBERS, st.none())
FLAG = st.tuples(st.just("flag"), SIDES, NUMBERS, FLAG_SETS)
RENAME = st.tuples(st.just("rename"), st.just(LOCAL), NUMBERS, st.none())
SYNC = st.tuples(st.just("sync"), SIDES, NUMBERS, st.none())
CRASH = st.tuples(st.just("crash"), SIDES, st.integers(0, 60), st.none())
STEPS = st.lists(st.one_of(DELIVER, TWIN, REMOVE, FLAG, RENAME, SYNC, CRASH), max_size=25)


class Story:
    """Plays steps on a world and remembers which messages a user removed."""

    def __init__(self, world: MemoryWorld) -> None:
        self.world, self.delivered, self.removed, self.count = world, set(), set(), 0

    async def play(self, what: str, side: Side, number: int, flags) -> None:
        replica = self.world.side(side)
        held = list(replica.messages)
        match what:
            case "deliver":
                self.count += 1
                self._put(replica, message(1000 + self.count), flags)
            case "twin":
                self.count += 1
                for each in Side:
                    self._put(self.world.side(each), message(1000 + self.count), flags)
            case "remove" if held:
                key = held[number % len(held)]
                self.removed.add(replica.messages[key].wire)
                replica.remove(key)
            case "flag" if held:
                replica.set_flags(held[number % len(held)], flags)
            case "rename" if held:
                replica.rename(held[number % len(held)])
            case "sync":
                await self.world.sync()
            case "crash":
                try:
                    await self.world.sync(dying_at(number))
                except Died:
                    pass

    def _put(self, replica, wire: bytes, flags) -> None:
        self.delivered.add(wire)
        replica.put(wire, flags)

    async def check(self) -> None:
        """In step, at rest, nothing lost that nobody removed, nothing doubled."""
        await self.world.sync()
        self.world.assert_in_step()
        await self.world.assert_at_rest()
        bodies = self.world.bodies(LOCAL)
        assert self.delivered - self.removed <= set(bodies), "a message was lost that no user removed"
        assert all(count == 1 for count in bodies.values()), "a message was doubled"
        assert set(bodies) <= self.delivered


@settings(max_examples=250, deadline=None)
@given(STEPS)
def test_any_story_ends_in_step_with_nothing_lost_or_doubled(steps):
    async def tell() -> None:
        async with memory_ledger() as ledger:
            story = Story(MemoryWorld(ledger))
            for step in steps:
                await story.play(*step)
            await story.check()

    asyncio.run(tell())


@settings(max_examples=100, deadline=None)
@given(STEPS, st.sampled_from(["ledger", "uidvalidity", "both"]))
def test_a_lost_ledger_or_new_uidvalidity_doubles_and_deletes_nothing(steps, loss):
    async def tell() -> None:
        async with memory_ledger() as ledger, memory_ledger() as fresh:
            story = Story(MemoryWorld(ledger))
            for step in steps:
                await story.play(*step)
            await story.world.sync()
            before = story.world.bodies(LOCAL)
            if loss in ("ledger", "both"):
                story.world.ledger = fresh
            if loss in ("uidvalidity", "both"):
                story.world.remote.renumber("2")
            stores = story.world.remote.commands["store"] + story.world.local.commands["store"]
            await story.check()
            assert story.world.bodies(LOCAL) == story.world.bodies(REMOTE) == before
            assert story.world.remote.commands["store"] + story.world.local.commands["store"] == stores, "bodies moved"

    asyncio.run(tell())
