"""What a pool does in a run that goes on: lends to watchers, keeps alive, finds out what is lost, begins anew."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from tests.unit.imap.test_pool import Borrower, Server, borrow, settle

from postboat.errors import AccountError, CommandFailed, ConnectionLost, ServerUnreachable, SignInRefused
from postboat.imap import pool as pools
from postboat.imap.auth import TooManyConnections
from postboat.imap.pool import Pool
from postboat.imap.watchdog import PROMPT
from postboat.imap.wire.responses import Condition


class Watcher:
    """Keeps a session until it is told to go."""

    def __init__(self, pool):
        self.session, self.wanted = None, None
        self._go = asyncio.Event()
        self._task = asyncio.create_task(self._watch(pool))

    async def _watch(self, pool):
        async with pool.watching() as (self.session, self.wanted):
            await self._go.wait()

    async def leaves(self):
        self._go.set()
        await self._task

    async def is_cancelled(self):
        self._task.cancel()
        await asyncio.wait([self._task])


class Clock:
    """Puts the loop's clock forward."""

    def __init__(self, monkeypatch):
        loop = asyncio.get_running_loop()
        self.ahead, time = 0.0, loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + self.ahead)


@pytest.fixture
async def clock(monkeypatch):
    return Clock(monkeypatch)


@asynccontextmanager
async def resting(pool, count):
    """So many sessions that rest."""
    borrowers = [Borrower(pool.session()) for _ in range(count)]
    await settle()
    for each in borrowers:
        await each.leaves()
    yield [each.session for each in borrowers]


# Watchers


async def test_a_watcher_is_never_asked_to_yield_while_another_session_is_to_be_had():
    pool = Pool(Server().connect, 2)
    watcher = Watcher(pool)
    await settle()
    late = [Borrower(pool.session()) for _ in range(3)]
    await settle()
    assert late[0].session is not None and late[1].session is None
    assert not watcher.wanted.is_set()
    for each in late:
        await each.leaves()
    await watcher.leaves()


async def test_the_only_session_is_wanted_from_its_watcher_by_whoever_comes():
    server = Server()
    pool = Pool(server.connect, 1)
    watcher = Watcher(pool)
    await settle()
    assert not watcher.wanted.is_set()
    worker = Borrower(pool.session())
    await settle()
    assert watcher.wanted.is_set() and worker.session is None
    await watcher.leaves()
    await settle()
    assert worker.session is watcher.session
    await worker.leaves()
    assert server.asked == 1


async def test_a_watcher_comes_back_when_nobody_waits_any_more():
    pool = Pool(Server().connect, 1)
    workers = [Borrower(pool.session()) for _ in range(2)]
    watcher = Watcher(pool)
    workers.append(Borrower(pool.session()))
    await settle()
    for worker in workers:
        assert watcher.session is None
        await worker.leaves()
    await settle()
    assert watcher.session is not None
    await watcher.leaves()


async def test_watchers_leave_one_slot_to_the_others():
    pool = Pool(Server().connect, 3)
    watchers = [Watcher(pool) for _ in range(3)]
    await settle()
    assert [watcher.session is None for watcher in watchers] == [False, False, True]
    assert (await borrow(pool)).alive
    await watchers[0].leaves()
    await settle()
    assert watchers[2].session is not None
    for watcher in watchers[1:]:
        await watcher.leaves()


async def test_of_several_watchers_only_the_last_yields_when_the_server_allows_fewer():
    pool = Pool(Server(None, None, TooManyConnections("limit")).connect, 3)
    watchers = [Watcher(pool) for _ in range(2)]
    await settle()
    worker = Borrower(pool.session())
    await settle()
    assert pool.size == 2
    assert [watcher.wanted.is_set() for watcher in watchers] == [False, True]
    await watchers[1].leaves()
    await settle()
    assert worker.session is watchers[1].session
    assert not watchers[0].wanted.is_set()
    out = Watcher(pool)
    await worker.leaves()
    await settle()
    assert out.session is None, "the one slot left is for work"
    await out.is_cancelled()
    await watchers[0].leaves()


