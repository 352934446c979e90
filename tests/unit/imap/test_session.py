import asyncio

import pytest
from tests.fakes.talking import greets, talking

from postboat.errors import CommandFailed, ConnectionLost, FolderError, FolderGone
from postboat.events import Light
from postboat.imap.server_kind import ANY
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import UidSet
from postboat.model import SEEN


async def opens(server, exists=3, *, command='SELECT "A"', end="OK [READ-WRITE] done"):
    await server.answer(
        command,
        f"* {exists} EXISTS",
        "* OK [UIDVALIDITY 7] valid",
        "* OK [UIDNEXT 20] next",
        "* OK [PERMANENTFLAGS (\\Seen \\Deleted \\*)] kept",
        end,
    )


# Selecting


async def test_a_mailbox_is_selected_and_kept_up_to_date():
    async def talk(server):
        await opens(server)
        await server.answer("NOOP", "* 1 EXPUNGE", "* 4 EXISTS", "OK done")

    async with talking(talk) as session:
        selected = await session.select("A")
        assert session.selected is selected
        assert (selected.exists, selected.uidvalidity, selected.uidnext) == (3, 7, 20)
        await session.noop()
        assert selected.exists == 4


@pytest.mark.parametrize("capability", ["CONDSTORE", "QRESYNC"])
async def test_condstore_is_asked_for_where_it_is_offered(capability):
    async def talk(server):
        await server.answer(r'SELECT "A" \(CONDSTORE\)', "* OK [HIGHESTMODSEQ 99] high", "OK done")

    async with talking(talk, capability) as session:
        assert (await session.select("A")).highestmodseq == 99


async def test_a_mailbox_is_opened_for_reading_by_examine():
    async def talk(server):
        await opens(server, command='EXAMINE "A"', end="OK [READ-ONLY] done")

    async with talking(talk) as session:
        assert (await session.select("A", read_only=True)).read_only


async def test_what_is_selected_in_the_wished_way_is_not_selected_again():
    async def talk(server):
        await opens(server)
        await opens(server, command='EXAMINE "A"')
        await opens(server, command='SELECT "B"', end="OK [READ-ONLY] no more than that")

    async with talking(talk) as session:
        first = await session.ensure("A")
        assert await session.ensure("A") is first
        assert (await session.ensure("A", read_only=True)).read_only
        shared = await session.ensure("B")
        assert shared.read_only
        assert await session.ensure("B") is shared


async def test_select_always_asks_the_server():
    async def talk(server):
        await opens(server)
        await opens(server, 9)

    async with talking(talk) as session:
        await session.select("A")
        assert (await session.select("A")).exists == 9


@pytest.mark.parametrize("refusal", ["NO [NONEXISTENT] Unknown Mailbox", "NO Mailbox doesn't exist: A"])
async def test_a_mailbox_that_is_gone_by_the_refusal(refusal):
    async def talk(server):
        await server.answer('SELECT "A"', refusal)

    async with talking(talk) as session:
        with pytest.raises(FolderGone):
            await session.select("A")
        assert session.selected is None


@pytest.mark.parametrize(
    ("listed", "error"),
    [((), FolderGone), (('* LIST (\\NonExistent) "/" A',), FolderGone), (('* LIST () "/" A',), FolderError)],
)
async def test_a_refusal_without_a_reason_is_settled_by_the_list(listed, error):
    async def talk(server):
        await server.answer('SELECT "A"', "NO sorry")
        await server.answer('LIST "" "A"', *listed, "OK done")

    async with talking(talk) as session:
        with pytest.raises(FolderError) as refusal:
            await session.select("A")
    assert type(refusal.value) is error


@pytest.mark.parametrize("refusal", ["NO [NOPERM] not yours", "BAD what?"])
async def test_a_refusal_with_another_reason_does_not_say_that_the_mailbox_is_gone(refusal):
    async def talk(server):
        await server.answer('SELECT "A"', refusal)

    async with talking(talk) as session:
        with pytest.raises(FolderError) as error:
            await session.select("A")
    assert type(error.value) is FolderError


# Fetching


async def test_only_data_with_a_uid_is_given_and_the_rest_counts_for_the_mailbox():
    async def talk(server):
        await opens(server)
        await server.answer(
            r"UID FETCH 1:4294967295 \(UID FLAGS\)",
            "* 1 FETCH (UID 5 FLAGS (\\Seen))",
            "* 2 FETCH (FLAGS ())",
            "* 3 EXPUNGE",
            "* 2 FETCH (FLAGS () UID 6)",
            "OK [EXPUNGEISSUED] done",
        )

    got = []
    async with talking(talk) as session:
        await session.select("A")
        condition = await session.fetch("1:4294967295", "UID FLAGS", got.append)
        assert session.selected.exists == 2
    assert [(message.uid, message.flags) for message in got] == [(5, {SEEN}), (6, frozenset())]
    assert condition.code.name == "EXPUNGEISSUED"


