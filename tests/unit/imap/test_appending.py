import pytest
from tests.fakes.talking import talking

from postboat.errors import CommandFailed, ConnectionLost
from postboat.imap.appending import AHEAD, append_many
from postboat.model import SEEN

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


async def test_messages_are_appended_in_one_flight_where_literals_need_no_consent():
    async def talk(server):
        tags = [await server.command(r'APPEND "A" \(.*\) .*hello\r?\n?') for _ in range(3)]
        server.say(f"{tags[0]} OK [APPENDUID 7 20] done", f"{tags[1]} NO [CANNOT] ugly", f"{tags[2]} OK done")

    async with talking(talk, "LITERAL+") as session:
        message = (frozenset({SEEN}), None, len(MESSAGE), MESSAGE)
        outcomes = await append_many(session, "A", [message] * 3)
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
        assert await append_many(session, "A", [message] * 2) == [(7, 20), (7, 21)]


async def test_after_a_refusal_that_speaks_of_the_mailbox_the_rest_is_not_tried():
    async def talk(server):
        tag = await server.hear()
        server.say(f"{tag.split()[0]} NO [TRYCREATE] no such mailbox")
        await server.answer("NOOP", "OK done")

    async with talking(talk) as session:
        message = (frozenset(), None, len(MESSAGE), MESSAGE)
        outcomes = await append_many(session, "A", [message] * 3)
        assert [outcome.code for outcome in outcomes] == ["TRYCREATE"] * 3
        await session.noop()


async def test_with_literal_plus_only_what_was_on_its_way_is_sent_to_a_full_mailbox():
    async def talk(server):
        tags = [await server.command(r'APPEND "A" \(.*\) .*hello\r?\n?') for _ in range(AHEAD)]
        server.say(f"{tags[0]} OK [APPENDUID 7 20] done")
        tags.append(await server.command(r'APPEND "A" \(.*\) .*hello\r?\n?'))
        server.say(f"{tags[1]} NO [OVERQUOTA] full", *(f"{tag} OK done" for tag in tags[2:]))
        await server.answer("NOOP", "OK done")

    async with talking(talk, "LITERAL+") as session:
        message = (frozenset(), None, len(MESSAGE), MESSAGE)
        outcomes = await append_many(session, "A", [message] * (AHEAD + 10))
        refused = outcomes[1]
        assert isinstance(refused, CommandFailed)
        assert outcomes == [(7, 20), refused, *[None] * (AHEAD - 1), *[refused] * 9]
        await session.noop()


async def test_an_appended_message_may_be_streamed():
    async def chunks():
        yield MESSAGE[:5]
        yield MESSAGE[5:]

    async def talk(server):
        await server.answer(r'APPEND "A" \(\) "22-Nov-2026 20:00:00 \+0000" Subject: x.*', "OK [APPENDUID 7 20] done")

    async with talking(talk, "LITERAL+") as session:
        assert await append_many(session, "A", [(frozenset(), 1795377600.0, len(MESSAGE), chunks)]) == [(7, 20)]


async def test_a_message_that_changed_its_length_on_the_way_leaves_the_outcome_unknown():
    async def chunks():
        yield MESSAGE[:5]

    async def talk(server):
        await server.hear()

    async with talking(talk, "LITERAL+") as session:
        with pytest.raises(ConnectionLost):
            await append_many(session, "A", [(frozenset(), None, len(MESSAGE), chunks)])
        assert not session.alive


@pytest.mark.parametrize("told", ["APPENDUID 7 20:21", "APPENDUID x y", "APPENDUID", "COPYUID 7 1 2"])
async def test_an_appenduid_that_makes_no_sense_is_none(told):
    async def talk(server):
        await server.answer("APPEND .*", f"OK [{told}] done")

    async with talking(talk, "LITERAL+") as session:
        assert await append_many(session, "A", [(frozenset(), None, len(MESSAGE), MESSAGE)]) == [None]
