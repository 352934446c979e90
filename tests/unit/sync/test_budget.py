"""The memory that transfers hold stays within its bound, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from postboat.sync.budget import Budget


async def begun(*tasks: asyncio.Task[None]) -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def hold(budget: Budget, octets: int, holding: list[int], end: asyncio.Event) -> None:
    async with budget.lent(octets):
        holding.append(octets)
        await end.wait()


async def test_who_asks_for_more_than_is_free_waits_and_is_served_in_turn():
    budget, holding, ends = Budget(10), [], [asyncio.Event() for _ in range(3)]
    tasks = [asyncio.create_task(hold(budget, size, holding, end)) for size, end in zip((6, 5, 1), ends, strict=True)]
    await begun()
    assert holding == [6]  # the small one does not overtake
    ends[0].set()
    await begun()
    assert holding == [6, 5, 1]
    for end in ends:
        end.set()
    await asyncio.gather(*tasks)


async def test_one_that_is_larger_than_the_whole_gets_all_of_it():
    budget = Budget(10)
    async with budget.lent(1000):
        pass
    async with asyncio.timeout(1), budget.lent(10):
        pass


@pytest.mark.parametrize("served", [False, True])
async def test_one_that_is_cancelled_takes_nothing_with_it(served):
    budget, holding, end = Budget(10), [], asyncio.Event()
    first = asyncio.create_task(hold(budget, 10, holding, end))
    await begun()
    second = asyncio.create_task(hold(budget, 10, holding, asyncio.Event()))
    await begun()
    if served:
        end.set()
        await first
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    end.set()
    await first
    async with asyncio.timeout(1), budget.lent(10):
        pass


async def test_many_that_are_cancelled_at_once_leave_the_rest_as_it_was():
    budget, holding, end = Budget(10), [], asyncio.Event()
    first = asyncio.create_task(hold(budget, 10, holding, end))
    await begun()
    others = [asyncio.create_task(hold(budget, size, holding, end)) for size in (4, 4, 4, 10)]
    await begun()
    for task in (first, *others[:3]):
        task.cancel()
    outcomes = await asyncio.gather(first, *others[:3], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
    await begun()
    assert holding == [10, 10]
    end.set()
    await others[3]
    async with asyncio.timeout(1), budget.lent(10):
        pass
