import asyncio

import pytest
from tests.fakes.talking import talking

from postboat.errors import CommandFailed, ConnectionLost
from postboat.imap.appending import FIRST, GROUP, GROWTH, MOST_OCTETS, Window, append_many
from postboat.model import SEEN

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"
APPENDED = r'APPEND "A" \(\) Subject: .\r\n\r\nhello\r\n'
TOGETHER = ("LITERAL+", "UIDPLUS", "MULTIAPPEND")
ONE = (frozenset(), None, len(MESSAGE), MESSAGE)


async def append(session, messages, window=None):
    """Append and give the outcomes in the order of the messages."""
    outcomes = await append_many(session, "A", messages, window or Window())
    return [outcomes[place] for place in range(len(messages))]


async def test_messages_are_appended_in_one_flight_where_literals_need_no_consent():
    async def talk(server):
        tags = [await server.command(r'APPEND "A" \(.*\) .*hello\r?\n?') for _ in range(3)]
        server.say(f"{tags[0]} OK [APPENDUID 7 20] done", f"{tags[1]} NO [CANNOT] ugly", f"{tags[2]} OK done")

    async with talking(talk, "LITERAL+") as session:
        message = (frozenset({SEEN}), None, len(MESSAGE), MESSAGE)
        outcomes = await append(session, [message] * 3)
    assert outcomes[0] == (7, 20)
    assert isinstance(outcomes[1], CommandFailed)
    assert (outcomes[1].code, outcomes[1].text) == ("CANNOT", "ugly")
    assert outcomes[2] is None


async def test_without_literal_plus_messages_are_appended_one_by_one():
    async def talk(server):
        await server.answer('APPEND "A" .*', "OK [APPENDUID 7 20] done")
        await server.answer('APPEND "A" .*', "OK [APPENDUID 7 21] done")

    async with talking(talk) as session:
        message = (frozenset(), 0.0, len(MESSAGE), MESSAGE)
        assert await append(session, [message] * 2) == [(7, 20), (7, 21)]


async def test_the_next_message_is_asked_for_while_the_one_before_is_answered():
    async def talk(server):
        first = await server.command('APPEND "A" .*')
        asked = (await server.hear()).partition(" ")
        server.say(f"{first} OK [APPENDUID 7 20] done", "+ go on")
        await server.reader.readexactly(len(MESSAGE) + 2)
        server.say(f"{asked[0]} OK [APPENDUID 7 21] done")

    async with talking(talk) as session:
        assert await append(session, [ONE] * 2) == [(7, 20), (7, 21)]


async def test_after_a_refusal_that_speaks_of_the_mailbox_the_rest_is_not_tried():
    async def talk(server):
        for _ in range(2):
            tag = await server.hear()
            server.say(f"{tag.split()[0]} NO [TRYCREATE] no such mailbox")
        await server.answer("NOOP", "OK done")

    async with talking(talk) as session:
        outcomes = await append(session, [ONE] * 5)
        assert [outcome.code for outcome in outcomes] == ["TRYCREATE"] * 5
        await session.noop()


async def test_only_what_was_on_its_way_is_sent_to_a_full_mailbox():
    async def talk(server):
        tags = [await server.command(APPENDED) for _ in range(FIRST)]
        server.say(f"{tags[0]} NO [OVERQUOTA] full", *(f"{tag} OK done" for tag in tags[1:]))
        await server.answer("NOOP", "OK done")

    async with talking(talk, "LITERAL+") as session:
        outcomes = await append(session, [ONE] * (FIRST + 10))
        assert isinstance(outcomes[0], CommandFailed)
        assert outcomes == [outcomes[0], *[None] * (FIRST - 1), *[outcomes[0]] * 10]
        await session.noop()


async def test_the_more_a_server_took_the_more_is_on_its_way():
    async def talk(server):
        first = [await server.command(APPENDED) for _ in range(FIRST)]
        server.say(*(f"{tag} OK done" for tag in first))
        then = [await server.command(APPENDED) for _ in range(FIRST * GROWTH)]
        server.say(*(f"{tag} OK done" for tag in then))

    async with talking(talk, "LITERAL+") as session:
        assert await append(session, [ONE] * (FIRST + FIRST * GROWTH)) == [None] * (FIRST + FIRST * GROWTH)


async def test_what_a_mailbox_took_before_counts_for_the_next_batch():
    window = Window()

    async def talk(server):
        for count in (FIRST, FIRST * 2):
            tags = [await server.command(APPENDED) for _ in range(count)]
            server.say(*(f"{tag} OK done" for tag in tags))

    async with talking(talk, "LITERAL+") as session:
        await append(session, [ONE] * FIRST, window)
        await append(session, [ONE] * FIRST * 2, window)


