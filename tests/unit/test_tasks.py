"""Children end before their parent goes on, a failure is raised as it is, and a cancellation stays one."""

from __future__ import annotations

import asyncio

import pytest

from postboat.tasks import each, together


async def test_items_are_worked_on_in_order_and_never_more_than_the_width_at_once():
    begun, now, most = [], 0, 0

    async def work(item: int) -> None:
        nonlocal now, most
        begun.append(item)
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await each(range(10), work, width=3)
    assert begun == list(range(10)) and most == 3


async def test_a_failure_is_raised_as_it_is_and_the_others_are_cancelled_first():
    ended = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await together(waits(), fails())
    assert ended == ["waits"]


async def test_a_cancellation_stays_one_though_a_child_fails_on_the_way_out():
    started = asyncio.Event()

    async def stumbles(_item: int) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("while it was cancelled")

    task = asyncio.create_task(each([1, 2], stumbles, width=2))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