async def test_a_slot_that_the_server_ends_under_a_worker_makes_a_watcher_yield_to_the_next():
    pool = Pool(Server().connect, 2)
    watcher, worker = Watcher(pool), Borrower(pool.session())
    await settle()
    late = Borrower(pool.session())
    await settle()
    worker.session.alive, worker.session.is_one_too_many = False, True
    await worker.leaves(ConnectionLost("too many"))
    await settle()
    assert pool.size == 1 and watcher.wanted.is_set()
    await watcher.leaves()
    await settle()
    assert late.session is watcher.session
    await late.leaves()


async def test_a_watcher_cancelled_while_it_waits_or_was_just_served_leaves_its_slot():
    pool = Pool(Server().connect, 1)
    worker = Borrower(pool.session())
    await settle()
    waiting, served = Watcher(pool), Watcher(pool)
    await settle()
    await waiting.is_cancelled()
    worker._go.set()
    while not pool._resting:
        await asyncio.sleep(0)
    await served.is_cancelled()
    assert (await borrow(pool)).alive


async def test_a_session_lost_under_a_watcher_is_dropped():
    pool = Pool(Server().connect, 1)
    with pytest.raises(ConnectionLost):
        async with pool.watching() as (session, _):
            raise ConnectionLost("cut")
    assert not session.alive and pool.open_now == 0
    assert (await borrow(pool)).alive


async def test_it_is_quiet_when_no_worker_used_a_session_for_a_while(clock):
    pool = Pool(Server().connect, 2)
    watcher, worker = Watcher(pool), Borrower(pool.session())
    await settle()
    quiet = asyncio.create_task(pool.quiet(0.05))
    await asyncio.sleep(0.1)
    assert not quiet.done()
    clock.ahead += 1000
    await asyncio.sleep(0.01)
    await worker.leaves()
    await settle()
    assert not quiet.done()
    await quiet
    await watcher.leaves()


# Beginning anew


async def test_a_password_refused_in_an_earlier_cycle_is_offered_again_in_the_next():
    server = Server(SignInRefused("no"), SignInRefused("no"))
    pool = Pool(server.connect, 2)
    for cycle in (1, 2):
        for _ in range(3):
            with pytest.raises(SignInRefused):
                await borrow(pool)
        assert server.asked == cycle
        pool.renew()
    assert (await borrow(pool)).alive


async def test_a_session_that_was_refused_is_tried_again_after_a_minute_and_not_before(clock):
    server = Server(None, TooManyConnections("limit"), TooManyConnections("limit"))
    pool = Pool(server.connect, 2)
    for asked in (2, 3):
        worker, late = Borrower(pool.session()), Borrower(pool.session())
        await settle()
        assert (pool.size, server.asked) == (1, asked)
        await worker.leaves()
        await late.leaves()
        pool.renew()
        assert pool.size == 1
        clock.ahead += pools.AFRESH
        pool.renew()
        assert pool.size == 2


async def test_a_server_that_wanted_too_long_a_pause_is_asked_again_in_the_next_cycle():
    server = Server()
    pool = Pool(server.connect, 1)
    pool.patience.hear("SELECT", Condition("NO", text="throttled, retry after 3000 seconds"))
    with pytest.raises(AccountError):
        await borrow(pool)
    assert not server.asked
    pool.renew()
    assert (await borrow(pool)).alive


async def test_releasing_logs_out_and_the_pool_goes_on():
    server = Server()
    pool = Pool(server.connect, 2)
    async with resting(pool, 2) as sessions:
        await pool.release()
        assert all(session.left and not session.alive for session in sessions)
        assert pool.open_now == 0
    assert (await borrow(pool)).alive
    assert server.asked == 3


async def test_no_more_sessions_are_open_than_allowed_while_some_take_their_leave():
    server = Server()
    pool = Pool(server.connect, 2)
    leaves = asyncio.Event()
    async with resting(pool, 2) as sessions:
        for session in sessions:
            session.logout = leaves.wait
        releasing = asyncio.create_task(pool.release())
        await settle()
        worker = Borrower(pool.session())
        await settle()
        assert worker.session is None and server.asked == 2
        leaves.set()
        await releasing
        await settle()
        assert worker.session is not None and pool.most_open == 2
        await worker.leaves()


# Sleep and network


