"""IDLE word by word: when DONE may go out, what is owed, and what is heard."""

import asyncio
from contextlib import asynccontextmanager
from textwrap import dedent

import pytest
from tests.fakes.scripted_server import serve

from postboat.errors import CommandFailed, ConnectionLost
from postboat.imap.connection import Connection
from postboat.imap.session import Session
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Exists, Expunged

GREETING = "S: * PREAUTH [CAPABILITY IMAP4rev1 IDLE] hello\n"


@asynccontextmanager
async def session_to(script, *, timeout=5.0):
    async with serve(GREETING + dedent(script)) as server:
        session = Session(await Connection.start(server.open_transport, timeout=timeout), "here")
        try:
            yield session, server
        finally:
            session.abort()


async def test_what_the_server_tells_before_during_and_between_is_heard():
    script = """
    C: IDLE
    S: * 3 EXISTS
    S: + idling
    S: * 2 EXPUNGE
    C! DONE
    S: * 3 EXISTS
    S: %t OK done
    S: * 4 EXISTS
    C: IDLE
    S: + idling
    S: * 5 EXISTS
    C! DONE
    S: %t OK done
    """
    heard = []
    async with session_to(script) as (session, _):
        session.overhear(heard.append)
        for _ in range(2):
            idle = session.idle()
            await idle.begun()
            await idle.done()
    assert heard == [Exists(3), Expunged(2), Exists(3), Exists(4), Exists(5)]


async def test_done_waits_for_the_servers_consent():
    script = """
    C: IDLE
    wait asked
    S: * 3 EXISTS
    S: + idling
    C! DONE
    S: %t OK done
    C: NOOP
    S: %t OK done
    """
    async with session_to(script) as (session, server):
        idle = session.idle()
        over = asyncio.create_task(idle.done())
        await asyncio.sleep(0.01)
        assert server.heard[-1].endswith(b"IDLE")
        server.events["asked"].set()
        await over
        assert server.heard[-1] == b"DONE"
        await session.noop()


async def test_done_is_said_once():
    async with session_to("C: IDLE\nS: + idling\nC! DONE\nS: %t OK done\nC: NOOP\nS: %t OK done") as (session, server):
        idle = session.idle()
        await idle.begun()
        idle.end()
        await asyncio.gather(idle.done(), idle.done())
        await session.noop()
    assert server.heard.count(b"DONE") == 1


@pytest.mark.parametrize("answer", ["NO not now", "BAD what", "OK and nothing else"])
async def test_a_server_that_does_not_agree_cannot_idle(answer):
    async with session_to(f"C: IDLE\nS: %t {answer}\nC: NOOP\nS: %t OK done") as (session, _):
        with pytest.raises(CommandFailed):
            await session.idle().begun()
        await session.noop()


async def test_an_idle_that_the_server_ended_needs_no_done():
    async with session_to("C: IDLE\nS: + idling\nS: %t OK enough\nC: NOOP\nS: %t OK done") as (session, server):
        idle = session.idle()
        await idle.begun()
        assert (await idle.reply).text == "enough"
        await idle.done()
        assert not idle.is_to_end
        await session.noop()
    assert b"DONE" not in server.heard


async def test_nothing_goes_out_while_the_server_idles():
    script = "C: IDLE\nS: + idling\nC! DONE\nS: %t OK done\nC: NOOP\nS: %t OK done"
    async with session_to(script) as (session, server):
        idle = session.idle()
        await idle.begun()
        noop = session.ask(commands.noop())
        await asyncio.sleep(0.01)
        assert server.heard[-1].endswith(b"IDLE")
        await idle.done()
        assert (await noop).status == "OK"


async def test_an_idle_waits_until_everything_else_is_answered():
    script = "C: NOOP\nwait asked\nS: %t OK done\nC: IDLE\nS: + idling"
    async with session_to(script) as (session, server):
        noop, idle = session.ask(commands.noop()), session.idle()
        await asyncio.sleep(0.01)
        assert len(server.heard) == 1
        server.events["asked"].set()
        await noop
        await idle.begun()


