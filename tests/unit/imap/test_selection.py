"""What is sent behind a SELECT that is not answered yet: which mailbox it is about, and when it is worth nothing."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from tests.fakes.dialogue import serving

from postboat.errors import CommandFailed, ConnectionLost, FolderError, FolderGone
from postboat.imap.connection import Connection
from postboat.imap.session import Session
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Condition, Vanished


@asynccontextmanager
async def talking(talk, *capabilities):
    """A session with a server that plays `talk` and then waits for us to hang up."""

    async def whole(server):
        server.say(f"* PREAUTH [CAPABILITY IMAP4rev1 {' '.join(capabilities)}] you are me")
        await talk(server)
        await server.farewell()

    async with serving(whole) as port:

        async def open_transport(factory):
            return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

        session = Session(await Connection.start(open_transport, timeout=5), "localhost:143")
        try:
            yield session
        finally:
            session.abort()


def told(exists, validity):
    return (f"* {exists} EXISTS", f"* OK [UIDVALIDITY {validity}] valid")


FETCH = commands.uid_fetch("1:9", "UID FLAGS")


async def test_nothing_waits_for_the_answer_to_a_select():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', "UID FETCH .*", 'SELECT "B"', "UID FETCH .*")]
        server.say(*told(1, 7), f"{tags[0]} OK a", f"{tags[1]} OK fa", *told(2, 8), f"{tags[2]} OK b", f"{tags[3]} OK")

    async with talking(talk) as session:
        a, of_a = session.open("A"), session.ask(FETCH)
        b, of_b = session.open("B"), session.ask(FETCH)
        assert (await of_a).status == (await of_b).status == "OK"
        assert [(one.name, one.uidvalidity) for one in (await a.mailbox(), await b.mailbox())] == [("A", 7), ("B", 8)]


async def test_the_mailbox_sent_last_is_selected_once_though_nothing_is_answered():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', 'SELECT "B"', 'SELECT "A"', 'EXAMINE "A"')]
        server.say(*(f"{tag} OK done" for tag in tags))

    async with talking(talk) as session:
        first = session.open("A")
        assert session.open("A") is first
        second = session.open("B")
        assert session.open("B") is second
        third = session.open("A")
        assert third is not first
        assert session.open("A") is third
        assert session.mailbox == "A"
        assert (await session.open("A", read_only=True).mailbox()).read_only


async def test_what_is_to_be_fresh_is_selected_even_when_the_select_before_is_not_answered():
    async def talk(server):
        tags = [await server.command('SELECT "A"') for _ in range(2)]
        server.say("* 1 EXISTS", f"{tags[0]} OK done", "* 2 EXISTS", f"{tags[1]} OK done")

    async with talking(talk) as session:
        first, again = session.open("A"), session.open("A", fresh=True)
        assert ((await first.mailbox()).exists, (await again.mailbox()).exists) == (1, 2)


async def test_what_is_told_in_answer_to_a_question_counts_for_the_mailbox_it_was_asked_of():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', "UID FETCH .*", 'SELECT "B"', "NOOP")]
        server.say(*told(5, 7), f"{tags[0]} OK a", "* 2 EXPUNGE", "* 6 EXISTS", "* 1 EXPUNGE", f"{tags[1]} OK fa")
        server.say("* OK [CLOSED] A", *told(2, 8), f"{tags[2]} OK b", "* 3 EXISTS", f"{tags[3]} OK n")

    async with talking(talk) as session:
        a, of_a = session.open("A"), session.ask(FETCH)
        b = session.open("B")
        await session.noop()
        assert (await of_a).status == "OK"
        assert ((await a.mailbox()).exists, (await b.mailbox()).exists) == (5, 3)
        assert session.selected is await b.mailbox()


async def test_what_a_select_brings_before_closed_is_about_the_mailbox_before():
    async def talk(server):
        await server.answer('SELECT "A".*', *told(5, 7), "OK [READ-ONLY] a")
        last_of_a = ("* VANISHED 9", "* 7 EXISTS", "* OK [UIDNEXT 77] of A", "* OK [NOMODSEQ] of A")
        first_of_b = ("* OK [HIGHESTMODSEQ 5] b", "* VANISHED (EARLIER) 3", "* 1 FETCH (UID 2 FLAGS ())")
        await server.answer(
            r'SELECT "B" \(QRESYNC \(8 3\)\)', *last_of_a, "* OK [CLOSED] A", *told(2, 8), *first_of_b, "OK b"
        )

    seen = []
    async with talking(talk, "QRESYNC") as session:
        await session.select("A")
        b = await session.open("B", since=(8, 3), take=seen.append).mailbox()
    assert (b.exists, b.uidvalidity, b.uidnext, b.highestmodseq, b.read_only) == (2, 8, None, 5, False)
    closed = next(at for at, response in enumerate(seen) if isinstance(response, Condition))
    assert [str(vanished.uids) for vanished in seen[closed:] if isinstance(vanished, Vanished)] == ["3"]


async def test_what_is_heard_of_a_mailbox_comes_behind_its_select_and_as_long_as_one_listens():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', "UID FETCH .*", "UID FETCH .*", 'SELECT "B"')]
        server.say("* 1 FETCH (UID 1)", *told(5, 7), f"{tags[0]} OK a", "* 2 FETCH (UID 2)", "* 3 FETCH (UID 3)")
        server.say(f"{tags[2]} OK", "* 4 FETCH (UID 4)", f"{tags[1]} OK", "* 5 FETCH (UID 5)", f"{tags[3]} OK b")
        await server.answer("NOOP", "* 6 FETCH (UID 6)", "OK done")
        await server.answer('SELECT "A"', *told(5, 7), "OK a")
        await server.answer("NOOP", "* 7 FETCH (UID 7)", "OK done")

    seen = []
    async with talking(talk) as session:
        a = session.open("A")
        with a.heard_by(seen.append):
            questions = session.ask(FETCH), session.ask(FETCH)
            session.open("B")
            await asyncio.wait(questions)
            await session.noop()
        await session.select("A")
        await session.noop()
    assert [response.uid for response in seen] == [2, 3, 4]


async def test_who_stops_listening_hears_no_more_of_a_mailbox_that_stays_selected():
    async def talk(server):
        await server.answer('SELECT "A"', *told(5, 7), "OK a")
        await server.answer("NOOP", "* 1 FETCH (UID 1)", "OK done")
        await server.answer("NOOP", "* 2 FETCH (UID 2)", "OK done")

    seen = []
    async with talking(talk) as session:
        a = session.open("A")
        with a.heard_by(seen.append):
            await session.noop()
        await session.noop()
    assert [response.uid for response in seen] == [1]


async def test_a_refused_select_is_one_failure_for_all_who_asked_behind_it_and_is_sent_again_by_the_next():
    async def talk(server):
        select, fetch = await server.command('SELECT "A"'), await server.command("UID FETCH .*")
        server.say(f"{select} NO [NONEXISTENT] no A", f"{fetch} BAD nothing selected")
        await server.answer('SELECT "A"', *told(1, 7), "OK a")
        await server.answer("UID FETCH .*", "OK done")

    async with talking(talk) as session:
        first, second = session.open("A"), session.open("A")
        assert (await session.ask(FETCH)).status == "BAD"
        for selection in (first, second):
            with pytest.raises(FolderGone):
                await selection.mailbox()
        assert (session.mailbox, session.selected) == (None, None)
        again = session.open("A")
        assert again is not first
        assert (await session.ask(FETCH)).status == "OK"
        assert (await again.mailbox()).exists == 1


async def test_what_a_refused_select_left_is_not_taken_for_the_mailbox_before():
    """RFC 3501 section 6.3.1: after a refused SELECT nothing is selected."""

    async def talk(server):
        await server.answer('SELECT "A"', *told(1, 7), "OK a")
        await server.answer('SELECT "B"', "NO [NOPERM] not yours")
        await server.answer('SELECT "A"', *told(2, 7), "OK a")

    async with talking(talk) as session:
        await session.select("A")
        with pytest.raises(FolderError):
            await session.select("B")
        with pytest.raises(CommandFailed, match="not possible"):
            await session.ask(FETCH)
        assert (await session.ensure("A")).exists == 2


async def test_a_select_refused_without_a_reason_is_explained_though_others_ask_meanwhile():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', 'SELECT "B"', "UID FETCH .*")]
        server.say(f"{tags[0]} NO sorry", *told(1, 7))
        server.say(f"{tags[1]} OK b", f"{tags[2]} OK f")
        await server.answer('LIST "" "A"', "OK done")

    async with talking(talk) as session:
        a, b, fetch = session.open("A"), session.open("B"), session.ask(FETCH)
        with pytest.raises(FolderGone):
            await a.mailbox()
        assert (await fetch).status == "OK"
        assert (await b.mailbox()).exists == 1


async def test_who_is_cancelled_while_a_mailbox_is_opened_takes_it_from_nobody():
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def talk(server):
        select = await server.command('SELECT "A"')
        asked.set()
        await cancelled.wait()
        server.say(*told(1, 7), f"{select} OK a")

    async with talking(talk) as session:
        impatient = asyncio.create_task(session.open("A").mailbox())
        patient = asyncio.create_task(session.open("A").mailbox())
        await asked.wait()
        impatient.cancel()
        await asyncio.wait([impatient])
        cancelled.set()
        assert (await patient).exists == 1
        assert impatient.cancelled()


async def test_nothing_can_be_said_of_a_mailbox_whose_connection_was_lost():
    async def talk(server):
        await server.command('SELECT "A"')
        server.writer.close()

    async with talking(talk) as session:
        selection = session.open("A")
        with pytest.raises(ConnectionLost):
            await selection.mailbox()
        assert (selection.known, selection.stands, session.mailbox) == (None, False, None)


async def test_a_server_may_say_the_same_uidvalidity_as_often_as_it_likes():
    async def talk(server):
        await server.answer('SELECT "A"', *told(1, 7), "OK a")
        await server.answer("NOOP", "* OK [UIDVALIDITY 7] still", "* OK [UIDNEXT 9] next", "OK done")

    async with talking(talk) as session:
        await session.select("A")
        await session.noop()
        assert session.alive


@pytest.mark.parametrize("told", ["* OK [CLOSED] A", "* OK [UIDVALIDITY 8] changed"])
async def test_a_mailbox_that_turns_into_another_ends_the_connection(told):
    async def talk(server):
        await server.answer('SELECT "A"', "* OK [UIDVALIDITY 7] valid", "OK a")
        await server.command("NOOP")
        server.say(told)

    async with talking(talk) as session:
        await session.select("A")
        with pytest.raises(ConnectionLost, match="another mailbox"):
            await session.noop()
        assert not session.alive


async def test_a_select_that_is_granted_before_what_was_asked_earlier_ends_the_connection():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', "UID FETCH .*", 'SELECT "B"')]
        server.say(*told(1, 7), f"{tags[0]} OK a", f"{tags[2]} OK b", f"{tags[1]} OK f")

    async with talking(talk) as session:
        session.open("A")
        answer = session.ask(FETCH)
        session.open("B")
        with pytest.raises(ConnectionLost, match="before it answered"):
            await answer


async def test_a_select_may_be_refused_before_what_was_asked_earlier_is_answered():
    async def talk(server):
        tags = [await server.command(what) for what in ('SELECT "A"', "UID FETCH .*", 'SELECT "B"')]
        server.say(*told(1, 7), f"{tags[0]} OK a", f"{tags[2]} NO [NOPERM] b", f"{tags[1]} OK f")

    async with talking(talk) as session:
        session.open("A")
        answer, refused = session.ask(FETCH), session.open("B")
        assert (await answer).status == "OK"
        with pytest.raises(FolderError):
            await refused.mailbox()