async def test_a_cut_ends_sessions_at_work_at_rest_and_in_the_making():
    server = Server()
    pool = Pool(server.connect, 3)
    worker, rests = Borrower(pool.session()), Borrower(pool.session())
    await settle()
    server.gate.clear()
    caller = asyncio.create_task(borrow(pool))
    await settle()
    await rests.leaves()
    assert (server.asked, pool.open_now) == (3, 2)
    pool.cut("the machine slept")
    assert not worker.session.alive and not rests.session.alive
    assert pool.open_now == 0
    with pytest.raises(ConnectionLost):
        await asyncio.wait_for(caller, 5)
    await worker.leaves(ConnectionLost("cut"))
    server.gate.set()
    assert (await borrow(pool)).alive
    assert pool.size == 3


async def test_a_session_lent_after_a_long_rest_is_doubted_and_one_after_a_short_rest_is_not(clock):
    pool = Pool(Server().connect, 1)
    assert (await borrow(pool)).doubted == []
    clock.ahead += pools.LONG
    assert (await borrow(pool)).doubted == [PROMPT]
    assert (await borrow(pool)).doubted == [PROMPT]


async def test_a_probe_drops_resting_sessions_that_do_not_answer_and_doubts_those_at_work():
    server = Server()
    pool = Pool(server.connect, 3)
    async with resting(pool, 3) as sessions:
        worker = Borrower(pool.session())
        await settle()
        dead, live = (session for session in sessions if session is not worker.session)
        dead.answer = ConnectionLost("no answer")
        live.answer = CommandFailed("NOOP", "BAD", "what")
        await pool.probe()
        assert (worker.session.doubted, dead.alive, live.alive) == ([PROMPT], False, True)
        assert pool.open_now == 2
        await worker.leaves()


async def test_a_session_that_never_answers_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(pools, "PROMPT", 0.01)
    pool = Pool(Server().connect, 1)
    async with resting(pool, 1) as (session,):
        session.noop = asyncio.Event().wait
        await pool.probe()
        assert not session.alive


async def test_nobody_is_asked_during_a_pause_that_the_server_wants():
    pool = Pool(Server().connect, 1)
    async with resting(pool, 1) as (session,):
        session.answer = ConnectionLost("it was asked")
        pool.patience.hear("SELECT", Condition("NO", text="throttled, retry after 30 seconds"))
        await pool.probe()
        assert session.alive


async def test_resting_sessions_are_kept_alive_all_at_once_and_only_when_it_is_time():
    pool = Pool(Server().connect, 3)
    keeper = asyncio.create_task(pool.keep_alive(0.05))
    asked = asyncio.Barrier(3)
    async with resting(pool, 2) as sessions:
        for session in sessions:
            session.noop = asked.wait
        await asyncio.wait_for(asked.wait(), 5)
        worker = Borrower(pool.session())
        await settle()
        assert worker.session in sessions
        await worker.leaves()
    keeper.cancel()
    await asyncio.wait([keeper])
    assert pool.open_now == 2


async def test_a_session_in_use_is_not_kept_alive():
    pool = Pool(Server().connect, 1)
    worker = Borrower(pool.session())
    await settle()
    worker.session.answer = ConnectionLost("it was asked")
    keeper = asyncio.create_task(pool.keep_alive(0.01))
    await asyncio.sleep(0.05)
    assert worker.session.alive
    await worker.leaves()
    async with asyncio.timeout(5):
        while worker.session.alive:
            await asyncio.sleep(0.01)
    keeper.cancel()
    await asyncio.wait([keeper])
    assert pool.open_now == 0


async def test_a_cancelled_keeper_leaves_no_slot_taken():
    pool = Pool(Server().connect, 2)
    async with resting(pool, 2) as sessions:
        for session in sessions:
            session.noop = asyncio.Event().wait
        probe = asyncio.create_task(pool.probe())
        await settle()
        probe.cancel()
        await asyncio.wait([probe])
        workers = [Borrower(pool.session()) for _ in range(2)]
        await settle()
        assert all(worker.session for worker in workers)
        for worker in workers:
            await worker.leaves()


async def test_a_server_that_cannot_be_reached_for_one_session_more_is_asked_again_later(clock):
    pool = Pool(Server(None, ServerUnreachable("no route")).connect, 2)
    worker, late = Borrower(pool.session()), Borrower(pool.session())
    await settle()
    assert pool.size == 1
    await worker.leaves()
    await late.leaves()
    clock.ahead += pools.AFRESH
    pool.renew()
    assert pool.size == 2
