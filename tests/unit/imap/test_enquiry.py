"""Folders listed with their numbers: what is asked, what is believed, and what is asked again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox

from postboat.errors import AccountError
from postboat.imap.folders import ImapFolders
from postboat.imap.memory import Lesson, ServerMemory
from postboat.model import INBOX, FolderName, Glimpse

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.folder_list import FolderList

PLAIN = "IMAP4REV1 NAMESPACE"
COUNTS = f"{PLAIN} LIST-EXTENDED LIST-STATUS"
ALL = f"{COUNTS} SPECIAL-USE CONDSTORE"
A, B = FolderName.of("A"), FolderName.of("A", "B")
NUMBERS = b"(MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 5)"
ITEMS = "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ"


class Server(LyingServer):
    """Lists INBOX, A and A/B; `extended` is what its extended LIST answers in place of that, a refusal if empty."""

    def __init__(self, capabilities: str, *extended: bytes, status: bytes = NUMBERS) -> None:
        super().__init__(capabilities)
        self.boxes |= {"A": Mailbox(), "A/B": Mailbox()}
        self.extended = extended
        self.lies["LIST"] = self._list
        self.lies["STATUS"] = lambda _, command: Answer([b"STATUS " + command.split(b" ")[1] + b" " + status])

    def _list(self, answer: Answer, command: bytes) -> Answer:
        if b"RETURN" not in command:
            return answer
        return Answer(list(self.extended)) if self.extended else Answer(tagged=b"BAD what?")


def shown(name: bytes, numbers: bytes | None = NUMBERS, attributes: bytes = b"") -> list[bytes]:
    listed = b'LIST (%b) "/" "%b"' % (attributes, name)
    return [listed] if numbers is None else [listed, b'STATUS "%b" %b' % (name, numbers)]


EVERYTHING = (*shown(b"INBOX"), *shown(b"A"), *shown(b"A/B"))


def remembering(capabilities: str, **more: object) -> ServerMemory:
    memory = ServerMemory()
    memory.learn(Lesson("there", "me", "", frozenset(capabilities.split())))
    memory.correct(delimiter="/", **more)
    return memory


async def listed(
    server: Server,
    *,
    known: Collection[FolderName] = (),
    memory: ServerMemory | None = None,
    owner: str = "",
    subscribed_only: bool = False,
    reference: str = "",
) -> FolderList:
    async with server.pool() as pool:
        folders = ImapFolders(pool, owner=owner, memory=memory)
        return await folders.list(known=known, subscribed_only=subscribed_only, reference=reference)


def glimpses(found: FolderList) -> dict[str, Glimpse | None]:
    return {str(folder.name): folder.glimpse for folder in found.folders}


CHECKPOINT = json.dumps((7, 9, 3, 5))


async def test_a_list_that_counts_is_all_that_is_asked() -> None:
    server = Server(ALL, *EVERYTHING)
    found = await listed(server, owner="me@here", known=(INBOX, A))
    assert glimpses(found) == dict.fromkeys(("INBOX", "A", "A/B"), Glimpse("7 me@here", CHECKPOINT))
    assert server.commands("LIST", "LSUB", "STATUS", "NAMESPACE") == [
        f'LIST "" "*" RETURN (SPECIAL-USE STATUS ({ITEMS}))',
        "NAMESPACE",
    ]


async def test_nothing_is_asked_that_the_server_does_not_offer() -> None:
    server = Server(COUNTS, *EVERYTHING)
    await listed(server)
    assert server.commands("LIST") == ['LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY))']


async def test_a_mod_sequence_of_a_server_that_keeps_none_proves_nothing() -> None:
    found = await listed(Server(COUNTS, *EVERYTHING))
    assert glimpses(found)["A"] == Glimpse("7", None, likely="[7, 9, 3]")


@pytest.mark.parametrize("missing", [b"MESSAGES 3 ", b"UIDNEXT 9 ", b"HIGHESTMODSEQ 5"])
async def test_numbers_of_which_one_is_missing_prove_nothing(missing: bytes) -> None:
    found = await listed(Server(ALL, *shown(b"INBOX", NUMBERS.replace(missing, b""))))
    assert glimpses(found)["INBOX"] == Glimpse("7", None)


@pytest.mark.parametrize("numbers", [NUMBERS.replace(b"UIDVALIDITY 7", b"UIDVALIDITY 0"), b"(MESSAGES 3)", None])
async def test_a_folder_of_which_no_uidvalidity_is_told_is_unknown_and_not_gone(numbers: bytes | None) -> None:
    found = await listed(Server(ALL, *shown(b"INBOX"), *shown(b"A", numbers)))
    assert glimpses(found)["A"] is None


async def test_numbers_told_at_different_times_are_not_put_together() -> None:
    later = b'STATUS "A" (HIGHESTMODSEQ 6)'
    found = await listed(Server(ALL, *shown(b"INBOX"), *shown(b"A"), later))
    assert glimpses(found)["A"] is None


async def test_an_inbox_is_an_inbox_however_it_is_spelt() -> None:
    found = await listed(Server(ALL, b'LIST () "/" "inbox"', b"STATUS Inbox " + NUMBERS))
    assert glimpses(found)["INBOX"] == Glimpse("7", CHECKPOINT)


# Without a LIST that counts


async def test_known_folders_are_counted_one_by_one_in_the_flight_of_the_plain_list() -> None:
    server = Server(f"{PLAIN} CONDSTORE")
    found = await listed(server, known=(B, A), memory=remembering(PLAIN))
    assert glimpses(found) == {"INBOX": None, "A": Glimpse("7", CHECKPOINT), "A/B": Glimpse("7", CHECKPOINT)}
    assert server.commands("LIST", "STATUS") == ['LIST "" "*"', f'STATUS "A" ({ITEMS})', f'STATUS "A/B" ({ITEMS})']


async def test_a_folder_that_cannot_be_counted_is_unknown() -> None:
    server = Server(PLAIN)
    server.lies["STATUS"] = lambda _, __: Answer(tagged=b"NO [NONEXISTENT] who?")
    assert glimpses(await listed(server, known=(A,)))["A"] is None


async def test_names_made_with_another_delimiter_than_the_servers_tell_nothing_wrong() -> None:
    server = Server(PLAIN)
    server.boxes["A.B"] = Mailbox()
    memory = remembering(PLAIN)
    memory.correct(delimiter=".")
    found = await listed(server, known=(A, B), memory=memory)
    told = Glimpse("7", likely="[7, 9, 3]")
    assert glimpses(found) == {"INBOX": None, "A": told, "A/B": None, "A.B": told}
    assert memory.delimiter == "/"


async def test_below_a_reference_the_list_is_plain_and_the_inbox_is_asked_for_in_the_same_flight() -> None:
    server = Server(ALL)
    server.lies['LIST "A/"'] = lambda _, __: Answer([b'LIST () "/" "A/B"'])
    found = await listed(server, reference="A/", known=(B,), memory=remembering(ALL))
    assert list(glimpses(found)) == ["INBOX", "A/B"]
    assert server.commands("LIST", "STATUS") == ['LIST "A/" "*"', 'LIST "" "INBOX"', f'STATUS "A/B" ({ITEMS})']


# An extended LIST that does not do


@pytest.mark.parametrize(("answer", "tried"), [(b"BAD what?", 1), (b"NO not now", 2)])
async def test_a_refused_extended_list_is_followed_by_a_plain_one_and_one_not_understood_is_not_tried_again(
    answer: bytes, tried: int
) -> None:
    server, memory = Server(ALL), remembering(ALL)
    server.lies['LIST "" "*" RETURN'] = lambda _, __: Answer([b'LIST () "/" INBOX'], answer)
    for _ in range(2):
        assert glimpses(await listed(server, known=(A,), memory=memory))["A"] == Glimpse("7", CHECKPOINT)
    assert sum("RETURN" in command for command in server.commands("LIST")) == tried


@pytest.mark.parametrize("left_out", [b"INBOX", b"A"])
async def test_an_extended_list_that_leaves_out_what_there_is_is_not_believed(left_out: bytes) -> None:
    rest = [line for name in (b"INBOX", b"A", b"A/B") if name != left_out for line in shown(name)]
    memory = remembering(ALL)
    found = await listed(Server(ALL, *rest), known=(A,), memory=memory)
    assert set(glimpses(found)) == {"INBOX", "A", "A/B"}
    assert not memory.lists_all


async def test_an_empty_extended_list_is_not_an_empty_account() -> None:
    server = Server(ALL)
    server.lies['LIST "" "*" RETURN'] = lambda _, __: Answer()
    assert set(glimpses(await listed(server))) == {"INBOX", "A", "A/B"}


async def test_a_folder_that_the_plain_list_does_not_show_either_is_gone() -> None:
    server, memory = Server(ALL, *EVERYTHING), remembering(ALL)
    found = await listed(server, known=(A, FolderName.of("gone")), memory=memory)
    assert glimpses(found) == dict.fromkeys(("INBOX", "A", "A/B"), Glimpse("7", CHECKPOINT))
    assert memory.lists_all
    assert len(server.commands("LIST")) == 2


async def test_a_list_refused_in_both_forms_is_an_error() -> None:
    server = Server(ALL)
    server.lies["LIST"] = lambda _, __: Answer(tagged=b"NO not now")
    with pytest.raises(AccountError, match="does not list"):
        await listed(server)


# Subscriptions


async def test_an_extended_list_tells_the_subscriptions_too() -> None:
    server = Server(ALL, *shown(b"INBOX"), *shown(b"A", attributes=b"\\Subscribed"), *shown(b"A/B"))
    found = await listed(server, subscribed_only=True)
    assert [(folder.wire, folder.subscribed) for folder in found.folders] == [
        ("INBOX", True),
        ("A", True),
        ("A/B", False),
    ]
    assert not server.commands("LSUB")


async def test_a_server_that_tells_no_subscriptions_while_it_lists_is_asked_for_them() -> None:
    server, memory = Server(ALL, *EVERYTHING), remembering(ALL)
    server.lies["LSUB"] = lambda _, __: Answer([b'LSUB () "/" "A/B"'])
    found = await listed(server, subscribed_only=True, memory=memory)
    assert [(folder.wire, folder.subscribed) for folder in found.folders] == [
        ("INBOX", True),
        ("A", False),
        ("A/B", True),
    ]
    assert not memory.lists_all


# Asked early


async def test_a_listing_that_was_asked_for_while_the_session_was_opened_is_not_asked_for_again() -> None:
    server = Server(ALL, *EVERYTHING)
    async with server.pool() as pool:
        folders = ImapFolders(pool)
        opened = pool._dials.connect

        async def opens():
            session = await opened()
            assert await folders.ask_early(session, session.capabilities)
            return session

        pool._dials.connect = opens
        assert set(glimpses(await folders.list())) == {"INBOX", "A", "A/B"}
        assert len(server.commands("LIST")) == 1
        async with pool.session() as session:
            assert folders.ask_early(session, session.capabilities) is None


async def test_what_was_asked_for_in_vain_before_the_sign_in_was_over_is_asked_for_again() -> None:
    server, memory = Server(ALL, *EVERYTHING), remembering(ALL)
    refusals = [Answer(tagged=b"BAD who are you?")]
    server.lies['LIST "" "*" RETURN'] = lambda answer, _: refusals.pop() if refusals else answer
    async with server.pool() as pool:
        folders = ImapFolders(pool, memory=memory)
        opened = pool._dials.connect

        async def opens():
            session = await opened()
            assert folders.ask_early(session, session.capabilities)
            return session

        pool._dials.connect = opens
        assert set(glimpses(await folders.list())) == {"INBOX", "A", "A/B"}
        assert memory.lists_all


async def test_what_was_asked_for_on_the_strength_of_capabilities_that_are_gone_is_not_believed() -> None:
    server = Server(f"{PLAIN} CONDSTORE", *shown(b"INBOX"), *shown(b"A", b"(MESSAGES 9 UIDNEXT 9 UIDVALIDITY 9)"))
    async with server.pool() as pool:
        folders = ImapFolders(pool)
        opened = pool._dials.connect

        async def opens():
            session = await opened()
            assert folders.ask_early(session, frozenset(ALL.split()))
            return session

        pool._dials.connect = opens
        found = await folders.list(known=(A,))
        assert glimpses(found) == {"INBOX": None, "A": Glimpse("7", CHECKPOINT), "A/B": None}
