"""Whenever a watch is cancelled or wanted: no worker gets a session that idles or is told of other mailboxes."""

import asyncio
import random
from contextlib import suppress

import pytest
from tests.fakes.watching import Told

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import PostboatError
from postboat.imap.dial import connect
from postboat.imap.pool import Pool
from postboat.imap.watch import ServerWatch

PUSHES = {"notify": b"IDLE UNSELECT NOTIFY", "idle": b"IDLE UNSELECT", "poll": b"UNSELECT"}


class Server:
    """Grants everything; notes what is said to it while it idles or notifies.

    A NOOP is no worker's: it is asked for a sign of life when another connection was lost. Workers select first.
    """

    def __init__(self, chance, pushes):
        self.chance, self.pushes = chance, pushes
        self.wrong = []
        self.open = 0

    async def serve(self, reader, writer):
        self.open += 1
        is_told = False
        with suppress(ConnectionError):
            writer.write(b"* PREAUTH [CAPABILITY IMAP4rev1 %b] hello\r\n" % self.pushes)
            while line := await reader.readline():
                tag, _, rest = line.strip().partition(b" ")
                if self.chance.random() < 0.03:
                    break
                if rest.startswith(b"NOTIFY"):
                    is_told = b"SET" in rest
                elif is_told and rest.split(b" ")[0] not in (b"IDLE", b"LOGOUT", b"NOOP"):
                    self.wrong.append(rest)
                if rest == b"IDLE":
                    await self.idle(reader, writer)
                writer.write(b"* STATUS A (UNSEEN 1)\r\n" if is_told else b"")
                writer.write(tag + b" OK done\r\n")
        writer.close()
        self.open -= 1

    async def idle(self, reader, writer):
        writer.write(b"+ idling\r\n* 3 EXISTS\r\n")
        line = await reader.readline()
        if line not in (b"DONE\r\n", b""):
            self.wrong.append(line)

    async def pause(self):
        await asyncio.sleep(self.chance.choice((0, 0, 0.001, 0.002, 0.005)))


async def work(server, pool):
    with suppress(PostboatError):
        async with pool.session() as session:
            await session.select("Work")
            await server.pause()
            await session.noop()


async def watch(pool, told):
    with suppress(PostboatError):
        await ServerWatch(pool, ["INBOX", "Sent"], told, calm=0.001).run()


async def storm(server, pool, told):
    """Watches that are cancelled one after the other, and work beside them."""
    for _ in range(6):
        watching = asyncio.create_task(watch(pool, told))
        workers = [asyncio.create_task(work(server, pool)) for _ in range(server.chance.randint(0, 3))]
        await server.pause()
        if workers and server.chance.random() < 0.3:
            workers[0].cancel()
        await server.pause()
        if server.chance.random() < 0.2:
            pool.cut("asleep")
        watching.cancel()
        await asyncio.wait([watching, *workers])
        assert watching.cancelled() or watching.exception() is None


@pytest.mark.parametrize("pushes", PUSHES)
@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_watch_leaves_nothing_behind_whenever_it_ends(pushes, size):
    async def password(_):
        return "me", Secret("pw")

    told = Told()
    for seed in range(6):
        server = Server(random.Random(seed), PUSHES[pushes])
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        where = {"remotehost": "127.0.0.1", "remoteport": listening.sockets[0].getsockname()[1], "remoteuser": "me"}
        remote = ServerConfig(name="r", ssl=False, starttls=False, timeout=5, **where)
        pool = Pool(lambda remote=remote: connect(remote, password), size)
        before = asyncio.all_tasks()
        async with asyncio.timeout(20):
            await storm(server, pool, told)
            server.chance.random = lambda: 1.0
            gate = asyncio.Barrier(pool.size)
            await asyncio.gather(*(hold(pool, gate) for _ in range(pool.size)))
            await pool.close()
            while server.open:
                await asyncio.sleep(0.001)
        listening.close()
        assert not server.wrong
        assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()
    assert any(what[0] == pushes for what in told.all if isinstance(what, tuple))


async def hold(pool, gate):
    """Every slot can be had at the same time."""
    async with pool.session() as session:
        await session.select("Work")
        await gate.wait()
