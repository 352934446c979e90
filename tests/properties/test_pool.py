"""Whatever is cancelled or fails when: no slot and no session is lost, and the bound is never exceeded."""

import asyncio
import random
from contextlib import suppress

import pytest

from postboat.errors import ConnectionLost, FolderError, ServerUnreachable
from postboat.imap.auth import TooManyConnections
from postboat.imap.pool import Pool


class World:
    """A server that counts its connections, and the chances of what goes wrong."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.size = self.chance.randint(1, 5)
        self.allowed = self.chance.randint(1, 5)
        self.open = 0
        self.opening = 0
        self.most = 0

    async def pause(self):
        for _ in range(self.chance.randint(0, 3)):
            await asyncio.sleep(0)

    async def connect(self):
        self.opening += 1
        self.most = max(self.most, self.open + self.opening)
        try:
            await self.pause()
            if self.chance.random() < 0.1:
                raise self.chance.choice((ConnectionLost, ServerUnreachable))("cut")
            if self.open >= self.allowed:
                raise TooManyConnections("too many")
            self.open += 1
        finally:
            self.opening -= 1
        return Session(self)


class Session:
    def __init__(self, world):
        self.is_one_too_many = False
        self.world, self.alive = world, True
        self.mailbox, self.depth = None, world.chance.randint(1, 4)
        self.octets = 0, 0
        self.alone = False
        self.readers = self.unanswered = 0

    @property
    def busy(self):
        return self.unanswered > 0

    def obey(self, patience):
        pass

    def abort(self, why=""):
        assert self.alive
        self.alive = False
        self.world.open -= 1

    def doubt(self, within):
        pass

    async def noop(self):
        await self.command()

    async def logout(self):
        await self.world.pause()

    async def command(self):
        if not self.alive:
            raise ConnectionLost("cut")
        self.mailbox = self.world.chance.choice("AB")
        self.unanswered += 1
        await self.world.pause()
        if not self.alive or self.world.chance.random() < 0.15:
            self.is_one_too_many = self.world.chance.random() < 0.3
            raise ConnectionLost("cut")
        self.unanswered -= 1
        if self.world.chance.random() < 0.1:
            raise FolderError("no")


async def borrow(world, pool, served):
    async with pool.session(world.chance.choice("ABC")) as session:
        assert session.alive and not session.busy and not session.alone and not session.readers
        session.alone = True
        try:
            await session.command()
            await session.command()
            served.append("alone")
        finally:
            session.alone = False


async def read(world, pool, served):
    async with pool.reading(world.chance.choice("ABC")) as session:
        assert session.alive and not session.alone and session.readers < session.depth
        session.readers += 1
        try:
            await session.command()
            await session.command()
            served.append("shared" if session.readers > 1 else "read")
        finally:
            session.readers -= 1


async def watch(world, pool, served):
    async with pool.watching() as (session, wanted):
        assert session.alive and not session.busy and not session.alone and not session.readers
        session.alone = True
        try:
            await session.command()
            if world.chance.random() < 0.7:
                await wanted.wait()
                served.append("yielded")
            await session.command()
        finally:
            session.alone = False


async def keep(world, pool, _served):
    await world.chance.choice((pool.probe, pool.release))()
    if world.chance.random() < 0.3:
        pool.renew()
    if world.chance.random() < 0.3:
        pool.cut("asleep")


async def use(one, world, pool, served):
    with suppress(ConnectionLost, FolderError, ServerUnreachable, TooManyConnections):
        await one(world, pool, served)


@pytest.mark.parametrize("block", range(10))
async def test_no_slot_and_no_session_is_lost_in_a_storm_of_failures_and_cancellations(block):
    served = []
    for seed in range(block * 30, block * 30 + 30):
        world = World(seed)
        pool = Pool(world.connect, world.size)
        uses = [watch, watch, *world.chance.choices((borrow, read, read, read, watch, keep), k=40)]
        async with asyncio.timeout(20):
            tasks = [asyncio.create_task(use(one, world, pool, served)) for one in uses]
            while not all(task.done() for task in tasks):
                await world.pause()
                await asyncio.sleep(0)
                if world.chance.random() < 0.3:
                    world.chance.choice(tasks).cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            await everything_is_still_there(world, pool)
    assert min(map(served.count, ("alone", "shared", "read"))) > 30
    assert served.count("yielded")


async def everything_is_still_there(world, pool):
    assert world.most <= world.size
    assert pool.most_open <= world.size
    assert world.open == pool.open_now <= pool.size
    assert 1 <= pool.size <= world.size
    world.chance, left = random.Random(1), pool.size
    world.chance.random = lambda: 1.0
    world.allowed = 100
    gate = asyncio.Barrier(left)

    async def hold():
        async with pool.session():
            await gate.wait()

    await asyncio.gather(*(hold() for _ in range(left)))
    assert world.open == pool.open_now == left
    await pool.close()
    assert world.open == pool.open_now == 0
