"""Copies to a server arrive in the order in which the other side has them, though several batches are under way."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import SERVER_AND_MAILDIR, TWO_SERVERS, MemoryWorld, message

from postboat.sync import batches
from postboat.sync.in_order import each_in_turn


async def test_things_are_taken_up_at_once_and_put_down_in_order():
    taken: list[int] = []
    put: list[int] = []
    all_taken = asyncio.Event()

    async def carry(item, turn):
        taken.append(item)
        if len(taken) == 3:
            all_taken.set()
        await all_taken.wait()
        for _ in range(3 - item):  # later ones are ready first
            await asyncio.sleep(0)
        await turn()
        put.append(item)

    await each_in_turn(range(3), carry, width=3)
    assert taken == put == [0, 1, 2]


async def test_one_that_fails_ends_those_that_wait_for_it():
    put: list[int] = []

    async def carry(item, turn):
        await turn()
        if item == 1:
            raise ValueError("refused")
        put.append(item)
        await asyncio.sleep(0)

    with pytest.raises(ValueError, match="refused"):
        await each_in_turn(range(5), carry, width=4)
    assert put[0] == 0 and 1 not in put


@pytest.mark.parametrize("kinds", [SERVER_AND_MAILDIR, TWO_SERVERS], ids=["to a server", "between servers"])
async def test_a_server_gets_messages_in_the_order_of_the_other_side_however_many_batches_they_take(kinds, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 7)
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, kinds=kinds)
        for number in range(60):
            world.local.put(message(number))
        await world.sync()
        names = [m.wire for _, m in sorted(world.remote.messages.items(), key=lambda item: int(item[0]))]
        own = [m.wire for _, m in sorted(world.local.messages.items(), key=lambda item: (len(item[0]), item[0]))]
        assert names == own
