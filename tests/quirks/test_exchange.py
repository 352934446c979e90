"""Exchange and Outlook: few capabilities, wrong sizes, notices in the place of mail, and short patience."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.fakes.scripted_server import serve
from tests.quirks.shore import AGAIN, knows, mail, once, provider, read, sailing, scripted
from tests.real.voyage import Voyage, digest
from tests.servers.process import Account

from postboat.events import AccountFailed, FolderFailed, MessageFailed
from postboat.imap.auth import SignInPostponed
from postboat.imap.bodies import NOT_SENT, NOTICE
from postboat.imap.folders import ImapFolders
from postboat.imap.large import LARGE
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.wire import commands
from postboat.model import FLAGGED, SEEN

GREETING = "The Microsoft Exchange IMAP4 service is ready."
CAPABILITIES = (
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
)
PERMANENT = b"OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)] Permanent flags"
THROTTLED = b"Request is throttled. Suggested Backoff Time: 299961 milliseconds"


def exchange(*messages: bytes) -> LyingServer:
    return provider(CAPABILITIES, *messages, greeting=GREETING)


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(count)]


async def test_quirk_18_the_plain_path_carries_every_change_both_ways(tmp_path):
    server = exchange(*many(6))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        server.inbox.drop(2)
        server.inbox.flag(3, SEEN)
        server.inbox.put(mail(100))
        ship.file_of(mail(0)).unlink()
        ship.file_of(mail(3)).rename(ship.file_of(mail(3)).parent.parent / "cur" / "renamed:2,F")
        ship.drop(mail(200))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert "S" in ship.on_disk()[digest(mail(2))]
        assert next(each.flags for each in server.inbox.mail if each.wire == mail(3)) == {FLAGGED}
        extensions = re.compile(rb"CONDSTORE|QRESYNC|ENABLE|CHANGEDSINCE|RETURN|ESEARCH|COMPRESS")
        assert not any(extensions.search(command) for command in server.said)
        await ship.assert_at_rest()


@pytest.mark.parametrize("stated", [1, 6000, LARGE + 1])
async def test_quirk_19_a_message_is_as_long_as_its_literal_whatever_size_was_stated(tmp_path, stated):
    server = exchange(mail(1), mail(2, "x" * 6000), mail(3, "y" * (LARGE + 10)))

    def wrong(answer: Answer, _: bytes) -> Answer:
        size = b"RFC822.SIZE %d" % stated
        return Answer([re.sub(rb"RFC822\.SIZE \d+", size, line) for line in answer.untagged], answer.tagged)

    server.lies["UID FETCH"] = wrong
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


PLACEHOLDER = (
    b"From: Microsoft Exchange Server 2010\r\n"
    b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 2\r\n\r\n"
    b"The server couldn't retrieve the following message:\r\n"
)


async def test_quirk_20_a_notice_or_nothing_in_the_place_of_a_message_is_not_taken_for_it(tmp_path):
    server = exchange(*many(3))

    def not_retrieved(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command:
            return answer
        literal = rb"BODY\[\] \{\d+\}\r\n.*\)"
        told = [line for line in answer.untagged if b"(UID 1 " not in line]
        notice = b"BODY[] {%d}\r\n%b)" % (len(PLACEHOLDER), PLACEHOLDER)
        told = [re.sub(literal, lambda _: notice, line, flags=re.S) if b"UID 2 " in line else line for line in told]
        return Answer(told, b"OK FETCH completed.")

    server.lies["UID FETCH"] = not_retrieved
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert sailed.code == 3
        assert {failure.reason for failure in sailed.of(MessageFailed)} == {NOT_SENT, NOTICE}
        assert ship.ashore() == [digest(mail(2))]
        assert not ship.asked_to_change()
        server.lies.clear()
        await ship.sync(AGAIN)
        ship.assert_in_step()


async def test_quirk_21_a_message_announced_before_its_body_is_asked_for_again_behind_a_noop():
    server = exchange(*many(2))
    empty = once(lambda _answer, _command: Answer(tagged=b"OK FETCH completed."))
    server.lies["UID FETCH 1:2 (UID FLAGS INTERNALDATE BODY.PEEK[])"] = empty
    async with server.pool() as pool:
        box = ImapMailbox(pool, "INBOX")
        await box.changes(knows())
        assert [item.data for item in await read(box, "1", "2")] == many(2)
    said = [command.decode() for command in server.said]
    fetches = [place for place, command in enumerate(said) if "BODY.PEEK[]" in command]
    assert "NOOP" in said[fetches[0] : fetches[1]]


async def test_quirk_22_uids_of_a_move_are_taken_from_a_bare_line(tmp_path):
    server = exchange(*many(2))
    server.boxes["Work"] = work = Mailbox(uidvalidity=55)

    def bare(answer: Answer, command: bytes) -> Answer:
        uid = work.mail[-1].uid
        return Answer(octets=b"[COPYUID 55 1 %d]\r\n* 1 EXPUNGE\r\n%%t OK MOVE completed.\r\n" % uid)

    server.lies["UID MOVE"] = bare
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(0))
        file.rename(ship.folder("Work") / "cur" / file.name)
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "Work")
        behind = server.said[next(at for at, said in enumerate(server.said) if said.startswith(b"UID MOVE")) :]
        assert not any(said.startswith((b"APPEND", b'SELECT "Work"')) for said in behind), "nobody has to look for it"
        await ship.assert_at_rest()


async def test_quirk_23_a_copyuid_without_uids_is_looked_for(tmp_path):
    server = exchange(*many(2))
    server.boxes["Work"] = Mailbox(uidvalidity=14)
    server.lies["UID MOVE"] = lambda answer, _: Answer(
        [b"OK [COPYUID 14  ]", *answer.untagged[1:]], b"OK MOVE completed."
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(0))
        file.rename(ship.folder("Work") / "cur" / file.name)
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "Work")
        assert not server.commands("APPEND")
        await ship.assert_at_rest()


@pytest.mark.parametrize("status", [b"NO", b"BAD"])
async def test_quirk_24_a_server_that_wants_minutes_gets_them_and_is_asked_for_nothing_more(tmp_path, status):
    server = exchange(*many(3))
    server.boxes["Work"] = Mailbox()
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))
        server.boxes["Work"].put(mail(101))
        server.lies["UID FETCH"] = lambda _answer, _command: Answer(
            octets=b"%%t %b %b\r\n* BYE Connection closed. 14\r\n" % (status, THROTTLED), is_last=True
        )
        sailed = await ship.sync()
        failure = sailed.of(AccountFailed)[0]
        assert "5 min" in failure.reason and sailed.code != 0
        assert len(server.commands("UID FETCH")) == 1, "the whole account is left alone"
        assert ship.ashore() == sorted(map(digest, many(3)))
        server.lies.clear()
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "Work")


SIGN_IN = f"""
S: * OK {GREETING}
C: CAPABILITY
S: * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+
S: %t OK CAPABILITY completed.
"""


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(
            """
            C: AUTHENTICATE PLAIN \\S+
            S: %t OK AUTHENTICATE completed.
            C: CAPABILITY
            S: %t BAD User is authenticated but not connected.
            """,
            id="25",
        ),
        pytest.param(
            """
            C: AUTHENTICATE PLAIN \\S+
            S: %t OK [Error="Microsoft.Exchange.Data.Storage.WrongServerException: Cross Server access [is] not allowed" AuthResultFromPopImapEnd=0 Proxy=a.b:1993:SSL Service=Imap4] AUTHENTICATE completed.
            """,
            id="26",
        ),
    ],
)
async def test_quirk_25_a_welcome_that_is_none_is_no_wrong_password_and_not_tried_over_and_over(tmp_path, rest):
    async with serve(SIGN_IN + "\n".join(line.strip() for line in rest.splitlines())) as server:
        sailed = await Voyage(tmp_path, Account("127.0.0.1", server.port, "me", "pw")).sync()
        failure = sailed.of(AccountFailed)[0]
        assert sailed.code == 4, failure
        assert "not connected" in failure.reason or "WrongServerException" in failure.reason
        assert sum(b"AUTHENTICATE" in line for line in server.heard) == 1


async def test_quirk_26_an_unknown_code_full_of_brackets_and_strings_is_read_as_a_failure():
    script = SIGN_IN + "\n".join(
        [
            "C: AUTHENTICATE PLAIN \\S+",
            'S: %t OK [Error="WrongServerException: a ] b [ c" Proxy=x Service=Imap4] AUTHENTICATE completed.',
        ]
    )
    async with scripted(script) as (pool, _):
        with pytest.raises(SignInPostponed, match="WrongServerException"):
            async with pool.session():
                raise AssertionError("nobody is let in")


async def test_quirk_27_a_session_that_expires_is_opened_anew_and_goes_on(tmp_path):
    server = exchange(*many(4))
    bye = Answer(octets=b"* BYE Session invalidated - AccessTokenExpired\r\n", is_last=True)
    server.lies["UID FETCH"] = once(lambda _answer, _command: bye)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


@pytest.mark.parametrize("line", [b"Server Unavailable. 15\r\n%t OK done\r\n", b"%t NO Server Unavailable. 15\r\n"])
async def test_quirk_28_a_server_out_of_order_costs_no_mail(tmp_path, line):
    server = exchange(*many(4))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))
        server.lies["UID FETCH"] = once(lambda _answer, _command: Answer(octets=line))
        sailed = await ship.sync()
        assert len(ship.files()) >= 4 and not ship.asked_to_change()
        if sailed.code:
            (await ship.sync(AGAIN)).assert_clean()
        ship.assert_in_step()


async def test_quirk_29_a_continuation_without_its_space_is_one():
    script = f"""
    S: * OK {GREETING}
    C: CAPABILITY
    S: * CAPABILITY IMAP4rev1 AUTH=PLAIN UIDPLUS
    S: %t OK CAPABILITY completed.
    C: AUTHENTICATE PLAIN
    S: +
    C! AG1lAHB3
    S: * CAPABILITY IMAP4rev1 UIDPLUS
    S: %t OK AUTHENTICATE completed.
    """
    async with scripted(script) as (pool, _), pool.session() as session:
        assert "UIDPLUS" in session.capabilities


async def test_quirk_30_no_more_than_25_commands_are_in_flight():
    flying, most = 0, 0

    async with exchange().pool() as pool, pool.session() as session:
        assert session.kind.name == "Exchange"
        gate = session._connection.gate
        lets = gate.lets

        def counted(command, in_flight):
            nonlocal flying, most
            allowed = lets(command, in_flight)
            most = max(most, len(in_flight) + allowed)
            return allowed

        gate.lets = counted
        await session.ask_all([commands.status(f"folder{number}", ("MESSAGES",)) for number in range(60)])
    assert most == 25


async def test_quirk_31_no_command_has_more_than_2000_octets(tmp_path):
    server = exchange(*many(1200))
    server.inbox.drop(*range(2, 1200, 2))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        longest = max(map(len, server.said))
        for file in ship.files():
            file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")
        (await ship.sync()).assert_clean()
        assert server.commands("UID STORE"), "some are long"
        assert 500 < max(longest, *map(len, server.said)) <= 2000
        ship.assert_in_step()


async def test_quirk_32_a_message_that_exchange_cannot_bear_keeps_no_other_from_it(tmp_path):
    server = exchange()
    unbearable = mail(2, "x" * 9901)

    def disliked(answer: Answer, command: bytes) -> Answer:
        if b"x" * 9901 not in command:
            return answer
        server.inbox.mail.pop()
        return Answer(tagged=b"BAD Command Argument Error. 11")

    server.lies["APPEND"] = disliked
    async with sailing(tmp_path, server) as ship:
        for number, wire in enumerate([mail(1), unbearable, mail(3)]):
            ship.drop(wire, f"local.{number}")
        sailed = await ship.sync()
        assert sailed.code == 3
        assert ["Command Argument Error. 11" in failure.reason for failure in sailed.of(MessageFailed)] == [True]
        assert ship.aboard() == sorted(map(digest, [mail(1), mail(3)]))
        assert len(ship.files()) == 3, "it stays on disk"
        for _ in range(3):
            await ship.sync()
            assert not server.commands("APPEND"), "it is not sent in every run"


async def test_quirk_33_a_flagged_message_is_flagged_once_more_after_it_was_stored(tmp_path):
    """The flag that comes with APPEND is not shown in Outlook."""
    server = exchange()
    async with sailing(tmp_path, server) as ship:
        ship.drop(mail(1), "one", flags="F")
        ship.drop(mail(2), "two", flags="S")
        (await ship.sync()).assert_clean()
        stored = next(each.uid for each in server.inbox.mail if each.wire == mail(1))
        assert server.commands("UID STORE") == [f"UID STORE {stored} +FLAGS.SILENT (\\Flagged)"]
        await ship.assert_at_rest()


async def test_quirk_34_keywords_that_are_not_kept_are_neither_sent_nor_missed(tmp_path):
    server = exchange(*many(2))

    def keeps_few(answer: Answer, _: bytes) -> Answer:
        return Answer([PERMANENT if b"PERMANENTFLAGS" in line else line for line in answer.untagged], answer.tagged)

    server.lies["SELECT"] = keeps_few
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(0))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,PS")
        (await ship.sync()).assert_clean()
        assert not [command for command in server.said if b"Forwarded" in command]
        assert server.inbox.mail[0].flags == {SEEN}
        await ship.assert_at_rest()
        assert "P" in ship.on_disk()[digest(mail(0))], "it is kept on disk"


async def test_quirk_35_mail_that_is_counted_but_not_shown_yet_is_fetched_later(tmp_path):
    """`1620:*` brought the old 1619 though EXISTS had grown."""
    server = exchange(*many(4))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))

        def not_yet(answer: Answer, _: bytes) -> Answer:
            return Answer([line for line in answer.untagged if b"UID 5 " not in line], answer.tagged)

        server.lies["UID FETCH"] = not_yet
        sailed = await ship.sync()
        assert sailed.done.deleted_local == sailed.done.deleted_remote == 0
        assert len(ship.files()) == 4 and not ship.asked_to_change()
        server.lies.clear()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


async def test_quirk_36_the_selected_mailbox_is_asked_for_by_select_and_never_by_status(tmp_path):
    server = exchange(*many(3))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))
        ship.drop(mail(200))
        (await ship.sync()).assert_clean()
        selected = False
        for command in server.said:
            selected = selected or command.startswith(b"SELECT")
            assert not (selected and command.startswith(b"STATUS"))
        ship.assert_in_step()


@pytest.mark.parametrize("name", [b"Jun\x07k", b"a\tb", b"Sales_xF8FF_2024", b"a b"])
async def test_quirk_37_a_folder_with_an_odd_unquoted_name_is_synced_or_told_and_costs_no_other(tmp_path, name):
    server = exchange(mail(1))
    server.boxes[name.decode()] = Mailbox()
    server.boxes[name.decode()].put(mail(2))

    def unquoted(answer: Answer, _: bytes) -> Answer:
        return Answer([line.replace(b'"%b"' % name, name) for line in answer.untagged], answer.tagged)

    server.lies["LIST"] = unquoted
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        ship.assert_in_step()
        found = [
            path for path in ship.mail.rglob("*") if path.is_file() and digest(path.read_bytes()) == digest(mail(2))
        ]
        assert found or "left alone" in str(sailed.events) or sailed.of(FolderFailed), sailed.events
        assert not server.commands("CREATE", "DELETE")


@pytest.mark.parametrize("order", [(3, 2, 1), (1, 1, 1), (2, 1, 1)])
async def test_quirk_38_expunges_in_any_order_leave_the_right_messages(tmp_path, order):
    server = exchange(*many(6))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()

        def expunged(answer: Answer, _: bytes) -> Answer:
            return Answer([*(b"%d EXPUNGE" % number for number in order)], b"OK EXPUNGE completed.")

        server.lies["UID EXPUNGE"] = expunged
        for number in (0, 1, 2):
            ship.file_of(mail(number)).unlink()
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_remote == 3
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_39_namespace_is_not_asked_for_and_a_stray_line_behind_an_answer_does_no_harm():
    """Exchange 2003 ends the connection over the one and says the other."""
    script = """
    S: * OK Microsoft Exchange Server 2003 IMAP4rev1 server version 6.5.7638.1 (mail.example.org) ready.
    C: CAPABILITY
    S: * CAPABILITY IMAP4 IMAP4rev1 IDLE LOGIN-REFERRALS MAILBOX-REFERRALS NAMESPACE LITERAL+ UIDPLUS CHILDREN AUTH=PLAIN
    S: %t OK CAPABILITY completed.
    S: CAPABILITY completed.
    C: AUTHENTICATE PLAIN
    S: +
    C! AG1lAHB3
    S: %t OK AUTHENTICATE completed.
    C: CAPABILITY
    S: * CAPABILITY IMAP4 IMAP4rev1 IDLE LOGIN-REFERRALS MAILBOX-REFERRALS NAMESPACE LITERAL+ UIDPLUS CHILDREN
    S: %t OK CAPABILITY completed.
    S: CAPABILITY completed.
    C: LIST "" "\\*"
    S: * LIST (\\HasNoChildren) "/" INBOX
    S: %t OK LIST completed.
    """
    async with scripted(script) as (pool, _):
        listed = await ImapFolders(pool).list()
    assert [folder.wire for folder in listed.folders] == ["INBOX"]


async def test_quirk_40_flags_are_added_and_removed_and_never_replaced(tmp_path):
    server = exchange(*many(2))
    server.inbox.flag(1, "\\Answered")
    server.lies["UID STORE"] = lambda answer, command: (
        answer if re.search(rb" [+-]FLAGS", command) else Answer(tagged=b"BAD Command Argument Error. 11")
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(0))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")
        (await ship.sync()).assert_clean()
        assert server.inbox.mail[0].flags == {SEEN}
        with pytest.raises(ValueError, match="neither"):
            commands.uid_store("1", "", {SEEN})


async def test_quirk_41_who_we_are_is_told_in_pairs_or_by_nil(tmp_path):
    server = exchange(mail(1))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert [
            re.fullmatch(r'ID \("name" "Postboat" "version" "[^"]+"\)', line) is not None
            for line in server.commands("ID")
        ] == [True]
    assert commands.id_(None).parts == (b" NIL",)


async def test_quirk_42_imap4rev2_is_never_enabled(tmp_path):
    server = provider(f"{CAPABILITIES} ENABLE IMAP4rev2", *many(2), greeting=GREETING)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert not server.commands("ENABLE")
        ship.assert_in_step()
