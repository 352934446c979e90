"""Servers that search for nothing are asked for a list in its place, and those out of order are not."""

import pytest
from tests.fakes.talking import talking

from postboat.errors import CommandFailed
from postboat.imap.unsearchable import found_or_listed, listed
from postboat.imap.wire.uid_set import UidSet
from postboat.model import DELETED


async def opened(server):
    await server.answer('SELECT "INBOX"', "* 3 EXISTS", "* OK [UIDVALIDITY 7] valid", "OK selected")


async def lists(server, pattern):
    await server.answer(
        pattern,
        "* 1 FETCH (UID 4 FLAGS (\\Seen))",
        "* 2 FETCH (UID 6 FLAGS (\\Seen \\Deleted))",
        "* 3 FETCH (FLAGS (\\Deleted))",
        "* 3 FETCH (UID 9 FLAGS ())",
        "OK done",
    )


@pytest.mark.parametrize(("flag", "found"), [("", "4,6,9"), (DELETED, "6")])
async def test_what_cannot_be_searched_for_is_listed(flag, found):
    async def server_side(server):
        await opened(server)
        await server.answer("UID SEARCH UID 1:4294967295.*", "BAD UID SEARCH invalid argument")
        await lists(server, r"UID FETCH 1:4294967295 \(UID FLAGS\)")

    async with talking(server_side) as session:
        await session.select("INBOX")
        assert await found_or_listed(session, "UID 1:4294967295 DELETED", flag=flag) == UidSet.parse(found)


async def test_a_list_tells_of_no_message_that_was_not_meant():
    async def server_side(server):
        await opened(server)
        await lists(server, r"UID FETCH 4,9 \(UID FLAGS\)")

    async with talking(server_side) as session:
        await session.select("INBOX")
        assert await listed(session, UidSet.parse("4,9")) == UidSet.parse("4,9")


async def test_a_refusal_for_another_reason_is_a_refusal():
    async def server_side(server):
        await opened(server)
        await server.answer("UID SEARCH .*", "NO [SERVERBUG] internal error")

    async with talking(server_side) as session:
        await session.select("INBOX")
        with pytest.raises(CommandFailed, match="internal error"):
            await found_or_listed(session, "UID 1:4294967295")
