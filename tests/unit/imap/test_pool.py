import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from postboat.errors import AccountError, ConnectionLost, FolderError, ServerUnreachable, SignInRefused
from postboat.imap.auth import TooManyConnections
from postboat.imap.patience import Patience
from postboat.imap.pool import Pool, choose
from postboat.imap.wire.responses import Condition, ResponseCode


class Session:
    is_one_too_many = False
    octets = (0, 0)

    def __init__(self, depth=3):
        self.alive, self.busy, self.mailbox, self.left, self.depth = True, False, None, False, depth
        self.doubted, self.answer = [], None

    def obey(self, patience):
        self.patience = patience

    def abort(self, why=""):
        self.alive = False

    def doubt(self, within):
        self.doubted.append(within)

    async def noop(self):
        if self.answer is not None:
            raise self.answer

    async def logout(self):
        self.left = True


class Server:
    """Makes sessions; holds them back or refuses them as told."""

    def __init__(self, *errors, depth=3):
        self.errors, self.depth = list(errors), depth
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def connect(self):
        self.asked += 1
        await self.gate.wait()
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        return Session(self.depth)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("resting", "prefer", "index"),
    [
        (["a", "b", None], "b", 1),
        (["a", None, "b"], "c", 1),
        (["a", None], None, 1),
        (["a", "b"], "c", 0),
        (["a"], None, 0),
    ],
)
def test_the_preferred_mailbox_then_an_unselected_session_then_the_longest_rested(resting, prefer, index):
    assert choose(resting, prefer) == index


async def test_a_session_given_back_is_lent_again():
    server = Server()
    pool = Pool(server.connect, 2)
    async with pool.session() as first:
        pass
    async with pool.session() as second:
        assert second is first
    assert (server.asked, pool.opened, pool.open_now, pool.most_open) == (1, 1, 1, 1)


async def test_the_session_that_has_the_folder_selected_is_preferred():
    pool = Pool(Server().connect, 2)
    async with pool.session() as one, pool.session() as two:
        one.mailbox, two.mailbox = "A", "B"
    async with pool.session(prefer="B") as lent:
        assert lent is two
    async with pool.session(prefer="A") as lent:
        assert lent is one


async def test_borrowers_wait_when_all_sessions_are_lent():
    server = Server()
    pool = Pool(server.connect, 1)
    got = asyncio.Event()

    async def borrow():
        async with pool.session():
            got.set()

    async with asyncio.TaskGroup() as group:
        async with pool.session():
            group.create_task(borrow())
            await settle()
            assert not got.is_set()
        await got.wait()
    assert server.asked == 1


async def borrow(pool, gate=None):
    async with pool.session() as session:
        if gate is not None:
            await gate.wait()
        return session


async def test_the_first_connection_is_made_alone():
    server = Server()
    server.gate.clear()
    pool = Pool(server.connect, 3)
    hold = asyncio.Event()
    tasks = [asyncio.create_task(borrow(pool, hold)) for _ in range(3)]
    await settle()
    assert server.asked == 1
    server.gate.set()
    await settle()
    assert server.asked == 3
    hold.set()
    assert len({id(s) for s in await asyncio.gather(*tasks)}) == 3


async def test_who_waited_for_the_first_connection_takes_it_when_it_rests_already():
    server = Server()
    server.gate.clear()
    pool = Pool(server.connect, 2)
    tasks = [asyncio.create_task(borrow(pool)) for _ in range(2)]
    await settle()
    server.gate.set()
    one, two = await asyncio.gather(*tasks)
    assert one is two
    assert server.asked == 1


async def test_a_wrong_password_is_sent_once_for_all_who_wait():
    server = Server(SignInRefused("no"))
    server.gate.clear()
    pool = Pool(server.connect, 3)
    tasks = [asyncio.create_task(borrow(pool)) for _ in range(8)]
    await settle()
    server.gate.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(e) for e in errors] == [SignInRefused] * 8
    assert server.asked == 1


async def test_a_wrong_password_is_not_sent_again_by_later_borrowers():
    server = Server(SignInRefused("no"))
    pool = Pool(server.connect, 3)
    for _ in range(3):
        with pytest.raises(SignInRefused):
            await borrow(pool)
    assert server.asked == 1