async def test_a_long_set_is_cut_into_commands_that_go_out_together():
    uids = UidSet.of(range(1, 8000, 2))
    pieces = list(uids.split(ANY.longest_set))
    assert len(pieces) > 2

    async def talk(server):
        await opens(server)
        tags = [await server.command(rf"UID FETCH {piece} \(UID\)") for piece in pieces]
        for tag, piece in zip(tags, pieces, strict=True):
            server.say(f"* 1 FETCH (UID {piece.last})", f"{tag} OK done")
        assert all(len(line) <= 8000 for line in server.heard)

    got = []
    async with talking(talk) as session:
        await session.select("A")
        await session.fetch(uids, "UID", got.append)
    assert [message.uid for message in got] == [piece.last for piece in pieces]


async def test_messages_are_looked_for_in_pieces_that_go_out_together():
    uids = UidSet.of(range(1, 8000, 2))
    pieces = list(uids.split(ANY.longest_set))

    async def talk(server):
        await opens(server)
        tags = [await server.command(rf"UID SEARCH UID {piece}") for piece in pieces]
        for tag, piece in zip(tags, pieces, strict=True):
            server.say(f"* SEARCH 2 {piece.last}", f"{tag} OK done")
        assert all(len(line) <= 8000 for line in server.heard)

    async with talking(talk) as session:
        await session.select("A")
        assert await session.present(uids) == UidSet.of(piece.last for piece in pieces)


async def test_one_refused_piece_is_a_refusal_though_all_answers_are_awaited():
    uids = UidSet.of(range(1, 4000, 2))

    async def talk(server):
        await opens(server)
        first, second = await server.command("UID FETCH .*"), await server.command("UID FETCH .*")
        server.say(f"{first} NO [UNAVAILABLE] not now", "* 1 FETCH (UID 3999)", f"{second} OK done")

    got = []
    async with talking(talk) as session:
        await session.select("A")
        with pytest.raises(CommandFailed, match="UID FETCH: NO not now") as refusal:
            await session.fetch(uids, "UID", got.append)
        assert not session.busy
    assert refusal.value.code == "UNAVAILABLE"
    assert [message.uid for message in got] == [3999]


async def test_a_body_is_streamed_with_its_exact_size():
    body = "x" * 200_000

    async def talk(server):
        await opens(server)
        tag = await server.command(r"UID FETCH 5 \(UID BODY.PEEK\[\]\)")
        server.say("* 1 FETCH (UID 5 BODY[] {200000}", f"{body})", f"{tag} OK done")

    async with talking(talk) as session:
        await session.select("A")
        async with session.stream(5) as (size, parts):
            assert size == 200_000
            assert b"".join([part async for part in parts]).decode() == body
        assert not session.busy


async def test_a_body_that_does_not_come_is_a_lookup_error():
    async def talk(server):
        await opens(server)
        await server.answer("UID FETCH 5 .*", "OK done")

    async with talking(talk) as session:
        await session.select("A")
        with pytest.raises(LookupError):
            async with session.stream(5):
                pass
        assert session.alive


async def test_a_body_that_is_refused_is_a_refusal():
    async def talk(server):
        await opens(server)
        await server.answer("UID FETCH 5 .*", "NO cannot read it")

    async with talking(talk) as session:
        await session.select("A")
        with pytest.raises(CommandFailed, match="cannot read it"):
            async with session.stream(5):
                pass
        assert session.alive


async def test_a_body_is_streamed_while_the_answer_to_our_introduction_is_owed():
    async def talk(server):
        identity = await server.command("ID .*")
        server.say("* OK still thinking", f"{identity} OK done")
        await server.answer("UID FETCH 5 .*", '* 1 FETCH (UID 5 BODY[] "hello")', "OK done")

    async def whole(server):
        await opens(server)
        await talk(server)

    async with talking(whole, "ID") as session:
        await session.select("A")
        session.introduce(session.capabilities)
        async with session.stream(5) as (size, parts):
            assert (size, [part async for part in parts]) == (5, [b"hello"])


@pytest.mark.parametrize("answer", [("* SEARCH 4 9", "* SEARCH 5"), ('* ESEARCH (TAG "x") UID ALL 4:5,9',)])
async def test_a_search_gives_uids_however_the_server_tells_them(answer):
    async def talk(server):
        await opens(server)
        await server.answer("UID SEARCH DELETED", *answer, "OK done")

    async with talking(talk) as session:
        await session.select("A")
        assert str(await session.search("DELETED")) == "4:5,9"


