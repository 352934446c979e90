"""Bodies that are asked for before it is known whose they are: what comes counts for the right mailbox, or not at all."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import pytest
from tests.fakes.dialogue import serving

from postboat.errors import ConnectionLost, FolderError, FolderGone
from postboat.imap import bodies
from postboat.imap.bodies import DISPUTED, Arrivals
from postboat.imap.connection import Connection
from postboat.imap.large import LARGE
from postboat.imap.opening import Opening
from postboat.imap.pool import Pool
from postboat.imap.reading import read_messages
from postboat.imap.server_kind import ServerKind
from postboat.imap.session import Session
from postboat.imap.wire.responses import Fetched
from postboat.imap.wire.uid_set import UidSet
from postboat.model import SEEN, Content, Gone, Unreadable

WHOLE = r"\(UID FLAGS INTERNALDATE BODY.PEEK\[\]\)"


class Reader:
    """A task that reads from a folder; `found` is what came, by UID: octets, or what else was told of a message."""

    def __init__(self, pool, name, *uids, validity="7", sizes=20, alone=False):
        self.found = {}
        opening = Opening(pool, name, read_only=False, validity=validity, alone=alone)
        known = dict.fromkeys(uids, sizes) if sizes is not None else {}
        self.task = asyncio.create_task(self._read(read_messages(opening, known, uids)))

    async def _read(self, messages):
        async with aclosing(messages) as items:
            async for item in items:
                whole = item.data if isinstance(item, Content) else item
                if isinstance(item, Content) and item.data is None:
                    whole = b"".join([part async for part in item.chunks()])
                self.found[int(item.key)] = whole

    async def fails(self, error):
        """Nothing was handed out."""
        with pytest.raises(error) as failure:
            await self.task
        assert self.found == {}
        return failure.value


@asynccontextmanager
async def pool_of(*talks, kind=None, size=None):
    """A pool with a session for each of `talks`, `size` at a time, which plays the server's part once the greeting was said."""

    def whole(talk):
        async def play(server):
            server.say("* PREAUTH [CAPABILITY IMAP4rev1] you are me")
            await talk(server)
            await server.farewell()

        return play

    async with serving(*map(whole, talks)) as port:

        async def connect():
            async def open_transport(factory):
                return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

            session = Session(await Connection.start(open_transport, timeout=5), "localhost:143")
            session.kind = kind or session.kind
            return session

        pool = Pool(connect, size or len(talks))
        try:
            yield pool
        finally:
            for session in list(pool._open):
                session.abort()


def body(folder, uid):
    return f"Subject: {uid} of {folder}\r\n\r\n"


def whole(folder, uid, number=1):
    text = body(folder, uid)
    return f"* {number} FETCH (UID {uid} FLAGS (\\Seen) BODY[] {{{len(text)}}}\r\n{text})"


def opened(exists=3, validity=7):
    return (f"* {exists} EXISTS", f"* OK [UIDVALIDITY {validity}] valid")


def read(folder, *uids):
    return {uid: body(folder, uid).encode() for uid in uids}


async def test_the_select_and_the_bodies_are_asked_for_in_one_flight():
    async def talk(server):
        select, fetch = await server.command('SELECT "A"'), await server.command(f"UID FETCH 1:2,9 {WHOLE}")
        server.say(*opened(), f"{select} OK done", whole("A", 2), whole("A", 1), whole("A", 9), f"{fetch} OK done")

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 9, 2, 1)
        await reader.task
    assert reader.found == read("A", 1, 2, 9)


async def test_a_folder_selected_last_is_not_selected_again():
    async def talk(server):
        select = await server.command('SELECT "A"')
        server.say(*opened(), f"{select} OK done")
        await server.answer(f"UID FETCH 1 {WHOLE}", whole("A", 1), "OK done")
        await server.answer(f"UID FETCH 2 {WHOLE}", whole("A", 2), "OK done")

    async with pool_of(talk) as pool:
        await Reader(pool, "A", 1).task
        again = Reader(pool, "A", 2)
        await again.task
    assert again.found == read("A", 2)


async def two_flights(server):
    """The tags of SELECT and UID FETCH for A, then for B, all of them sent before anything is answered."""
    return [await server.command(what) for what in ('SELECT "A"', "UID FETCH .*", 'SELECT "B"', "UID FETCH .*")]