async def test_an_unreachable_server_is_tried_again_by_later_borrowers():
    server = Server(ServerUnreachable("down"))
    pool = Pool(server.connect, 3)
    with pytest.raises(ServerUnreachable):
        await borrow(pool)
    assert (await borrow(pool)).alive
    assert server.asked == 2


async def test_a_borrower_takes_over_when_the_first_one_is_cancelled_while_connecting():
    server = Server()
    server.gate.clear()
    pool = Pool(server.connect, 2)
    first, second = asyncio.create_task(borrow(pool)), asyncio.create_task(borrow(pool))
    await settle()
    first.cancel()
    await settle()
    assert server.asked == 2
    server.gate.set()
    assert (await second).alive
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_lost_connection_is_dropped_and_replaced():
    server = Server()
    pool = Pool(server.connect, 1)
    with pytest.raises(ConnectionLost):
        async with pool.session() as lost:
            raise ConnectionLost("cut")
    assert not lost.alive
    assert pool.open_now == 0
    async with pool.session() as fresh:
        assert fresh is not lost


async def test_a_session_cancelled_in_the_middle_of_a_command_is_dropped():
    pool = Pool(Server().connect, 1)
    with pytest.raises(asyncio.CancelledError):
        async with pool.session() as session:
            session.busy = True
            raise asyncio.CancelledError
    assert not session.alive
    assert pool.open_now == 0


async def test_a_session_cancelled_between_commands_is_kept():
    pool = Pool(Server().connect, 1)
    with pytest.raises(asyncio.CancelledError):
        async with pool.session() as session:
            raise asyncio.CancelledError
    assert session.alive
    assert pool.open_now == 1


async def test_a_folders_error_costs_no_session():
    pool = Pool(Server().connect, 1)
    with pytest.raises(FolderError):
        async with pool.session() as session:
            raise FolderError("no such folder")
    assert session.alive
    assert pool.open_now == 1


async def test_a_session_that_died_while_resting_is_not_lent():
    pool = Pool(Server().connect, 1)
    async with pool.session() as first:
        pass
    first.alive = False
    async with pool.session() as second:
        assert second is not first
    assert (pool.opened, pool.open_now) == (2, 1)


async def test_the_pool_shrinks_when_the_server_allows_no_more_connections():
    server = Server(None, TooManyConnections("limit"), TooManyConnections("limit"))
    pool = Pool(server.connect, 3)
    hold = asyncio.Event()
    tasks = [asyncio.create_task(borrow(pool, hold)) for _ in range(6)]
    await settle()
    hold.set()
    assert len({id(s) for s in await asyncio.gather(*tasks)}) == 1
    assert (pool.size, server.asked) == (1, 3)


async def test_a_further_connection_that_cannot_be_had_is_done_without():
    pool = Pool(Server(None, ServerUnreachable("broken pipe")).connect, 2)
    hold = asyncio.Event()
    tasks = [asyncio.create_task(borrow(pool, hold)) for _ in range(3)]
    await settle()
    hold.set()
    assert len({id(s) for s in await asyncio.gather(*tasks)}) == 1
    assert pool.size == 1


async def test_a_server_that_is_gone_with_all_its_connections_is_unreachable():
    pool = Pool(Server(None, ServerUnreachable("no route"), ServerUnreachable("no route")).connect, 2)
    async with pool.session() as lost:
        lost.alive = False
        with pytest.raises(ServerUnreachable):
            await borrow(pool)
    with pytest.raises(ServerUnreachable):
        await borrow(pool)
    assert pool.size == 2


async def stillborn(server, pool, lent):
    """What becomes of a borrower whose server ends further sessions as soon as they are open."""

    async def connect():
        session = await server.connect()
        await asyncio.sleep(0)
        session.alive = False
        return session

    pool._dials.connect = connect
    async with asyncio.timeout(1), lent as session:
        return session


