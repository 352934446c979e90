"""Folder names between the server's spelling and ours, and folders being made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox

from postboat.errors import AccountError, FolderError
from postboat.folder_list import FolderList, ListedFolder
from postboat.imap.folders import ImapFolders
from postboat.model import INBOX, FolderName

if TYPE_CHECKING:
    from collections.abc import Callable


def lists(*lines: str) -> Callable[[Answer, bytes], Answer]:
    return lambda _answer, _command: Answer([line.encode("latin-1") for line in lines])


async def listed(*lines: str, utf8: bool = True, inbox: bool = True) -> FolderList:
    server = LyingServer()
    server.lies["LIST"] = lists(*(['LIST () "/" INBOX'] if inbox else []), *lines)
    return await folders_of(server, utf8=utf8)


async def folders_of(server: LyingServer, *, utf8: bool = True, subscribed_only: bool = False) -> FolderList:
    async with server.pool() as pool:
        return await ImapFolders(pool, utf8=utf8).list(subscribed_only=subscribed_only)


def names(found: FolderList) -> list[tuple[str, ...]]:
    return [folder.name.parts for folder in found.folders]


async def test_names_are_split_at_the_delimiter_and_decoded() -> None:
    found = await listed(
        'LIST (\\HasChildren) "/" "[Gmail]"',
        'LIST (\\All) "/" "[Gmail]/All Mail"',
        'LIST () "/" "Entw&APw-rfe/2024.1 & \\"more\\""'.replace(" & ", " &- "),
        'LIST () "/" "a* b%"',
    )
    assert names(found) == [
        ("INBOX",),
        ("[Gmail]",),
        ("[Gmail]", "All Mail"),
        ("Entwürfe", '2024.1 & "more"'),
        ("a* b%",),
    ]
    assert found.delimiter == "/"
    assert found.folders[2].special_use == {"\\all"}
    assert found.folders[3].wire == 'Entw&APw-rfe/2024.1 &- "more"'
    assert not found.problems


async def test_roles_are_told_by_marks_and_elsewhere_by_names() -> None:
    found = await listed(
        'LIST (\\Junk) "/" "Strange"',
        'LIST () "/" "Spam"',
        'LIST () "/" "Gel&APY-scht"',
        'LIST () "/" "INBOX/Papierkorb"',
    )
    assert [folder.role for folder in found.folders] == ["", "junk", "", "trash", "trash"]
    encoded = await listed('LIST () "/" "Gel&APY-scht"', utf8=False)
    assert encoded.folders[1].role == "trash"


async def test_an_encoded_delimiter_makes_no_level() -> None:
    found = await listed('LIST () "." "2024&AC8-01"', 'LIST () "/" "here&AC8-there"')
    assert names(found) == [("INBOX",), ("2024&AC8-01",), ("here&AC8-there",)]
    assert len(found.problems) == 2


async def test_two_folders_of_one_name_are_told() -> None:
    found = await listed('LIST () "/" "a&b"', 'LIST () "/" "a&-b"')
    assert names(found) == [("INBOX",), ("a&b",)]
    assert any("means the same" in problem for problem in found.problems)


async def test_folders_that_hold_no_messages_are_not_selectable() -> None:
    found = await listed('LIST (\\Noselect) "/" A', 'LIST (\\NonExistent) "/" B', 'LIST (\\noInferiors) "/" C')
    assert {folder.wire: folder.selectable for folder in found.folders} == {
        "INBOX": True,
        "A": False,
        "B": False,
        "C": True,
    }


async def test_an_inbox_that_is_not_listed_is_asked_for() -> None:
    server = LyingServer()
    server.lies['LIST "" "*"'] = lists('LIST () "." "INBOX.Sent"')
    server.lies['LIST "" "INBOX"'] = lists('LIST () "." "INBOX"')
    found = await folders_of(server)
    assert names(found) == [("INBOX",), ("INBOX", "Sent")]


async def test_an_inbox_that_is_never_listed_is_there_all_the_same() -> None:
    assert names(await listed(inbox=False)) == [("INBOX",)]


async def test_only_the_top_level_inbox_has_no_case() -> None:
    found = await listed('LIST () "/" "inbox"', 'LIST () "/" "Work/Inbox"')
    assert names(found) == [("INBOX",), ("Work", "Inbox")]
    assert found.folders[0].wire == "INBOX"


async def test_a_name_with_an_empty_level_is_left_alone_and_told() -> None:
    found = await listed('LIST () "/" "a//b"', 'LIST () "/" "good"', 'LIST (\\Noselect) "/" "above/"')
    assert names(found) == [("INBOX",), ("good",), ("above",)]
    (problem,) = found.problems
    assert "a//b" in problem


async def test_a_name_that_is_not_modified_utf7_is_kept_as_it_is_and_told() -> None:
    found = await listed('LIST () "/" "caf\xe9"', 'LIST () "/" "a&b"')
    assert names(found) == [("INBOX",), ("caf\xe9",), ("a&b",)]
    assert [folder.wire for folder in found.folders[1:]] == ["caf\xe9", "a&b"]
    assert len(found.problems) == 2


async def test_names_may_stay_encoded() -> None:
    found = await listed('LIST () "/" "Entw&APw-rfe"', 'LIST () "/" "a&b"', utf8=False)
    assert names(found) == [("INBOX",), ("Entw&APw-rfe",), ("a&b",)]
    assert not found.problems


async def test_a_server_without_levels_is_understood() -> None:
    server = LyingServer()
    server.lies["LIST"] = lists("LIST () NIL INBOX", 'LIST () NIL "a/b.c"')
    server.lies["NAMESPACE"] = lists("NAMESPACE NIL NIL NIL")
    found = await folders_of(server)
    assert names(found) == [("INBOX",), ("a/b.c",)]
    assert found.delimiter is None


async def test_the_personal_prefix_is_told() -> None:
    server = LyingServer()
    server.lies["NAMESPACE"] = lists('NAMESPACE (("INBOX." ".")) NIL (("shared." "."))')
    server.lies["LIST"] = lists('LIST () "." INBOX')
    found = await folders_of(server)
    assert (found.namespace_prefix, found.delimiter) == ("INBOX.", ".")


@pytest.mark.parametrize("answer", [b"NO not now", b"BAD what"])
async def test_a_refused_listing_is_never_taken_for_no_folders(answer: bytes) -> None:
    server = LyingServer()
    server.lies["LIST"] = lambda _, __: Answer([b'LIST () "/" INBOX'], answer)
    with pytest.raises(AccountError, match="does not list"):
        await folders_of(server)


async def test_a_refused_namespace_does_no_harm() -> None:
    server = LyingServer()
    server.lies["NAMESPACE"] = lambda _, __: Answer(tagged=b"NO none")
    assert (await folders_of(server)).namespace_prefix == ""


async def test_only_subscribed_folders_may_be_wanted() -> None:
    server = LyingServer()
    server.lies["LIST"] = lists('LIST () "/" INBOX', 'LIST () "/" A', 'LIST () "/" B')
    server.lies["LSUB"] = lists('LSUB () "/" B', 'LSUB () "/" "gone long ago"')
    found = await folders_of(server, subscribed_only=True)
    subscribed = [(str(folder.name), folder.subscribed) for folder in found.folders]
    assert subscribed == [("INBOX", True), ("A", False), ("B", True)]


LISTING = FolderList("/", folders=(ListedFolder(INBOX, "INBOX"), ListedFolder(FolderName.of("Wei\xdf"), "Wei\xdf")))


@pytest.mark.parametrize(
    ("parts", "wire"),
    [
        (("Entwürfe",), "Entw&APw-rfe"),
        (("a & b", "c"), "a &- b/c"),
        (("Wei\xdf",), "Wei\xdf"),
        (("Wei\xdf", "süß"), "Wei\xdf/s&APwA3w-"),
        (("INBOX",), "INBOX"),
        (("INBOX", "Sub"), "INBOX/Sub"),
        (("*%",), "*%"),
    ],
)
async def test_the_wire_name_of_a_folder_follows_the_listing(parts: tuple[str, ...], wire: str) -> None:
    async with LyingServer().pool() as pool:
        assert ImapFolders(pool).wire_name(FolderName.of(*parts), LISTING) == wire


@pytest.mark.parametrize("part", ["a/b", "a\r\nb", "a\0b", "\udcff"])
async def test_a_name_the_server_cannot_bear_is_refused(part: str) -> None:
    server = LyingServer()
    async with server.pool() as pool:
        with pytest.raises(FolderError, match="cannot be created"):
            await ImapFolders(pool).create(FolderName.of(part), LISTING)
    assert not server.commands("CREATE")


async def test_without_levels_there_are_no_folders_inside_folders() -> None:
    async with LyingServer().pool() as pool:
        with pytest.raises(FolderError, match="inside"):
            await ImapFolders(pool).create(FolderName.of("a", "b"), FolderList(None))


async def test_a_folder_is_created_and_subscribed_and_the_levels_above_it_are_the_servers_business() -> None:
    server = LyingServer()
    async with server.pool() as pool:
        assert await ImapFolders(pool).create(FolderName.of("a", "b", "ü"), LISTING) == "a/b/&APw-"
    assert server.commands("CREATE", "SUBSCRIBE") == ['CREATE "a/b/&APw-"', 'SUBSCRIBE "a/b/&APw-"']


async def test_where_the_server_wants_the_levels_above_first_they_are_created_too() -> None:
    server = LyingServer()

    def wants_parents(answer: Answer, command: bytes) -> Answer:
        parent = command[: command.rfind(b"/")] + b'"'
        return answer if b"/" not in command or parent in server.said else Answer(tagged=b"NO no parent")

    server.lies["CREATE"] = wants_parents
    async with server.pool() as pool:
        await ImapFolders(pool).create(FolderName.of("a", "b", "c"), LISTING)
    assert server.commands("CREATE") == ['CREATE "a/b/c"', 'CREATE "a"', 'CREATE "a/b"', 'CREATE "a/b/c"']


async def test_a_folder_that_is_there_already_is_as_good_as_created() -> None:
    server = LyingServer()
    server.lies["SUBSCRIBE"] = lambda _, __: Answer(tagged=b"NO no subscriptions here")
    async with server.pool() as pool:
        for _ in range(2):
            assert await ImapFolders(pool).create(FolderName.of("a"), LISTING) == "a"


async def test_a_refused_creation_is_told() -> None:
    server = LyingServer()
    server.lies["CREATE"] = lambda _, __: Answer(tagged=b"NO [CANNOT] excess whitespace")
    async with server.pool() as pool:
        with pytest.raises(FolderError, match="'Übers ': excess whitespace; call it otherwise with rename"):
            await ImapFolders(pool).create(FolderName.of("Übers "), LISTING)


async def deleted(server: LyingServer, name: str, *, listing: FolderList | None = None) -> None:
    async with server.pool(2) as pool:
        folders = ImapFolders(pool)
        await folders.delete(FolderName.of(*name.split("/")), listing or await folders.list())


async def test_an_empty_folder_is_deleted_with_its_subscription() -> None:
    server = LyingServer()
    server.boxes["Old"] = Mailbox()
    await deleted(server, "Old")
    assert server.commands("DELETE", "UNSUBSCRIBE") == ['DELETE "Old"', 'UNSUBSCRIBE "Old"']
    assert set(server.boxes) == {"INBOX"}


@pytest.mark.parametrize("name", ["INBOX", "Full", "Above"])
async def test_what_holds_messages_or_folders_and_the_inbox_are_never_deleted(name: str) -> None:
    server = LyingServer()
    server.boxes |= {"Full": Mailbox(), "Above": Mailbox(), "Above/Below": Mailbox()}
    server.boxes["Full"].put(b"Subject: new\r\n\r\n")
    with pytest.raises(FolderError, match=r"INBOX is never|holds 1 messages|folders inside"):
        await deleted(server, name)
    assert not server.commands("DELETE")


async def test_a_folder_made_inside_it_since_the_listing_keeps_a_folder() -> None:
    server = LyingServer()
    server.boxes |= {"Above": Mailbox(), "above/Below": Mailbox()}
    old = FolderList("/", folders=(ListedFolder(FolderName.of("Above"), "Above"),))
    server.lies["LIST"] = lists('LIST () "/" "above/Below"')
    with pytest.raises(FolderError, match="folders inside"):
        await deleted(server, "Above", listing=old)
    assert not server.commands("DELETE")


async def test_a_folder_whose_messages_are_not_told_is_left() -> None:
    server = LyingServer()
    server.boxes["Old"] = Mailbox()
    server.lies["STATUS"] = lambda _, __: Answer([b'STATUS "Old" ()'])
    with pytest.raises(FolderError, match="does not tell"):
        await deleted(server, "Old")
    assert not server.commands("DELETE")


@pytest.mark.parametrize("told_by", ["STATUS", "DELETE", "listing"])
async def test_a_folder_that_is_gone_is_as_good_as_deleted(told_by: str) -> None:
    server = LyingServer()
    if told_by == "DELETE":
        server.boxes["Old"] = Mailbox()
        server.lies["DELETE"] = lambda _, __: Answer(tagged=b"NO [NONEXISTENT] somebody was faster")
    listed_then = () if told_by == "listing" else (ListedFolder(FolderName.of("Old"), "Old"),)
    await deleted(server, "Old", listing=FolderList("/", folders=listed_then))
    assert len(server.commands("DELETE")) == (told_by == "DELETE")


async def test_a_refused_deletion_is_told() -> None:
    server = LyingServer()
    server.boxes["Old"] = Mailbox()
    server.lies["DELETE"] = lambda _, __: Answer(tagged=b"NO [CANNOT] not this one")
    with pytest.raises(FolderError, match="not this one"):
        await deleted(server, "Old")


@pytest.mark.parametrize(("offered", "leaves_by"), [("UNSELECT", "UNSELECT"), ("", 'EXAMINE "INBOX"')])
async def test_no_session_has_a_folder_selected_when_it_is_deleted(offered: str, leaves_by: str) -> None:
    server = LyingServer(f"IMAP4REV1 {offered}".strip())
    server.boxes["Old"] = Mailbox()
    async with server.pool(3) as pool:
        folders = ImapFolders(pool)
        async with pool.session() as one, pool.session() as two, pool.session() as three:
            await one.select("Old")
            await two.select("INBOX")
            await three.select("Old", read_only=True)
        await folders.delete(FolderName.of("Old"), await folders.list())
        async with pool.session() as one, pool.session() as two, pool.session() as three:
            assert "Old" not in {one.mailbox, two.mailbox, three.mailbox}
    said = server.commands("UNSELECT", "EXAMINE", "CLOSE", "DELETE")
    assert said == ['EXAMINE "Old"', leaves_by, leaves_by, 'DELETE "Old"']
