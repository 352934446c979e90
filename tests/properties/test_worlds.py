"""Random worlds in memory: whatever both sides' users do between syncs, the promises hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import (
    ALL_KINDS,
    SERVER_AND_MAILDIR,
    Died,
    MemoryWorld,
    dying_at,
    message,
)

from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, SEEN, Policy, Side
from postboat.sync import matching

REMOTE, LOCAL = Side
FLAG_SETS = st.frozensets(st.sampled_from([SEEN, ANSWERED, FLAGGED, DELETED, DRAFT, FORWARDED]))
SIDES = st.sampled_from(list(Side))
NUMBERS = st.integers(0, 30)
KINDS = st.sampled_from(ALL_KINDS)

DELIVER = st.tuples(st.just("deliver"), SIDES, NUMBERS, FLAG_SETS)
TWIN = st.tuples(st.just("twin"), SIDES, NUMBERS, FLAG_SETS)
REMOVE = st.tuples(st.just("remove"), SIDES, NUMBERS, st.none())
FLAG = st.tuples(st.just("flag"), SIDES, NUMBERS, FLAG_SETS)
RENAME = st.tuples(st.just("rename"), SIDES, NUMBERS, st.none())
SYNC = st.tuples(st.just("sync"), SIDES, NUMBERS, st.none())
CRASH = st.tuples(st.just("crash"), SIDES, st.integers(0, 60), st.none())
STEPS = st.lists(st.one_of(DELIVER, TWIN, REMOVE, FLAG, RENAME, SYNC, CRASH), max_size=25)
POLICIES = st.builds(
    Policy,
    readonly=st.sampled_from([frozenset(), frozenset({REMOTE}), frozenset({LOCAL})]),
    sync_deletes=st.frozensets(SIDES),
    expunge=st.sampled_from([frozenset(Side), frozenset({LOCAL}), frozenset({REMOTE}), frozenset()]),
)
RENAMED_AND_GONE_REMOTELY = [
    ("deliver", REMOTE, 0, frozenset()),
    ("sync", REMOTE, 0, None),
    ("rename", LOCAL, 0, None),
    ("remove", REMOTE, 0, None),
]


class Story:
    """Plays steps on a world and remembers where messages were put and where a user removed them."""

    def __init__(self, world: MemoryWorld) -> None:
        self.world, self.count = world, 0
        self.put: dict[Side, set[bytes]] = {side: set() for side in Side}
        self.taken: dict[Side, set[bytes]] = {side: set() for side in Side}

    @property
    def delivered(self) -> set[bytes]:
        return self.put[REMOTE] | self.put[LOCAL]

    @property
    def removed(self) -> set[bytes]:
        return self.taken[REMOTE] | self.taken[LOCAL]

    async def play(self, what: str, side: Side, number: int, flags) -> None:
        replica = self.world.side(side)
        held = list(replica.messages)
        match what:
            case "deliver":
                self.count += 1
                self._put(side, message(1000 + self.count), flags)
            case "twin":
                self.count += 1
                for each in Side:
                    self._put(each, message(1000 + self.count), flags)
            case "remove" if held:
                key = held[number % len(held)]
                self.taken[side].add(replica.messages[key].wire)
                replica.remove(key)
            case "flag" if held:
                replica.set_flags(held[number % len(held)], flags)
            case "rename" if held and replica.naming == "name":
                replica.rename(held[number % len(held)])
            case "sync":
                await self.world.sync()
            case "crash":
                try:
                    await self.world.sync(dying_at(number))
                except Died:
                    pass

    def bodies_moved(self) -> tuple[int, int]:
        """How often bodies were stored and read so far."""
        both = (self.world.remote.commands, self.world.local.commands)
        return sum(each["store"] for each in both), sum(each["read"] for each in both)

    def _put(self, side: Side, wire: bytes, flags) -> None:
        self.put[side].add(wire)
        self.world.side(side).put(wire, flags)

    async def check(self) -> None:
        """In step, at rest, nothing lost that nobody removed, nothing doubled."""
        await self.world.sync()
        self.world.assert_in_step()
        await self.world.assert_at_rest()
        bodies = self.world.bodies(LOCAL)
        assert self.delivered - self.removed <= set(bodies), "a message was lost that no user removed"
        assert all(count == 1 for count in bodies.values()), "a message was doubled"
        assert set(bodies) <= self.delivered

    async def check_as_far_as_allowed(self) -> None:
        """At rest, and each side holds what it must and nothing that it must not."""
        await self.world.sync()
        await self.world.assert_at_rest()
        for side in Side:
            self._check_side(side, self.world.policy)
        if not self.world.policy.readonly:
            self._check_flags()

    def _check_side(self, side: Side, policy: Policy) -> None:
        bodies = self.world.bodies(side)
        assert all(count == 1 for count in bodies.values()), "a message was doubled"
        kept = self.put[side] - self.taken[side]
        if side in policy.readonly:
            assert self.world.side(side).mutations == 0, "a side that is only to be read was written to"
            assert set(bodies) == kept
            return
        if side.other in policy.sync_deletes and side in policy.expunge:
            kept -= self.taken[side.other]
        assert kept <= set(bodies), "a message was lost that no user removed, or that was to outlive its removal"
        assert self.delivered - self.removed <= set(bodies), "a message did not arrive"
        assert set(bodies) <= self.delivered

    def _check_flags(self) -> None:
        """What both sides hold has the same flags on both."""
        local = {held.wire: held.flags for held in self.world.local.messages.values()}
        for held in self.world.remote.messages.values():
            if held.wire in local:
                assert self.world.local.holds.mask(held.flags) == self.world.remote.holds.mask(local[held.wire])


@settings(max_examples=270, deadline=None)
@given(STEPS, KINDS)
def test_any_story_ends_in_step_with_nothing_lost_or_doubled(steps, kinds):
    async def tell() -> None:
        async with memory_ledger() as ledger:
            story = Story(MemoryWorld(ledger, kinds=kinds))
            for step in steps:
                await story.play(*step)
            await story.check()

    asyncio.run(tell())


@settings(max_examples=270, deadline=None)
@given(STEPS, POLICIES, KINDS)
@example(RENAMED_AND_GONE_REMOTELY, Policy(sync_deletes=frozenset()), SERVER_AND_MAILDIR)
def test_under_any_policy_nothing_is_lost_or_doubled_and_what_is_readonly_stays_as_it_is(steps, policy, kinds):
    maildirs = {side for side, naming in zip(Side, kinds, strict=True) if naming == "name"}
    policy = replace(policy, expunge=policy.expunge | maildirs)

    async def tell() -> None:
        async with memory_ledger() as ledger:
            story = Story(MemoryWorld(ledger, policy, kinds=kinds))
            for step in steps:
                await story.play(*step)
            await story.check_as_far_as_allowed()

    asyncio.run(tell())


@settings(max_examples=110, deadline=None)
@given(STEPS, st.sampled_from(["ledger", "uidvalidity", "both"]), SIDES, KINDS, st.sampled_from([2, matching.MANY]))
def test_a_lost_ledger_or_new_uidvalidity_doubles_and_deletes_nothing(steps, loss, side, kinds, many):
    async def tell() -> None:
        async with memory_ledger() as ledger, memory_ledger() as fresh:
            story = Story(MemoryWorld(ledger, kinds=kinds))
            for step in steps:
                await story.play(*step)
            await story.world.sync()
            before = story.world.bodies(LOCAL)
            if loss in ("ledger", "both"):
                story.world.ledger = fresh
            if loss in ("uidvalidity", "both"):
                story.world.side(side).renumber("2")
            stores, reads = story.bodies_moved()
            await story.check()
            assert story.world.bodies(LOCAL) == story.world.bodies(REMOTE) == before
            assert story.bodies_moved()[0] == stores, "bodies moved"
            if not any(DRAFT in held.flags for each in Side for held in story.world.side(each).messages.values()):
                assert story.bodies_moved()[1] == reads, "bodies were read to compare what headers had told"

    with patch.object(matching, "MANY", many):
        asyncio.run(tell())