@pytest.mark.parametrize("kind", ["session", "reading"])
async def test_a_server_that_ends_each_session_at_once_is_not_called_for_ever(kind):
    server = Server()
    pool = Pool(server.connect, 2)
    with pytest.raises(ServerUnreachable, match="ended the connection right after the sign-in"):
        await stillborn(server, pool, getattr(pool, kind)())
    assert (server.asked, pool.size, pool.open_now) == (1, 2, 0)


@pytest.mark.parametrize("kind", ["session", "reading"])
async def test_a_further_session_that_ends_at_once_is_done_without(kind):
    server = Server(depth=1)
    pool = Pool(server.connect, 2)
    async with pool.session() as only:
        late = asyncio.create_task(stillborn(server, pool, getattr(pool, kind)()))
        await settle()
        assert (server.asked, pool.size, pool.open_now, late.done()) == (2, 1, 1, False)
    assert await late is only


async def test_too_many_connections_is_an_error_when_none_of_them_is_ours():
    pool = Pool(Server(TooManyConnections("limit")).connect, 3)
    with pytest.raises(TooManyConnections):
        await borrow(pool)
    assert pool.size == 3
    assert (await borrow(pool)).alive


async def test_closing_logs_every_session_out():
    pool = Pool(Server().connect, 2)
    async with pool.session() as one, pool.session() as two:
        pass
    await pool.close()
    assert one.left and two.left
    assert pool.open_now == 0
    with pytest.raises(ConnectionLost):
        await borrow(pool)


async def test_a_session_given_back_after_closing_is_dropped():
    pool = Pool(Server().connect, 1)
    async with pool.session() as session:
        await pool.close()
    assert not session.alive
    assert pool.open_now == 0


async def test_a_connection_that_succeeds_after_closing_is_dropped():
    server = Server()
    server.gate.clear()
    pool = Pool(server.connect, 1)
    task = asyncio.create_task(borrow(pool))
    await settle()
    await pool.close()
    server.gate.set()
    with pytest.raises(ConnectionLost):
        await task
    assert pool.open_now == 0


def test_a_pool_has_room_for_a_session():
    with pytest.raises(ValueError):
        Pool(Server().connect, 0)


# Readers