async def test_readers_of_two_folders_ask_before_either_is_answered_and_each_gets_its_own():
    async def talk(server):
        first, bodies, second, others = await two_flights(server)
        server.say(*opened(), f"{first} OK done", whole("A", 1), f"{bodies} OK done", "* OK [CLOSED] A")
        server.say(*opened(validity=8), f"{second} OK done", whole("B", 1), f"{others} OK done")

    async with pool_of(talk) as pool:
        a, b = Reader(pool, "A", 1), Reader(pool, "B", 1, validity="8")
        await asyncio.gather(a.task, b.task)
    assert (a.found, b.found) == (read("A", 1), read("B", 1))


async def test_what_comes_behind_a_refused_select_is_another_mailboxs_mail_and_is_void():
    """Against RFC 3501 section 6.3.1 this server keeps A selected when it refuses B."""

    async def talk(server):
        first, bodies, second, others = await two_flights(server)
        server.say(*opened(), f"{first} OK done", whole("A", 1), f"{bodies} OK done")
        server.say(f"{second} NO [NONEXISTENT] no B", whole("A", 1), f"{others} OK done")

    async with pool_of(talk) as pool:
        a, b = Reader(pool, "A", 1), Reader(pool, "B", 1)
        await b.fails(FolderGone)
        await a.task
        assert pool.open_now == 1, "a refusal costs no connection"
    assert a.found == read("A", 1)


async def test_the_mailbox_is_selected_anew_after_a_refused_select():
    async def talk(server):
        await server.answer('SELECT "B"', "NO [NONEXISTENT] no B")
        await server.answer("UID FETCH 1 .*", whole("A", 1), "BAD nothing is selected")
        await server.answer('SELECT "B"', *opened(), "OK done")
        await server.answer("UID FETCH 1 .*", whole("B", 1), "OK done")

    async with pool_of(talk) as pool:
        await Reader(pool, "B", 1).fails(FolderGone)
        again = Reader(pool, "B", 1)
        await again.task
    assert again.found == read("B", 1)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (opened(validity=8), "changed its UIDVALIDITY"),
        (("* 3 EXISTS",), "no UIDVALIDITY"),
        ((*opened(), "* NO [UIDNOTSTICKY] they change"), "new UIDs each time"),
    ],
)
async def test_bodies_of_other_messages_under_the_same_uids_are_void(told, why):
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(*told, f"{select} OK done", whole("a namesake", 1), f"{fetch} OK done")

    async with pool_of(talk) as pool:
        assert why in str(await Reader(pool, "A", 1).fails(FolderError))


async def test_what_comes_before_the_select_is_answered_is_not_of_that_mailbox():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(whole("who knows", 1), f"{fetch} OK done", *opened(), f"{select} OK done")
        await server.answer("NOOP", "OK done")
        await server.answer("UID SEARCH UID 1", "* SEARCH 1", "OK done")
        await server.answer("UID FETCH 1 .*", whole("A", 1), "OK done")

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 1)
        await reader.task
    assert reader.found == read("A", 1)


@pytest.mark.parametrize(
    "goes_on",
    [
        ("* OK [CLOSED] A",),
        opened(validity=8),
        ("{second} OK done",),
    ],
    ids=["closed", "another UIDVALIDITY", "opened"],
)
async def test_a_server_that_goes_on_to_b_before_it_answered_for_a_is_not_believed_at_all(goes_on):
    """What came then may be B's mail, and would be stored in A: both folders hold a message of that UID."""

    async def talk(server):
        first, bodies, second, others = await two_flights(server)
        server.say(*opened(), f"{first} OK done", *(line.format(second=second) for line in goes_on))
        server.say(whole("B", 1), f"{bodies} OK done", whole("A", 1), f"{others} OK done")

    async with pool_of(talk) as pool:
        a, b = Reader(pool, "A", 1), Reader(pool, "B", 1, validity="8")
        await a.fails(ConnectionLost)
        await b.fails(ConnectionLost)
        assert pool.open_now == 0


async def test_mixed_answers_about_one_mailbox_belong_to_their_uids():
    async def talk(server):
        select, first = await server.command("SELECT .*"), await server.command("UID FETCH 1:2 .*")
        second = await server.command("UID FETCH 3:4 .*")
        server.say(*opened(4), f"{select} OK done", whole("A", 1), whole("A", 3), whole("A", 4), f"{second} OK done")
        server.say(whole("A", 2), f"{first} OK done")

    async with pool_of(talk) as pool:
        one, two = Reader(pool, "A", 1, 2), Reader(pool, "A", 3, 4)
        await asyncio.gather(one.task, two.task)
    assert (one.found, two.found) == (read("A", 1, 2), read("A", 3, 4))


