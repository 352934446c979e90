"""Cyrus and Fastmail: removals that a star hides, octets that are not taken, and numbers before their time."""

from __future__ import annotations

import re
import shutil

import pytest
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox
from tests.quirks.shore import mail, once, provider, sailing, scripted
from tests.real.voyage import digest

from postboat.events import FolderFailed, MessageFailed
from postboat.imap.folders import ImapFolders
from postboat.model import FLAGGED, SEEN, Verdict
from postboat.service.confirm import decide
from postboat.service.known_folders import Target

GREETING = "server Cyrus IMAP 3.6.1 server ready"
CAPABILITIES = WAYS["qresync"]


def cyrus(*messages: bytes, capabilities: str = CAPABILITIES) -> LyingServer:
    return provider(capabilities, *messages, greeting=GREETING)


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(1, count + 1)]


@pytest.mark.parametrize("way", WAYS)
async def test_quirk_71_no_range_ends_in_a_star_and_no_removal_above_the_last_message_is_missed(tmp_path, way):
    """`UID FETCH 1:* (FLAGS) (CHANGEDSINCE n VANISHED)` leaves out what was removed above the last message."""
    server = cyrus(*many(110), capabilities=WAYS[way])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        said = list(server.said)
        server.inbox.drop(5, 108, 109, 110)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_local == 4
        ship.assert_in_step()
        said += server.said
        ship.drop(mail(200))
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        said += server.said
        ship.assert_in_step()
    assert not [line for line in said if line.startswith(b"UID ") and b"*" in line.split(b"BODY")[0]]
    assert not [line for line in said if b"VANISHED" in line]


async def test_quirk_72_messages_that_the_server_does_not_take_are_named_and_the_others_go(tmp_path):
    server = cyrus(mail(1))
    lone_cr = mail(2).replace(b"Subject: ", b"X\rY: 1\r\nSubject: ")
    nul = mail(3, "a\0b")

    def strict(answer: Answer, command: bytes) -> Answer:
        wire = command.partition(b"}\r\n")[2]
        if re.search(rb"\r(?!\n)|(?<!\r)\n", wire):
            server.inbox.mail.pop()
            return Answer(tagged=b"NO Message contains invalid header")
        assert b"\0" not in wire, "a literal holds no NUL"
        assert wire, "nor is it empty"
        return answer

    server.lies["APPEND"] = strict
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for name, wire in (("a.1", lone_cr), ("b.1", nul), ("c.1", b""), ("d.1", mail(4))):
            ship.drop(wire, name)
        sailed = await ship.sync()
        reasons = [failed.reason for failed in sailed.of(MessageFailed)]
        assert sailed.code == 3 and not sailed.of(FolderFailed)
        assert sorted(word for word in ("invalid header", "NUL", "empty") for reason in reasons if word in reason) == [
            "NUL",
            "empty",
            "invalid header",
        ]
        assert ship.aboard() == sorted([digest(mail(1)), digest(mail(4))])
        assert len(ship.files()) == 5
        await ship.assert_at_rest(code=3)


@pytest.mark.parametrize("uidplus", ["UIDPLUS ", ""])
async def test_quirk_73_a_header_that_the_server_changes_is_the_same_message(tmp_path, uidplus):
    server = cyrus(mail(1), capabilities=WAYS["condstore"].replace("UIDPLUS ", uidplus))
    server.alters = lambda wire: re.sub(rb"[\x80-\xff]", b"X", wire)
    own = mail(2).replace(b"message 2", "Grüße".encode("latin-1"))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.drop(own)
        (await ship.sync()).assert_clean()
        assert len(server.inbox.mail) == len(ship.files()) == 2
        assert digest(own) in ship.ashore(), "the file stays as it was written"
        await ship.assert_at_rest()
        for ledger in ship.state.glob("*.ledger*"):
            ledger.unlink()
        (await ship.sync()).assert_clean()
        await ship.assert_at_rest()
        assert len(server.inbox.mail) == len(ship.files()) == 2, "nor does a lost ledger double it"


async def test_quirk_74_a_literal_with_a_tilde_is_a_literal(tmp_path):
    server = cyrus(*many(3))
    server.inbox.put(mail(9, "with a \0 in it"))
    server.lies["UID FETCH"] = lambda answer, _: Answer(
        [re.sub(rb"BODY\[\] \{(\d+)\}", rb"BODY[] ~{\1}", line) for line in answer.untagged], answer.tagged
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


@pytest.mark.parametrize("way", WAYS)
async def test_quirk_75_a_message_told_of_before_it_is_counted_is_there(tmp_path, way):
    server = cyrus(*many(4), capabilities=WAYS[way])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))

        def early(answer: Answer, _: bytes) -> Answer:
            uid = server.inbox.put(mail(101))
            told = b"6 FETCH (UID %d FLAGS (\\Recent))" % uid
            return Answer([told, b"6 EXISTS", *answer.untagged], answer.tagged)

        server.lies["UID FETCH"] = once(early)
        assert not (await ship.sync()).of(FolderFailed)
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert len(ship.files()) == 6
        await ship.assert_at_rest()


