import asyncio

import pytest

from postboat.errors import ConnectionLost, FolderError, ServerUnreachable, SignInRefused
from postboat.imap.auth import TooManyConnections
from postboat.imap.pool import Pool, choose


class Session:
    def __init__(self, depth=3):
        self.alive, self.busy, self.mailbox, self.left, self.depth = True, False, None, False, depth

    def abort(self):
        self.alive = False

    async def logout(self):
        self.left = True


class Server:
    """Makes sessions; holds them back or refuses them as told."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def connect(self):
        self.asked += 1
        await self.gate.wait()
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        return Session()


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