async def test_what_a_flight_left_open_is_asked_over_a_session_alone():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH 1:3 .*")
        server.say(*opened(), f"{select} OK done", whole("A", 1), f"{fetch} OK done")
        await server.answer("NOOP", "* 1 EXPUNGE", "OK done")
        await server.answer("UID SEARCH UID 2:3", "* SEARCH 3", "OK done")
        await server.answer(f"UID FETCH 3 {WHOLE}", whole("A", 3), "OK done")

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 1, 2, 3)
        await reader.task
    assert reader.found == {**read("A", 1, 3), 2: Gone("2")}


async def test_a_body_that_is_repeated_is_kept_once_and_the_first_is_it():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(*opened(), f"{select} OK done", *[whole("A", 1), whole("A", 2)] * 3, f"{fetch} OK done")

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 1, 2)
        await reader.task
    assert reader.found == read("A", 1, 2)


def test_messages_of_unstated_size_may_be_as_large_as_small_ones_are():
    arrivals = Arrivals(UidSet([(1, 50)]), {})
    for uid in range(1, 51):
        arrivals.take(Fetched(uid, uid, body=b"x" * LARGE))
    assert len(arrivals.bodies) == 50


def test_of_a_body_that_is_repeated_no_second_one_is_held():
    arrivals, first = Arrivals(UidSet.of([1]), {}), Fetched(1, 1, body=b"body")
    for again in (first, Fetched(1, 1, body=b"body"), Fetched(1, 2, body=b"not wanted")):
        arrivals.take(again)
    assert [id(each) for each in arrivals.bodies] == [id(first)]


async def test_of_different_bodies_for_one_message_none_is_believed_and_it_is_asked_for_alone():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH 1:3 .*")
        server.say(*opened(), f"{select} OK done", whole("A", 1), whole("A", 2), whole("A", 3))
        server.say(whole("B", 2), whole("B", 3), whole("A", 2), f"{fetch} OK done")
        await server.answer("NOOP", "OK done")
        await server.answer("UID SEARCH UID 2:3", "* SEARCH 2 3", "OK done")
        await server.answer("UID FETCH 2:3 .*", whole("A", 2), whole("A", 3), whole("B", 3), whole("B", 1), "OK done")

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 1, 2, 3)
        await reader.task
    assert reader.found == {**read("A", 1, 2), 3: Unreadable("3", DISPUTED)}


@pytest.mark.parametrize("alone", [False, True])
async def test_a_server_that_does_not_stop_to_repeat_a_body_is_given_up(monkeypatch, alone):
    monkeypatch.setattr(bodies, "FLOOR", 1000)

    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(*opened(), f"{select} OK done")
        if alone:
            server.say(f"{fetch} BAD one after the other, please")
            await server.command("UID FETCH 1 .*")
        server.say(*[whole("A", 1)] * 100)

    async with pool_of(talk) as pool:
        failure = await Reader(pool, "A", 1).fails(ConnectionLost)
    assert "does not stop to send messages again" in str(failure)


async def test_a_server_that_does_not_understand_a_flight_is_asked_step_by_step():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(*opened(), f"{select} OK done", f"{fetch} BAD one after the other, please")
        await server.answer("UID FETCH 1 .*", whole("A", 1), "OK done")

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 1)
        await reader.task
    assert reader.found == read("A", 1)


async def test_one_piece_that_is_refused_is_halved_and_the_others_stand():
    async def talk(server):
        select = await server.command("SELECT .*")
        first, second = await server.command("UID FETCH 1:2 .*"), await server.command("UID FETCH 3:4 .*")
        server.say(*opened(4), f"{select} OK done", whole("A", 1), whole("A", 2), f"{first} OK done")
        server.say(f"{second} NO [SERVERBUG] 4 is broken")
        await server.answer("UID FETCH 3 .*", whole("A", 3), "OK done")
        await server.answer("UID FETCH 4 .*", "NO 4 is broken")
        await server.answer("NOOP", "OK done")
        await server.answer("UID SEARCH UID 4", "* SEARCH 4", "OK done")

    async with pool_of(talk, kind=ServerKind(batch_messages=2)) as pool:
        reader = Reader(pool, "A", 1, 2, 3, 4)
        await reader.task
    assert reader.found == {**read("A", 1, 2, 3), 4: Unreadable("4", "the server does not send it: 4 is broken")}