# Leaving


async def test_taking_leave():
    async def talk(server):
        await server.answer("LOGOUT", "* BYE bye", "OK done")

    async with talking(talk) as session:
        await session.logout()
        assert not session.alive


@pytest.mark.parametrize("manners", ["hangs up", "says nothing"])
async def test_taking_leave_never_raises_and_does_not_take_long(manners, monkeypatch):
    monkeypatch.setattr("postboat.imap.session.FAREWELL", 0.05)

    async def talk(server):
        await server.hear()
        if manners == "hangs up":
            server.writer.close()

    async with talking(talk) as session:
        async with asyncio.timeout(2):
            await session.logout()
        assert not session.alive


async def test_leaving_a_connection_that_is_gone_does_no_harm():
    async def talk(server):
        pass

    async with talking(talk) as session:
        session.abort()
        await session.logout()


async def test_a_lost_connection_fails_what_is_under_way():
    async def talk(server):
        await server.hear()
        server.writer.close()

    async with talking(talk) as session:
        with pytest.raises(ConnectionLost):
            await session.noop()
        assert not session.alive
        with pytest.raises(ConnectionLost):
            await session.select("A")


# The kind of server


async def test_sets_are_cut_and_commands_counted_as_the_kind_of_server_wants_it():
    uids = UidSet.of(range(1, 60_000, 2))
    seen = UidSet()

    async def talk(server):
        nonlocal seen
        await opens(server)
        waiting = [await server.command(r"UID EXPUNGE \S+") for _ in range(25)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.reader.readexactly(1)
        while waiting:
            server.say(f"{waiting.pop(0)} OK done")
            seen = UidSet(r for line in server.heard[1:] for r in UidSet.parse(line.split()[-1].decode()).ranges)
            if seen != uids and len(waiting) < 25:
                waiting.append(await server.command(r"UID EXPUNGE \S+"))
        assert max(map(len, server.heard)) <= 2000

    async with talking(talk) as session:
        session.recognise("outlook.office365.com")
        await session.select("A")
        await session.in_pieces(uids, commands.uid_expunge)
    assert seen == uids


async def test_the_answer_to_id_says_what_kind_of_server_it_is():
    async def talk(server):
        await server.answer(r'ID \("name" "Postboat".*\)', '* ID ("name" "Dovecot")', "OK done")
        await server.answer("NOOP", "OK done")

    async with talking(talk, "ID") as session:
        session.recognise("imap.example.org")
        assert session.kind.unproven
        session.introduce(session.capabilities)
        await session.noop()
        assert session.kind.name == "Dovecot"


# What is seen of it


async def test_a_session_shows_what_is_in_flight_then_what_was_since_the_last_look():
    async def talk(server):
        await opens(server)
        await server.answer("UID FETCH 1:9 .*", "OK done")

    async with talking(talk) as session:
        session.light()
        opening = asyncio.ensure_future(session.select("A"))
        await asyncio.sleep(0)
        assert session.light() == Light("opening", "A")
        await opening
        assert [session.light(), session.light()] == [Light("opening", "A"), Light("free", "A")]
        fetching = session.ask(commands.uid_fetch("1:9", "UID BODY.PEEK[]"))
        assert [session.light(), session.light()] == [Light("copying", "A")] * 2
        await fetching
        assert [session.light(), session.light()] == [Light("copying", "A"), Light("free", "A")]


async def test_the_oldest_of_several_commands_is_seen():
    async def talk(server):
        await opens(server)
        await server.answer("UID STORE .*", "OK done")

    async with talking(talk) as session:
        session.open("A")
        last = session.ask(commands.uid_store("1", "+", ["\\Deleted"]))
        assert session.light().doing == "opening"
        await last
        assert session.light().doing == "deleting"


async def test_a_session_that_overhears_what_happens_waits():
    async with talking(lambda server: server.answer("NOOP", "OK done")) as session:
        session.overhear(lambda _: None)
        await session.noop()
        assert session.light() == Light("waiting")
        session.overhear(None)
        assert session.light() == Light("free")


async def test_octets_are_counted_both_ways():
    async with talking(lambda server: server.answer("NOOP", "OK done")) as session:
        received, sent = session.octets
        assert (received, sent) == (len(greets()) + 2, 0)
        await session.noop()
        tag = session.octets[1] - len(" NOOP\r\n")
        assert 0 < tag < 8
        assert session.octets[0] == received + tag + len(" OK done\r\n")