@pytest.mark.parametrize("refusal", ["BAD Invalid LIST options", "NO no"])
async def test_quirk_76_where_the_extended_list_does_not_work_the_plain_one_does(refusal):
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS] murder Cyrus IMAP v2.4.17 server ready
    C: LIST "" "\\*" RETURN .*
    S: %t {refusal}
    C: LIST "" "\\*"
    S: * LIST () "." "INBOX"
    S: * LIST () "." "INBOX.Work"
    S: %t OK done
    """
    async with scripted(script) as (pool, _):
        listed = await ImapFolders(pool).list()
        assert [folder.wire for folder in listed.folders] == ["INBOX", "INBOX.Work"]


async def test_quirk_77_a_folder_that_another_client_deletes_under_us_ends_one_connection_only(tmp_path):
    server = cyrus(*many(3))
    for name in ("Doomed", "Other"):
        server.boxes[name] = Mailbox()
        for number in range(20, 23):
            server.boxes[name].put(mail(number))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.boxes["Doomed"].put(mail(30))
        server.boxes["Other"].put(mail(31))

        def removed(answer: Answer, _: bytes) -> Answer:
            latest = [said for said in server.said if said.startswith(b"SELECT")][-1]
            if "Doomed" not in server.boxes or b"Doomed" not in latest:
                return answer
            del server.boxes["Doomed"]
            return Answer(octets=b"* BYE Fatal error: Mailbox has been (re)moved\r\n", is_last=True)

        server.lies["UID FETCH"] = removed
        sailed = await ship.sync()
        assert "Doomed" not in server.boxes
        assert not ship.asked_to_change()
        ship.assert_in_step("INBOX", "Other")
        server.lies.clear()
        sailed = await ship.sync()
        assert sailed.code == 6
        assert len(ship.files("Doomed")) == 3, "what is gone there stays here until the user has a word"


async def test_quirk_77_a_folder_is_never_deleted_while_it_is_selected(tmp_path):
    server = cyrus(*many(3), capabilities=f"{CAPABILITIES} UNSELECT")
    server.boxes["Old"] = Mailbox()
    for number in range(20, 23):
        server.boxes["Old"].put(mail(number))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        shutil.rmtree(ship.folder("Old"))
        assert (await ship.sync()).code == 6
        await decide(ship.whole, [Target(ship.name)], Verdict.CONFIRMED, lambda _event: None)
        await ship.sync()
        before = [said.split(b" ")[0] for said in server.said[: server.said.index(b'DELETE "Old"')]]
        last = max(at for at, verb in enumerate(before) if verb in (b"SELECT", b"UNSELECT", b"EXAMINE"))
        assert before[last] == b"UNSELECT"
        assert list(server.boxes) == ["INBOX"]


async def test_quirk_78_names_of_any_case_and_order_are_understood():
    script = f"""
    S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED SASL-IR AUTH=PLAIN] {GREETING}
    C: AUTHENTICATE PLAIN \\S+
    S: %t OK [CAPABILITY IMAP4rev1 LOGINDISABLED ENABLE CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS SPECIAL-USE] Success
    C: ENABLE QRESYNC
    S: * ENABLED condstore QResync
    S: %t OK Completed
    C: LIST "" "\\*" RETURN .*
    S: * LIST (\\HasNoChildren) "/" "INBOX"
    S: * LIST (\\HasNoChildren \\sent) "/" "Gesendet"
    S: * LIST (\\hasnochildren \\trash) "/" "Weg"
    S: %3 OK Completed
    """
    async with scripted(script) as (pool, _):
        listed = await ImapFolders(pool).list()
        assert [set(folder.special_use) for folder in listed.folders] == [set(), {"\\sent"}, {"\\trash"}]
        assert listed.folders[2].role == "trash"
        async with pool.session() as session:
            assert session.enabled == {"CONDSTORE", "QRESYNC"}


async def test_quirk_79_a_folder_of_all_mail_is_one_like_any_other_until_the_user_leaves_it_out():
    r"""Who has only that one synced, as many do, would else find an empty disk; the README tells how to leave it out."""
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS SPECIAL-USE] {GREETING}
    C: LIST "" "\\*" RETURN .*
    S: * LIST (\\HasNoChildren) "/" "INBOX"
    S: * LIST (\\HasNoChildren \\All) "/" "All Mail"
    S: %t OK Completed
    """
    async with scripted(script) as (pool, _):
        listed = await ImapFolders(pool).list()
        everything = listed.folders[1]
        assert everything.selectable and "\\all" in everything.special_use


async def test_quirk_80_flags_are_added_and_removed_and_never_replaced(tmp_path):
    server = cyrus(*many(4))
    server.inbox.flag(1, SEEN, FLAGGED, "$Label1")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(1))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,")
        file = ship.file_of(mail(2))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,RS")
        (await ship.sync()).assert_clean()
        stores = server.commands("UID STORE")
        assert stores and all(re.fullmatch(r"UID STORE \S+ [+-]FLAGS(\.SILENT)? \(.+\)", said) for said in stores)
        assert server.inbox.mail[0].flags == {"$Label1"}
        await ship.assert_at_rest()
