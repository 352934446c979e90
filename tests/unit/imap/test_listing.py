import pytest
from tests.fakes.talking import talking

from postboat.errors import CommandFailed
from postboat.imap.listing import create, is_lock, mailboxes, status, subscribe


async def test_a_mailbox_listed_twice_is_one():
    async def talk(server):
        await server.answer(
            'LIST "" "\\*"', '* LIST (\\HasChildren) "/" A', "* LIST (\\Sent) NIL A", '* LIST () "/" B', "OK done"
        )

    async with talking(talk) as session:
        first, second = await mailboxes(session)
    assert (first.name, first.delimiter, first.attributes) == ("A", "/", {"\\haschildren", "\\sent"})
    assert second.name == "B"


async def test_a_refused_list_is_no_empty_list():
    async def talk(server):
        await server.answer("LIST .*", '* LIST () "/" A', "NO not now")

    async with talking(talk) as session:
        with pytest.raises(CommandFailed):
            await mailboxes(session)


async def test_status_takes_the_numbers_of_its_own_mailbox_only():
    async def talk(server):
        await server.answer(
            r'STATUS "inbox" \(MESSAGES UIDNEXT\)', "* STATUS B (MESSAGES 9)", "* STATUS INBOX (MESSAGES 2)", "OK done"
        )

    async with talking(talk) as session:
        assert await status(session, "inbox", ["MESSAGES", "UIDNEXT"]) == {"MESSAGES": 2}


async def test_creating_and_subscribing():
    async def talk(server):
        await server.answer('CREATE "A"', "OK done")
        await server.answer('SUBSCRIBE "A"', "OK done")

    async with talking(talk) as session:
        await create(session, "A")
        await subscribe(session, "A")


@pytest.mark.parametrize(("name", "locks"), [("Work.lock", True), ("Work", False), ("Work.lock/Old", False)])
def test_a_lock_is_told_by_its_name(name, locks):
    assert is_lock(name) == locks
