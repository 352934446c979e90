"""Random losses under the guard: without the user's word never more goes than may, and his word is always done."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.memory_account import MemoryAccount
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import ALL_KINDS, Died, dying_at, message

from postboat.model import FLAGGED, Limits, Side, Verdict

FOLDERS = ("A", "B", "Trash")
LIMITS = Limits(account=8, folder=4, share=25, whole=3)
sides, folders = st.sampled_from(list(Side)), st.sampled_from(FOLDERS)
kinds = st.sampled_from(ALL_KINDS)
sizes = st.tuples(*(st.integers(0, 16) for _ in FOLDERS))
losses = st.tuples(st.just("lose"), sides, folders, st.integers(0, 16))
steps = st.one_of(
    losses,
    losses,
    st.tuples(st.just("arrive"), sides, folders, st.integers(1, 12)),
    st.tuples(st.just("flag"), sides, folders, st.integers(0, 16)),
    st.tuples(st.just("move"), sides, folders, folders),
    st.tuples(st.just("sync")),
    st.tuples(st.just("die"), st.integers(0, 40)),
)
worlds = settings(max_examples=120, deadline=None)


class Story:
    """An account of three folders, one of which is exempt."""

    def __init__(self, account: MemoryAccount) -> None:
        self.account = account
        account.limits, account.exempt = LIMITS, {"Trash"}
        self.number = 0

    async def begin(self, counts: tuple[int, ...]) -> None:
        for name, count in zip(FOLDERS, counts, strict=True):
            self.arrive(Side.REMOTE, name, count)
        await self.account.sync()

    def arrive(self, side: Side, name: str, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.account.side(name, side).put(message(self.number))

    async def play(self, step: tuple) -> None:
        match step:
            case ("sync",):
                await self.sync()
            case ("die", point):
                try:
                    await self.account.sync(dying_at(point))
                except Died:
                    pass
            case ("arrive", side, name, count):
                self.arrive(side, name, count)
            case ("lose", side, name, count):
                replica = self.account.side(name, side)
                for key in list(replica.messages)[:count]:
                    replica.remove(key)
            case ("flag", side, name, index) if held := self.account.side(name, side).messages:
                key = sorted(held)[index % len(held)]
                self.account.side(name, side).set_flags(key, held[key].flags ^ {FLAGGED})
            case ("move", side, name, target) if target != name and (held := self.account.side(name, side).messages):
                self.account.move(side, name, target, next(iter(held)))

    def everything(self) -> Counter[bytes]:
        """All messages by where they are: the greater number of both sides in each folder, added up."""
        remote, local = (self.account.bodies(side) for side in Side)
        return remote | local

    async def waiting(self) -> set[bytes]:
        """The messages whose deletion was held by the run before."""
        found: set[bytes] = set()
        for remote, _, held in await self.account.ledger.holds():
            pairings = await self.account.ledger.folder(remote, remote).pairings(Side.REMOTE, held.keys)
            messages = self.account.side(str(remote), held.on).messages
            found |= {messages[key].wire for p in pairings.values() if (key := p.key(held.on)) in messages}
        return found

    async def sync(self) -> None:
        """A run: what neither side holds any more afterwards was deleted by it, and that is within the limits."""
        before, waiting = self.everything(), await self.waiting()
        sizes_before = {name: max(len(r.messages) for r in self.account.folders[name].values()) for name in FOLDERS}
        await self.account.sync()
        after = {wire for _, wire in self.everything()}
        assert waiting <= after, "what was held stays until the user has spoken"
        lost = Counter(name for name, wire in before if wire not in after and name != "Trash")
        assert lost.total() <= LIMITS.account
        for name, count in lost.items():
            assert count <= LIMITS.folder or 100 * count <= LIMITS.share * (sizes_before[name] + count)
            if count >= LIMITS.whole:
                assert any(replica.messages for replica in self.account.folders[name].values()), "emptied"

    async def answer(self, verdict: Verdict) -> None:
        """Let the user speak until nothing is held any more."""
        for _ in range(4):
            await self.account.sync()
            if not await self.account.ledger.decide(verdict):
                break
            await self.account.sync()
        assert not await self.account.ledger.holds()
        await self.account.sync()
        self.account.assert_in_step()
        await self.account.assert_at_rest()


def tell(counts, told, kinds, verdict: Verdict | None = None) -> None:
    async def go() -> None:
        async with memory_ledger() as ledger:
            story = Story(MemoryAccount(ledger, *FOLDERS, kinds=kinds))
            await story.begin(counts)
            for step in told:
                await story.play(step)
            await story.sync()
            if verdict is None:
                await story.account.assert_at_rest()
                return
            before = {wire for _, wire in story.everything()}
            await story.answer(verdict)
            if verdict is Verdict.RESTORE:
                assert {wire for _, wire in story.everything()} == before, "everything is back"

    asyncio.run(go())


@worlds
@given(sizes, st.lists(steps, max_size=12), kinds)
def test_no_run_deletes_more_than_the_limits_allow(counts, told, kinds):
    tell(counts, told, kinds)


@worlds
@given(sizes, st.lists(steps, max_size=12), kinds)
def test_once_confirmed_both_sides_are_the_same(counts, told, kinds):
    tell(counts, told, kinds, Verdict.CONFIRMED)


@worlds
@given(sizes, st.lists(steps, max_size=12), kinds)
def test_once_wanted_back_everything_is_back_on_both_sides(counts, told, kinds):
    tell(counts, told, kinds, Verdict.RESTORE)
