"""Die at every effect, look and commit of an account's whole story, and during the recovery too.

The story has two runs. In the first there are copies both ways, flags, deletions on both sides, moves of every kind, a folder that
is new, a message that the server refuses and deletions that look like an accident. In the second the user has
confirmed them, or wants the messages back, and the refused message is tried again. Whoever dies in either, and again in
the next, comes to what an unharmed account comes to: nothing lost, nothing doubled.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.crash.trials import ALL, SEED, parts, points_of
from tests.crash.voyages import told
from tests.fakes.memory_account import MemoryAccount
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_replica import Fuse
from tests.fakes.memory_world import Died, dying_at, message

from postboat.model import ANSWERED, FLAGGED, SEEN, Limits, Side, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.ledger.ledger import AccountLedger

REMOTE, LOCAL = Side
REFUSED = message(60)
LISTS = range(100, 106)
ONCE, TWICE = parts(8, whole=8), parts(8, whole=16)
SECONDS = 12 if ALL else 3
"""Points of the recovery at which each run dies again."""

State = tuple[object, ...]


@dataclass
class Story:
    """An account in the middle of its story."""

    account: MemoryAccount

    @classmethod
    async def begin(cls, ledger: AccountLedger) -> Story:
        """Both sides agree on some mail, then both users are busy."""
        account = MemoryAccount(ledger, "INBOX", "Archive", "Lists")
        account.limits = Limits()
        for number in range(1, 13):
            account.side("INBOX", REMOTE).put(message(number))
        for number in LISTS:
            account.side("Lists", REMOTE).put(message(number))
        account.side("Archive", REMOTE).put(message(50))
        await account.sync()
        story = cls(account)
        story._change_inbox()
        story._move()
        for number in LISTS:
            account.side("Lists", LOCAL).remove(story.key("Lists", LOCAL, number))
        account.add("New")
        account.side("New", REMOTE).put(message(70))
        account.side("New", LOCAL).put(message(71))
        return story

    def key(self, folder: str, side: Side, number: int) -> str:
        """What a side calls a message."""
        held = self.account.side(folder, side).messages
        return next(key for key, one in held.items() if one.wire == message(number))

    def _change_inbox(self) -> None:
        remote, local = (self.account.side("INBOX", side) for side in (REMOTE, LOCAL))
        for number in (20, 21):
            remote.put(message(number), {SEEN})
            local.put(message(number + 10), {FLAGGED})
        for side in (remote, local):
            side.put(message(40))
        local.put(REFUSED)
        remote.refuse_store, remote.full = lambda wire: "too large" if wire == REFUSED else None, True
        remote.remove(self.key("INBOX", REMOTE, 1))
        local.remove(self.key("INBOX", LOCAL, 2))
        remote.set_flags(self.key("INBOX", REMOTE, 3), {SEEN})
        local.set_flags(self.key("INBOX", LOCAL, 4), {ANSWERED})
        local.remove(self.key("INBOX", LOCAL, 5))
        remote.set_flags(self.key("INBOX", REMOTE, 5), {FLAGGED})  # the change wins

    def _move(self) -> None:
        for number, side, copied in ((6, REMOTE, False), (7, LOCAL, False), (8, LOCAL, True), (9, REMOTE, True)):
            self.account.move(side, "INBOX", "Archive", self.key("INBOX", side, number), copied=copied)

    async def answer(self, verdict: Verdict) -> None:
        """The user says what is to become of what is held, and the server takes everything now."""
        assert await self.account.ledger.decide(verdict)
        self.account.side("INBOX", REMOTE).refuse_store = lambda wire: None
        self.account.retry = True

    async def sync(self, fuse: Callable[[str], None] | None = None) -> bool:
        """One run; whether it came to its end."""
        try:
            await self.account.sync(*([fuse] if fuse else []))
        except Died:
            return False
        return True

    async def state(self) -> State:
        """All that matters: what lies where under which flags, what is held and what is put aside."""
        sides = {
            (name, side): replica.contents()
            for name, both in self.account.folders.items()
            for side, replica in both.items()
        }
        held = [(remote, one.on, one.suspicion, one.count) for remote, _, one in await self.account.ledger.holds()]
        return sides, held


async def first(ledger: AccountLedger) -> Story:
    return await Story.begin(ledger)


def second(verdict: Verdict) -> Callable[[AccountLedger], object]:
    async def begin(ledger: AccountLedger) -> Story:
        story = await Story.begin(ledger)
        assert await story.sync()
        await story.answer(verdict)
        return story

    return begin


RUNS = {"busy": first, "confirmed": second(Verdict.CONFIRMED), "restored": second(Verdict.RESTORE)}


async def unharmed(begin) -> tuple[State, int]:
    async with memory_ledger() as ledger:
        story, fuse = await begin(ledger), Fuse()
        assert await story.sync(fuse)
        state = await story.state()
        await story.account.assert_at_rest()
        return state, len(fuse.points)


async def test_the_story_holds_and_puts_aside_what_it_is_to():
    (sides, held), points = await unharmed(first)
    assert points > 100
    assert [(suspicion.value, count) for _, _, suspicion, count in held] == [("emptied", 6)]
    assert len(sides["Lists", REMOTE]) == 6 and not sides["Lists", LOCAL]
    inbox = {wire for wire, _ in sides["INBOX", LOCAL]}
    assert inbox - {wire for wire, _ in sides["INBOX", REMOTE]} == {REFUSED}
    archive = sorted(message(number) for number in (6, 7, 8, 9, 50))
    assert sorted(wire for wire, _ in sides["Archive", REMOTE]) == archive
    assert sorted(wire for wire, _ in sides["Archive", LOCAL]) == archive
    assert not inbox & {message(number) for number in (1, 2, 6, 7, 8, 9)} and message(5) in inbox


@pytest.mark.parametrize(("verdict", "left"), [(Verdict.CONFIRMED, 0), (Verdict.RESTORE, 6)])
async def test_the_story_ends_as_the_user_says(verdict, left):
    (sides, held), _ = await unharmed(second(verdict))
    assert not held
    for folder in ("INBOX", "Archive", "Lists", "New"):
        assert sides[folder, REMOTE] == sides[folder, LOCAL]
    assert len(sides["Lists", LOCAL]) == left
    assert REFUSED in {wire for wire, _ in sides["INBOX", REMOTE]}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("part", ONCE)
async def test_dying_anywhere_gives_what_the_unharmed_run_gives(run, part, tried):
    state, points = await unharmed(RUNS[run])
    for point in range(part, points, len(ONCE)):
        with told(f"died at point {point} of {points}"):
            async with memory_ledger() as ledger:
                story = await RUNS[run](ledger)
                await story.sync(dying_at(point))
                assert await story.sync()
                assert await story.state() == state
                await story.account.assert_at_rest()
        tried("effects and commits died at", 1)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("part", TWICE)
async def test_dying_in_the_recovery_too_gives_what_the_unharmed_run_gives(run, part, tried):
    state, points = await unharmed(RUNS[run])
    chosen = points_of(part, TWICE, points) if ALL else range(part, points, 3 * len(TWICE))
    for point in chosen:
        chance = random.Random(f"{SEED} {point}")
        for again in chance.sample(range(points), SECONDS):
            with told(f"died at point {point} of {points}, then at {again}"):
                async with memory_ledger() as ledger:
                    story = await RUNS[run](ledger)
                    await story.sync(dying_at(point))
                    await story.sync(dying_at(again))
                    assert await story.sync()
                    assert await story.state() == state
            tried("effects and commits died at twice", 1)