async def test_silence_is_no_crime_while_the_server_idles():
    script = "C: IDLE\nS: + idling\nwait late\nS: * 1 EXISTS\nC! DONE\nS: %t OK done"
    async with session_to(script, timeout=0.05) as (session, server):
        idle = session.idle()
        await idle.begun()
        await asyncio.sleep(0.15)
        assert session.alive
        server.events["late"].set()
        await idle.done()


@pytest.mark.parametrize("script", ["C: IDLE\nwait never", "C: IDLE\nS: + idling\nC! DONE\nwait never"])
async def test_silence_is_one_before_it_agreed_and_after_we_said_done(script):
    async with session_to(script, timeout=0.05) as (session, _):
        idle = session.idle()
        with pytest.raises(ConnectionLost, match="no answer"):
            await idle.begun()
            await idle.done()
        assert not session.alive


async def test_a_bye_in_the_middle_ends_the_connection():
    async with session_to("C: IDLE\nS: + idling\nS: * BYE going down\nclose") as (session, _):
        idle = session.idle()
        await idle.begun()
        with pytest.raises(ConnectionLost, match="going down"):
            await idle.reply


async def test_an_idle_is_legal_with_no_mailbox_selected():
    async with session_to("C: IDLE\nS: + idling") as (session, _):
        await session.idle().begun()


# Doubt


async def test_a_doubted_session_asks_ahead_of_what_is_asked_next():
    script = "C: NOOP\nC: CAPABILITY\nS: %1 OK done\nS: %2 OK done"
    async with session_to(script) as (session, _):
        session.doubt(1.0)
        await session.run(commands.capability())
        assert session.alive and not session.busy


async def test_a_doubted_session_is_dropped_sooner_than_others():
    async with session_to("C: NOOP\nwait never", timeout=60) as (session, _):
        session.doubt(0.05)
        with pytest.raises(ConnectionLost, match=r"0\.05 s"):
            await session.run(commands.capability())


async def test_one_sign_of_life_is_enough():
    script = "C: NOOP\nS: %t OK done\nC: CAPABILITY\nwait late\nS: %t OK done"
    async with session_to(script, timeout=60) as (session, server):
        session.doubt(0.05)
        answer = session.ask(commands.capability())
        await asyncio.sleep(0.15)
        server.events["late"].set()
        assert (await answer).status == "OK"


async def test_a_doubted_idle_is_ended_so_that_an_answer_is_owed():
    async with session_to("C: IDLE\nS: + idling\nC! DONE\nwait never", timeout=60) as (session, _):
        idle = session.idle()
        await idle.begun()
        session.doubt(0.05)
        with pytest.raises(ConnectionLost):
            await idle.reply


async def test_a_session_may_rest_while_only_that_is_without_an_answer_which_nobody_waits_for():
    async with session_to("C: NOOP\nC: CAPABILITY\nwait never") as (session, _):
        session.doubt(1.0)
        assert not session.busy
        session.ask(commands.capability())
        assert session.busy


async def test_a_session_knows_the_address_that_it_runs_from_and_who_ended_it():
    async with session_to("C: NOOP\nclose") as (session, _):
        assert session.local_address == "127.0.0.1"
        with pytest.raises(ConnectionLost):
            await session.noop()
        session.abort("too late to be the reason")
        assert not session.is_cut
    async with session_to("wait never") as (session, _):
        session.abort("the machine slept")
        assert session.is_cut
        with pytest.raises(ConnectionLost, match="the machine slept"):
            await session.noop()


async def test_to_doubt_a_session_that_is_lost_changes_nothing():
    async with session_to("wait never") as (session, _):
        session.abort()
        session.doubt(1.0)
        assert not session.alive
