"""What aioimaplib 2.0.3 does by itself, and what `Connection` on top of it does.

A test named `bare_...` says what upstream would have to mend. When one of them fails after an upgrade, the workaround
in `imap/connection.py` may have become needless.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aioimaplib import IMAP4
from tests.fakes.scripted_server import serve

from postboat.errors import ConnectionLost
from postboat.imap.connection import Connection
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Fetched, Listed, Vanished

A_WHILE = 0.5
"""Seconds in which a healthy client would have had its answer on loopback."""

GREETING = "S: * PREAUTH [CAPABILITY IMAP4rev1] hi\n"
CAPABILITY = "C: CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: %t OK done\n"
SELECT = "C: SELECT .*\nS: %t OK done\n"
FETCHES = "C: UID FETCH .*\nmany {count}: * %n FETCH (UID %n FLAGS ())\nS: %t OK done\n"
LIST = 'C: LIST .*\nS: * LIST () "/" "a* b"\nS: %t OK done\n'
VANISHED = "C: NOOP\nS: * VANISHED 3\nS: %t OK [HIGHESTMODSEQ 9] done\n"


@asynccontextmanager
async def bare(script):
    """aioimaplib as it is, greeted and with a mailbox selected."""
    async with serve(GREETING + CAPABILITY + SELECT + script) as server:
        client = IMAP4("127.0.0.1", server.port, timeout=5)
        await client.wait_hello_from_server()
        await client.select("a")
        try:
            yield client, server
        finally:
            client.protocol.transport.abort()
            await asyncio.sleep(0)


@asynccontextmanager
async def ours(script):
    """A `Connection` with a mailbox selected."""
    async with serve(GREETING + SELECT + script) as server:
        connection = await Connection.start(server.open_transport, timeout=5)
        await connection.run(commands.select("a"))
        try:
            yield connection
        finally:
            await connection.close()


async def test_bare_reading_would_have_to_loop_over_lines_instead_of_recursing():
    problems = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context.get("exception")))
    async with bare(FETCHES.format(count=2000)) as (client, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.protocol.fetch("1:2000", "FLAGS", by_uid=True), A_WHILE)
    assert any(isinstance(problem, RecursionError) for problem in problems)


async def test_ours_reads_a_hundred_thousand_messages_in_one_answer():
    got = []
    async with ours(FETCHES.format(count=100_000)) as connection:
        await connection.run(commands.uid_fetch("1:*", "FLAGS"), on_untagged=got.append)
    assert len(got) == 100_000
    assert all(type(response) is Fetched for response in got)


async def test_bare_untagged_lines_would_have_to_lose_their_first_star_only():
    async with bare(LIST) as (client, _):
        answer = await client.list('""', "*")
    assert b'LIST () "/" "ab"'.removeprefix(b"LIST ") in answer.lines


async def test_ours_gives_folder_names_with_stars_intact():
    got = []
    async with ours(LIST) as connection:
        await connection.run(commands.list_("", "*"), on_untagged=got.append)
    assert got == [Listed("a* b", "/")]


async def test_bare_responses_that_no_command_is_named_after_would_have_to_be_delivered():
    async with bare(VANISHED.replace("NOOP", "UID SEARCH .*")) as (client, _):
        answer = await client.protocol.search("ALL", by_uid=True, charset=None)
    assert not any(b"VANISHED" in line for line in answer.lines)
    assert any(b"HIGHESTMODSEQ" in line for line in answer.lines)


async def test_ours_delivers_vanished_before_the_answer_that_covers_it():
    got = []
    async with ours(VANISHED.replace("NOOP", "UID SEARCH .*")) as connection:
        outcome = await connection.run(commands.uid_search("ALL"), on_untagged=got.append)
    assert [type(response) for response in got] == [Vanished]
    assert outcome.code.highestmodseq == 9


async def test_bare_commands_would_have_to_fail_when_the_connection_is_lost():
    lost = asyncio.Event()
    async with bare("C: NOOP\nclose") as (client, _):
        client.protocol.conn_lost_cb = lambda _: lost.set()
        pending = asyncio.ensure_future(client.protocol.simple_command("NOOP"))
        await asyncio.wait_for(lost.wait(), 5)
        done, _ = await asyncio.wait({pending}, timeout=A_WHILE)
        assert not done
        pending.cancel()


async def test_ours_fails_commands_when_the_connection_is_lost():
    async with ours("C: NOOP\nclose") as connection:
        with pytest.raises(ConnectionLost):
            await connection.run(commands.noop())


async def test_bare_mailbox_names_would_have_to_be_quoted():
    async with bare('C: SELECT my "box\nS: %t BAD what?\n') as (client, server):
        await client.select('my "box')
        assert server.heard[-1].endswith(b'SELECT my "box')


async def test_ours_quotes_mailbox_names():
    async with ours('C: SELECT "my .."box"\nS: %t OK\n'.replace("..", "\\\\")) as connection:
        await connection.run(commands.select('my "box'))


async def test_bare_answers_with_one_name_would_have_to_be_told_apart_to_be_pipelined():
    async with bare("C: UID FETCH .*\nset first\nwait go\nS: %1 OK\n".replace("%1", "%t")) as (client, server):
        first = asyncio.ensure_future(client.protocol.fetch("1", "FLAGS", by_uid=True))
        second = asyncio.ensure_future(client.protocol.fetch("2", "FLAGS", by_uid=True))
        await server.reached("first")
        assert sum(b"FETCH" in line for line in server.heard) == 1
        second.cancel()
        server.events["go"].set()
        await first


async def test_ours_pipelines_commands_of_one_name():
    async with ours("C: UID FETCH 1 .*\nC: UID FETCH 2 .*\nS: %2 OK\nS: %3 OK\n") as connection:
        both = [connection.send(commands.uid_fetch(uid, "FLAGS")) for uid in ("1", "2")]
        assert [(await outcome).status for outcome in both] == ["OK", "OK"]