@asynccontextmanager
async def readers(pool, count, prefer=None):
    """So many readers at once; gives their sessions, in the order of their coming."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pool.reading(prefer)) for _ in range(count)]


class Borrower:
    """A task that asks for a session and keeps it until it is told to go."""

    def __init__(self, lent):
        self.session, self.error = None, None
        self._go = asyncio.Event()
        self._task = asyncio.create_task(self._borrow(lent))

    async def _borrow(self, lent):
        async with lent as session:
            self.session = session
            await self._go.wait()
            if self.error is not None:
                raise self.error

    async def leaves(self, error=None):
        self.error = error
        self._go.set()
        await asyncio.wait([self._task])
        return self._task.exception()

    async def is_cancelled(self):
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()


async def test_readers_share_a_session_and_its_slot_up_to_its_depth():
    server = Server(depth=3)
    pool = Pool(server.connect, 2)
    async with readers(pool, 4) as (one, two, three, four):
        assert one is two is three
        assert four is not one
        assert (server.asked, pool.width) == (2, 6)
        late = Borrower(pool.session())
        await settle()
        assert late.session is None
    await settle()
    assert late.session in (one, four)
    await late.leaves()


async def test_where_nothing_can_be_shared_readers_wait_like_everybody_else():
    server = Server(depth=1)
    pool = Pool(server.connect, 1)
    async with readers(pool, 1):
        late = Borrower(pool.reading())
        await settle()
        assert late.session is None
    await settle()
    assert late.session is not None
    await late.leaves()
    assert server.asked == 1


async def test_a_session_that_rests_is_lent_before_one_is_shared():
    pool = Pool(Server().connect, 3)
    async with pool.session() as one, pool.session() as two:
        one.mailbox, two.mailbox = "A", "B"
    async with readers(pool, 2, "B") as (first, second):
        assert (first, second) == (two, one)
    assert pool.opened == 2


async def test_a_reader_joins_who_has_its_mailbox_selected_and_else_the_fewest_readers():
    pool = Pool(Server(depth=4).connect, 2)
    async with pool.session() as one, pool.session() as two:
        pass
    async with readers(pool, 2):
        one.mailbox, two.mailbox = "A", "B"
        async with pool.reading("B") as first, pool.reading("B") as second, pool.reading("C") as third:
            assert (first, second, third) == (two, two, one)


async def test_who_expects_much_has_a_connection_of_its_own_while_there_may_be_one():
    server = Server(depth=3)
    pool = Pool(server.connect, 2)
    async with pool.reading(), pool.reading(much=True) as second, pool.reading(much=True) as third:
        assert server.asked == 2
        assert second is not third
    async with pool.session() as one:
        async with pool.reading(much=True) as rested:
            assert (server.asked, rested is not one) == (2, True)


async def test_who_waits_for_a_session_alone_is_not_kept_out_by_readers_who_keep_coming():
    pool = Pool(Server(depth=3).connect, 1)
    first = Borrower(pool.reading())
    await settle()
    writer = Borrower(pool.session())
    await settle()
    late = Borrower(pool.reading())
    await settle()
    assert first.session is not None
    assert (writer.session, late.session) == (None, None)
    await first.leaves()
    await settle()
    assert (writer.session, late.session) == (first.session, None)
    await writer.leaves()
    await settle()
    assert late.session is first.session
    await late.leaves()


async def test_a_reader_who_waits_takes_the_place_of_one_who_leaves():
    pool = Pool(Server(depth=2).connect, 1)
    one, two, three = (Borrower(pool.reading()) for _ in range(3))
    await settle()
    assert three.session is None
    await two.leaves()
    await settle()
    assert three.session is one.session
    await one.leaves()
    await three.leaves()
    assert pool.open_now == 1


async def test_a_session_that_one_reader_finds_lost_is_lost_for_all_and_joined_by_none():
    server = Server(depth=3)
    pool = Pool(server.connect, 2)
    one, two = Borrower(pool.reading()), Borrower(pool.reading())
    await settle()
    shared = one.session
    assert isinstance(await one.leaves(ConnectionLost("cut")), ConnectionLost)
    assert not shared.alive
    async with pool.reading() as fresh:
        assert fresh is not shared
    await two.leaves(ConnectionLost("cut"))
    async with pool.session() as one, pool.session() as two:
        assert shared not in (one, two)


async def test_a_cancelled_reader_leaves_the_session_to_the_others():
    pool = Pool(Server().connect, 1)
    one, two = Borrower(pool.reading()), Borrower(pool.reading())
    await settle()
    one.session.busy = True
    await one.is_cancelled()
    assert two.session.alive
    two.session.busy = False
    await two.leaves()
    assert two.session.alive and pool.open_now == 1


async def test_what_the_last_reader_leaves_without_an_answer_costs_the_session():
    pool = Pool(Server().connect, 1)
    one = Borrower(pool.reading())
    await settle()
    one.session.busy = True
    await one.is_cancelled()
    assert not one.session.alive
    assert pool.open_now == 0


async def test_who_is_cancelled_while_waiting_keeps_nobody_behind_waiting():
    pool = Pool(Server(depth=2).connect, 1)
    reader = Borrower(pool.reading())
    await settle()
    gives_up, patient = Borrower(pool.session()), Borrower(pool.reading())
    await settle()
    assert patient.session is None
    await gives_up.is_cancelled()
    await settle()
    assert patient.session is reader.session
    await reader.leaves()
    await patient.leaves()


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("kind", ["session", "reading"])
async def test_what_was_granted_in_the_moment_of_a_cancellation_is_given_back(kind, depth):
    """With room for two it is a place in a shared session, else a slot."""
    pool = Pool(Server(depth=depth).connect, 1)
    async with readers(pool, depth - 1):
        last = pool.reading()
        session = await last.__aenter__()
        late = Borrower(getattr(pool, kind)())
        await settle()
        await last.__aexit__(None, None, None)
        await late.is_cancelled()
    assert late.session is None
    async with asyncio.timeout(1), pool.session() as again:
        assert again is session


async def test_a_reader_refused_a_connection_of_its_own_joins_another():
    server = Server(None, TooManyConnections("limit"), depth=2)
    pool = Pool(server.connect, 2)
    one, two, three = (Borrower(pool.reading()) for _ in range(3))
    await settle()
    assert (server.asked, pool.size) == (2, 1)
    assert one.session is two.session
    assert three.session is None
    await one.leaves()
    await settle()
    assert three.session is two.session
    await two.leaves()
    await three.leaves()


async def test_nobody_joins_a_session_once_the_pool_is_closed():
    pool = Pool(Server().connect, 2)
    async with pool.reading() as session:
        await pool.close()
        with pytest.raises(ConnectionLost):
            async with pool.reading():
                pass
    assert not session.alive
    assert pool.open_now == 0


# Too many connections, told late


async def test_a_session_that_the_server_ends_as_one_too_many_is_not_replaced():
    server = Server()
    pool = Pool(server.connect, 2)
    async with pool.session():
        with pytest.raises(ConnectionLost):
            async with pool.session() as further:
                further.is_one_too_many, further.alive = True, False
                raise ConnectionLost("too many")
        assert (pool.size, pool.open_now) == (1, 1)
        waiting = asyncio.create_task(pool.session().__aenter__())
        await settle()
        assert not waiting.done()
    await waiting
    assert server.asked == 2


async def test_the_only_session_is_replaced_whatever_the_server_said_when_it_ended_it():
    server = Server()
    pool = Pool(server.connect, 2)
    async with pool.session() as only:
        only.is_one_too_many, only.alive = True, False
    async with pool.session() as next_one:
        assert next_one is not only
    assert pool.size == 2


async def test_when_all_sessions_are_too_many_one_slot_is_left():
    server = Server()
    pool = Pool(server.connect, 3)
    async with AsyncExitStack() as stack:
        for session in [await stack.enter_async_context(pool.session()) for _ in range(3)]:
            session.is_one_too_many, session.alive = True, False
    assert pool.size == 1
    async with pool.session() as session:
        assert session.alive


# Pauses


async def test_all_sessions_keep_the_pauses_of_one_account():
    server, patience = Server(), Patience()
    pool = Pool(server.connect, 2, patience)
    async with pool.session() as one, pool.session() as other:
        assert one.patience is other.patience is patience


async def test_no_session_is_opened_during_a_pause():
    slept, wake = asyncio.Event(), asyncio.Event()
    now = 0.0

    async def sleep(seconds):
        nonlocal now
        slept.set()
        await wake.wait()
        now += seconds

    server, patience = Server(), Patience(now=lambda: now, sleep=sleep)
    pool = Pool(server.connect, 2, patience)
    patience.hear("", Condition("BYE", ResponseCode("UNAVAILABLE"), "try again in 20 seconds"))
    waiting = asyncio.create_task(pool.session().__aenter__())
    await slept.wait()
    assert server.asked == 0
    wake.set()
    await waiting
    assert server.asked == 1


async def test_a_server_that_wants_to_be_left_alone_is():
    server, patience = Server(), Patience()
    pool = Pool(server.connect, 2, patience)
    patience.hear("", Condition("BYE", ResponseCode("UNAVAILABLE"), "try again in 20 minutes"))
    with pytest.raises(AccountError, match="try again in 20 min"):
        async with pool.session():
            pass
    assert server.asked == 0


# What is seen of it


async def test_sessions_are_seen_in_the_order_in_which_they_were_opened():
    server = Server()
    pool = Pool(server.connect, 3)
    async with pool.session() as first, pool.session() as second:
        server.gate.clear()
        third = asyncio.create_task(borrow(pool))
        await settle()
        assert (pool.sessions, pool.dialling) == ((first, second), 1)
        server.gate.set()
        await third
        assert (len(pool.sessions), pool.dialling) == (3, 0)
    await pool.close()
    assert pool.sessions == ()


async def test_octets_are_counted_beyond_the_end_of_a_session():
    pool = Pool(Server().connect, 2)
    assert pool.octets == (0, 0)
    async with pool.session() as first, pool.session() as second:
        first.octets, second.octets = (10, 1), (200, 20)
        assert pool.octets == (210, 21)
        first.alive = False
    assert (pool.octets, pool.open_now) == ((210, 21), 1)
    second.octets = (300, 30)
    await pool.close()
    assert pool.octets == (310, 31)
