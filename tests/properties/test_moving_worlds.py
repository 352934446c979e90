"""Random stories of several folders: messages arrive, change, vanish and are moved on both sides, and runs die."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.memory_account import MemoryAccount
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import ALL_KINDS, Died, dying_at, message

from postboat.model import FLAGGED, SEEN, Side
from postboat.sync import relocate

if TYPE_CHECKING:
    from tests.fakes.memory_world import Kinds

FOLDERS = ("A", "B", "C")
sides = st.sampled_from(list(Side))
folders = st.sampled_from(FOLDERS)
steps = st.one_of(
    st.tuples(st.just("arrive"), sides, folders),
    st.tuples(st.just("remove"), sides, folders, st.integers(0, 9)),
    st.tuples(st.just("flag"), sides, folders, st.integers(0, 9), st.sampled_from([SEEN, FLAGGED])),
    st.tuples(st.just("move"), sides, folders, folders, st.integers(0, 9), st.booleans()),
    st.tuples(st.just("sync")),
    st.tuples(st.just("die"), st.integers(0, 60)),
)


class Story:
    """An account under way, and what its users have done to it."""

    def __init__(self, account: MemoryAccount) -> None:
        self.account = account
        self.number = 0
        self.removed: set[int] = set()

    def numbers(self, side: Side) -> Counter[int]:
        found: Counter[int] = Counter()
        for (_, wire), count in self.account.bodies(side).items():
            found[int(wire.split(b"<")[1].split(b"@")[0])] += count
        return found

    async def step(self, step: tuple) -> None:
        match step:
            case ("arrive", side, name):
                self.number += 1
                self.account.side(name, side).put(message(self.number))
            case ("sync",):
                await self.account.sync()
            case ("die", point):
                try:
                    await self.account.sync(dying_at(point))
                except Died:
                    pass
            case (_, side, name, *_rest) if self.account.side(name, side).messages:
                self.change(step)

    def change(self, step: tuple) -> None:
        side, name = step[1], step[2]
        replica = self.account.side(name, side)
        match step:
            case ("remove", _, _, index):
                key = self._pick(replica.messages, index)
                self.removed.add(int(replica.messages[key].wire.split(b"<")[1].split(b"@")[0]))
                replica.remove(key)
            case ("flag", _, _, index, flag):
                key = self._pick(replica.messages, index)
                replica.set_flags(key, replica.messages[key].flags ^ {flag})
            case ("move", _, _, target, index, copied) if target != name:
                self.account.move(side, name, target, self._pick(replica.messages, index), copied=copied)

    @staticmethod
    def _pick(messages: dict, index: int) -> str:
        keys = sorted(messages)
        return keys[index % len(keys)]


@settings(max_examples=180, deadline=None)
@given(st.lists(steps, max_size=25), st.sampled_from(ALL_KINDS), st.sampled_from([1, relocate.MANY]))
def test_any_story_of_moves_ends_in_step_with_nothing_lost(story, kinds, many):
    with patch.object(relocate, "MANY", many):
        asyncio.run(_tell(story, kinds))


async def _tell(told: list[tuple], kinds: Kinds) -> None:
    async with memory_ledger() as ledger:
        story = Story(MemoryAccount(ledger, *FOLDERS, kinds=kinds))
        for step in told:
            await story.step(step)
        for _ in range(3):
            await story.account.sync()
        story.account.assert_in_step()
        await story.account.assert_at_rest()
        there = story.numbers(Side.REMOTE)
        assert there == story.numbers(Side.LOCAL)
        assert set(range(1, story.number + 1)) - story.removed <= set(there), "nothing that nobody removed is lost"