async def test_sizes_that_nobody_knows_are_asked_for_so_that_a_large_message_is_streamed():
    large = "x" * (LARGE + 1)

    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command(r"UID FETCH 1:2 \(UID RFC822.SIZE\)")
        server.say(*opened(), f"{select} OK done", "* 1 FETCH (UID 1 RFC822.SIZE 20)")
        server.say(f"* 2 FETCH (UID 2 RFC822.SIZE {LARGE + 1})", f"{fetch} OK done")
        await server.answer(f"UID FETCH 1 {WHOLE}", whole("A", 1), "OK done")
        await server.answer("UID FETCH 2 .*", f"* 2 FETCH (UID 2 FLAGS () RFC822.SIZE {LARGE + 1})", "OK done")
        await server.answer(
            r"UID FETCH 2 \(UID BODY.*", f"* 2 FETCH (UID 2 BODY[] {{{LARGE + 1}}}\r\n{large})", "OK done"
        )

    async with pool_of(talk) as pool:
        reader = Reader(pool, "A", 1, 2, sizes=None)
        await reader.task
    assert reader.found == {**read("A", 1), 2: large.encode()}


async def test_sizes_behind_a_select_of_another_validity_are_not_kept():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(*opened(validity=8), f"{select} OK done", "* 1 FETCH (UID 1 RFC822.SIZE 20)", f"{fetch} OK done")

    async with pool_of(talk) as pool:
        sizes = {}
        with pytest.raises(FolderError, match="UIDVALIDITY"):
            await anext(read_messages(Opening(pool, "A", read_only=False, validity="7"), sizes, [1]))
    assert sizes == {}


async def test_a_lost_connection_fails_all_its_readers():
    async def talk(server):
        first, bodies, _, _ = await two_flights(server)
        server.say(*opened(), f"{first} OK done", whole("A", 1), f"{bodies} OK done")
        server.writer.close()

    async with pool_of(talk) as pool:
        a, b = Reader(pool, "A", 1), Reader(pool, "B", 1)
        await b.fails(ConnectionLost)
        await a.task
    assert a.found == read("A", 1)


async def test_who_reads_alone_is_not_hurt_by_what_breaks_the_connection_of_another():
    async def breaks(server):
        await server.command('SELECT "A"')
        await server.command(f"UID FETCH 1 {WHOLE}")
        server.writer.close()

    async def talk(server):
        select, fetch = await server.command('SELECT "B"'), await server.command(f"UID FETCH 1 {WHOLE}")
        server.say(*opened(), f"{select} OK done", whole("B", 1), f"{fetch} OK done")
        await server.answer('SELECT "A"', *opened(), "OK done")
        await server.answer("NOOP", "OK done")
        await server.answer("UID SEARCH UID 1", "* SEARCH 1", "OK done")

    async with pool_of(breaks, talk, size=1) as pool:
        a, b = Reader(pool, "A", 1, alone=True), Reader(pool, "B", 1, alone=True)
        await b.task
        await a.task
    assert b.found == read("B", 1)
    assert "breaks when it is sent" in a.found[1].reason


async def test_a_reader_that_is_cancelled_takes_nothing_from_the_others():
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def talk(server):
        first, bodies, second, others = await two_flights(server)
        asked.set()
        await cancelled.wait()
        server.say(*opened(), f"{first} OK done", whole("A", 1), f"{bodies} OK done")
        server.say(*opened(), f"{second} OK done", whole("B", 1), f"{others} OK done")

    async with pool_of(talk) as pool:
        a, b = Reader(pool, "A", 1), Reader(pool, "B", 1)
        await asked.wait()
        a.task.cancel()
        await asyncio.wait([a.task])
        cancelled.set()
        await b.task
    assert (a.found, b.found) == ({}, read("B", 1))


async def test_flags_are_those_that_came_with_the_body():
    async def talk(server):
        select, fetch = await server.command("SELECT .*"), await server.command("UID FETCH .*")
        server.say(*opened(), f"{select} OK done", whole("A", 1), "* 1 FETCH (UID 1 FLAGS ())", f"{fetch} OK done")

    async with pool_of(talk) as pool:
        opening = Opening(pool, "A", read_only=False)
        (item,) = [item async for item in read_messages(opening, {1: 20}, [1])]
    assert item.flags == {SEEN}
