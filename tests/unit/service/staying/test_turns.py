"""Who syncs when."""

from __future__ import annotations

import asyncio

from postboat.service.staying.turns import Turns


async def _syncs(turns: Turns, begun: asyncio.Event, over: asyncio.Event) -> None:
    with turns.work():
        async with turns.slot():
            begun.set()
            await over.wait()


async def _at_once() -> None:
    """Nobody else is at work on the account."""


class Account:
    """One that wants to sync."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self.turns, self.begun, self.over = Turns(slots, _at_once), asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(_syncs(self.turns, self.begun, self.over))


async def passed() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_waits_for_others_to_end_is_at_rest():
    slots = asyncio.Semaphore(1)
    first, second = Account(slots), Account(slots)
    await first.begun.wait()
    await passed()
    assert not first.turns.at_rest.is_set() and second.turns.at_rest.is_set()
    first.over.set()
    await second.begun.wait()
    assert first.turns.at_rest.is_set() and not second.turns.at_rest.is_set()
    second.over.set()
    await asyncio.gather(first.task, second.task)


async def test_nothing_begins_while_the_machine_prepares_for_its_sleep():
    slots = asyncio.Semaphore(1)
    first, second = Account(slots), Account(slots)
    await first.begun.wait()
    second.turns.awake.clear()
    first.over.set()
    await first.task
    await passed()
    assert second.turns.at_rest.is_set() and not second.begun.is_set()
    assert not slots.locked(), "others may have it"
    second.turns.awake.set()
    await second.begun.wait()
    second.over.set()
    await second.task


async def test_one_that_is_cancelled_keeps_no_slot():
    slots = asyncio.Semaphore(1)
    accounts = [Account(slots) for _ in range(3)]
    accounts[2].turns.awake.clear()
    await accounts[0].begun.wait()
    await passed()
    accounts[1].task.cancel()
    accounts[0].over.set()
    await passed()
    accounts[2].task.cancel()
    await asyncio.wait([account.task for account in accounts])
    assert not slots.locked()
    assert all(account.turns.at_rest.is_set() for account in accounts)
