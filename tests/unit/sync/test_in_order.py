"""Copies to a server arrive in the order in which the other side has them, though several batches are under way."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import SERVER_AND_MAILDIR, TWO_SERVERS, MemoryWorld, message

from postboat.ledger.ledger import FolderLedger
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
        await turn.come()
        put.append(item)

    await each_in_turn(range(3), carry, width=3)
    assert taken == put == [0, 1, 2]


async def test_one_that_puts_nothing_down_lets_nobody_overtake_the_one_before():
    put: list[int] = []
    late = asyncio.Event()

    async def carry(item, turn):
        if item == 0:
            await late.wait()
        if item != 1:
            await turn.come()
            put.append(item)

    async def let_go():
        for _ in range(10):
            await asyncio.sleep(0)
        late.set()

    await asyncio.gather(each_in_turn(range(4), carry, width=4), let_go())
    assert put == [0, 2, 3]


async def test_the_next_is_put_down_while_the_one_before_still_has_something_else_to_do():
    next_is_down = asyncio.Event()

    async def carry(item, turn):
        await turn.come()
        if item == 0:
            turn.pass_on()
            await next_is_down.wait()
        else:
            next_is_down.set()

    async with asyncio.timeout(5):
        await each_in_turn(range(2), carry, width=2)


async def test_one_that_fails_ends_those_that_wait_for_it():
    put: list[int] = []

    async def carry(item, turn):
        await turn.come()
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


@pytest.mark.parametrize("kinds", [SERVER_AND_MAILDIR, TWO_SERVERS], ids=["to a server", "between servers"])
async def test_a_batch_is_stored_while_the_one_before_is_being_recorded(kinds, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 1)
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, kinds=kinds)
        for number in range(2):
            world.local.put(message(number))
        record, store, both_stored = FolderLedger.record, type(world.remote).store, asyncio.Event()

        async def store_slowly(self, contents, tokens):
            stored = await store(self, contents, tokens)
            if len(world.remote.messages) == 2:
                both_stored.set()
            return stored

        async def record_late(self, *args, **what):
            if what.get("pairings"):
                await both_stored.wait()
            return await record(self, *args, **what)

        monkeypatch.setattr(FolderLedger, "record", record_late)
        monkeypatch.setattr(type(world.remote), "store", store_slowly)
        async with asyncio.timeout(5):
            await world.sync()