async def test_no_more_octets_are_on_their_way_than_may_be():
    size = MOST_OCTETS // 2
    large = (frozenset(), None, size, b"x" * size)

    async def waits(server):
        tags = [await server.command('APPEND "A" .*') for _ in range(2)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.reader.readline()
        server.say(*(f"{tag} OK done" for tag in tags))
        server.say(f"{await server.command(APPENDED)} OK done")

    async with talking(waits, "LITERAL+") as session:
        assert await append(session, [large, large, ONE]) == [None] * 3


# Several in one command


async def test_small_messages_share_a_command_and_get_its_uids_in_their_order():
    async def talk(server):
        group = await server.command(r'APPEND "A"' + r" \(.*?\) Subject: x\r\n\r\nhello\r\n" * 3)
        server.say(f"{group} OK [APPENDUID 7 20,31:32] done")

    async with talking(talk, *TOGETHER) as session:
        assert await append(session, [(frozenset({SEEN}), None, len(MESSAGE), MESSAGE), ONE, ONE]) == [
            (7, 20),
            (7, 31),
            (7, 32),
        ]


@pytest.mark.parametrize("told", ["APPENDUID 7 20:21", "APPENDUID 7 22,21,20", "APPENDUID 7 20,20,21", "ALERT"])
async def test_uids_that_cannot_be_those_of_a_group_are_not_given_to_it(told):
    async def talk(server):
        await server.answer("APPEND .*", f"OK [{told}] done")

    async with talking(talk, *TOGETHER) as session:
        assert await append(session, [ONE] * 3) == [None] * 3


@pytest.mark.parametrize("refusal", ["NO one of them is ugly", "NO [OVERQUOTA] full", "BAD what?"])
async def test_a_refused_group_is_sent_again_message_by_message(refusal):
    async def talk(server):
        await server.answer(r'APPEND "A"' + r" \(\) Subject: x\r\n\r\nhello\r\n" * 3, refusal)
        tags = [await server.command(APPENDED) for _ in range(3)]
        server.say(f"{tags[0]} OK [APPENDUID 7 20] done", f"{tags[1]} NO ugly", f"{tags[2]} OK [APPENDUID 7 21] done")

    async with talking(talk, *TOGETHER) as session:
        outcomes = await append(session, [ONE] * 3)
        assert outcomes[::2] == [(7, 20), (7, 21)]
        assert isinstance(outcomes[1], CommandFailed)


@pytest.mark.parametrize("code", ["TRYCREATE", "NONEXISTENT", "READ-ONLY"])
async def test_a_group_refused_for_the_mailbox_is_not_sent_again(code):
    async def talk(server):
        await server.answer("APPEND .*", f"NO [{code}] no")
        await server.answer("NOOP", "OK done")

    async with talking(talk, *TOGETHER) as session:
        assert [outcome.code for outcome in await append(session, [ONE] * (GROUP + 1))] == [code] * (GROUP + 1)
        await session.noop()


async def test_outcomes_come_in_the_order_in_which_messages_were_stored():
    other = MESSAGE.replace(b"x", b"y")

    async def talk(server):
        groups = [await server.command("APPEND .*") for _ in range(2)]
        server.say(f"{groups[0]} NO [CANNOT] ugly", f"{groups[1]} OK done")
        for _ in range(FIRST):
            server.say(f"{await server.command('APPEND .*Subject: x.*')} OK done")

    window = Window()
    window.taken(FIRST)
    window.group = FIRST
    async with talking(talk, *TOGETHER) as session:
        outcomes = await append_many(
            session, "A", [ONE] * FIRST + [(frozenset(), None, len(other), other)] * FIRST, window
        )
        assert list(outcomes) == [*range(FIRST, 2 * FIRST), *range(FIRST)]
        assert window.group < FIRST


async def test_what_must_be_asked_for_or_is_streamed_shares_no_command():
    async def chunks():
        yield MESSAGE

    large = b"x" * 4097

    async def talk(server):
        await server.answer(APPENDED, "OK [APPENDUID 7 20] done")
        await server.answer(r'APPEND "A" \(\) x+', "OK [APPENDUID 7 21] done")
        await server.answer(APPENDED, "OK [APPENDUID 7 22] done")

    async with talking(talk, "LITERAL-", "UIDPLUS", "MULTIAPPEND") as session:
        messages = [(frozenset(), None, len(MESSAGE), chunks), (frozenset(), None, len(large), large), ONE]
        assert await append(session, messages) == [(7, 20), (7, 21), (7, 22)]


async def test_without_uidplus_no_messages_share_a_command():
    async def talk(server):
        tags = [await server.command(APPENDED) for _ in range(3)]
        server.say(*(f"{tag} OK done" for tag in tags))

    async with talking(talk, "LITERAL+", "MULTIAPPEND") as session:
        await append(session, [ONE] * 3)


# Messages that come in pieces


async def test_an_appended_message_may_be_streamed():
    async def chunks():
        yield MESSAGE[:5]
        yield MESSAGE[5:]

    async def talk(server):
        await server.answer(r'APPEND "A" \(\) "22-Nov-2026 20:00:00 \+0000" Subject: x.*', "OK [APPENDUID 7 20] done")

    async with talking(talk, "LITERAL+") as session:
        assert await append(session, [(frozenset(), 1795377600.0, len(MESSAGE), chunks)]) == [(7, 20)]


async def test_a_message_that_changed_its_length_on_the_way_leaves_the_outcome_unknown():
    async def chunks():
        yield MESSAGE[:5]

    async def talk(server):
        await server.hear()

    async with talking(talk, "LITERAL+") as session:
        with pytest.raises(ConnectionLost):
            await append(session, [(frozenset(), None, len(MESSAGE), chunks)])
        assert not session.alive


@pytest.mark.parametrize("told", ["APPENDUID 7 20:21", "APPENDUID x y", "APPENDUID", "COPYUID 7 1 2"])
async def test_an_appenduid_that_makes_no_sense_is_none(told):
    async def talk(server):
        await server.answer("APPEND .*", f"OK [{told}] done")

    async with talking(talk, "LITERAL+") as session:
        assert await append(session, [(frozenset(), None, len(MESSAGE), MESSAGE)]) == [None]
