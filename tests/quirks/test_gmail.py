"""Gmail: labels that look like mailboxes, a trash that is the only way out, and views that are limited."""

from __future__ import annotations

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.fakes.scripted_server import serve
from tests.quirks.shore import knows, mail, once, provider, read, refusing, sailing, scripted
from tests.real.voyage import Voyage, digest
from tests.servers.process import Account

from postboat.events import AccountFailed, MessageFailed
from postboat.imap.appending import append_many
from postboat.imap.folders import ImapFolders
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.marking import LEFT
from postboat.imap.patience import Patience
from postboat.model import DELETED, FLAGGED, NO_FLAGS, SEEN

GREETING = "Gimap ready for requests from 127.0.0.1 i9if2ejb4Gr1G"
BEFORE = "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=XOAUTH2 AUTH=PLAIN"
AFTER = (
    "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE "
    "ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- APPENDLIMIT=35651584 SPECIAL-USE"
)
# What of it the lying server can play: no extended LIST.
CAPABILITIES = "IMAP4REV1 X-GM-EXT-1 UIDPLUS MOVE CONDSTORE ESEARCH LITERAL- NAMESPACE"
LIMIT = 1000


def gmail(*messages: bytes) -> LyingServer:
    return provider(CAPABILITIES, *messages, greeting=GREETING)


async def test_quirk_01_capabilities_told_before_the_ok_are_taken_and_not_asked_for():
    script = f"""
    S: * OK {GREETING}
    C: CAPABILITY
    S: * CAPABILITY {BEFORE}
    S: %t OK Thats all she wrote! i9if2ejb4Gr1G
    C: AUTHENTICATE PLAIN \\S+
    S: * CAPABILITY {AFTER}
    S: %t OK me@gmail.com authenticated (Success)
    C: ID .*
    S: * ID ("name" "GImap" "vendor" "Google, Inc.")
    S: %t OK Success
    C: LIST "" "\\*" RETURN \\(SPECIAL-USE STATUS \\(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ\\)\\)
    C: NAMESPACE
    S: * LIST (\\HasNoChildren) "/" "INBOX"
    S: * STATUS "INBOX" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 HIGHESTMODSEQ 1)
    S: %4 OK Success
    S: * NAMESPACE (("" "/")) NIL NIL
    S: %5 OK Success
    """
    async with scripted(script) as (pool, server):
        listed = await ImapFolders(pool).list()
        assert [folder.wire for folder in listed.folders] == ["INBOX"]
        async with pool.session() as session:
            assert session.kind.name == "Gmail"
            assert not session.enabled
        assert [line for line in server.heard if b"CAPABILITY" in line] == [server.heard[0]]


async def test_quirk_02_more_than_4096_octets_are_sent_only_when_the_server_consents():
    small, large = mail(1).ljust(4096, b"x"), mail(2).ljust(4097, b"x")
    script = f"""
    S: * PREAUTH [CAPABILITY {CAPABILITIES}] {GREETING}
    C: APPEND "INBOX" \\(\\) \\{{4096\\+\\}}
    L: 4096
    C! ()
    C: APPEND "INBOX" \\(\\) \\{{4097\\}}
    S: %1 OK [APPENDUID 7 1] (Success)
    pause
    S: + go ahead
    L: 4097
    C! ()
    S: %2 OK [APPENDUID 7 2] (Success)
    """
    async with scripted(script) as (pool, _), pool.session() as session:
        window = ImapMailbox(pool, "INBOX")._window
        messages = [(NO_FLAGS, None, len(wire), wire) for wire in (small, large)]
        assert await append_many(session, "INBOX", messages, window) == {0: (7, 1), 1: (7, 2)}


async def test_quirk_03_a_response_code_needs_no_text_behind_it(tmp_path):
    server = gmail(mail(1), mail(2))

    def bare(answer: Answer, _: bytes) -> Answer:
        return Answer(
            [line.partition(b"]")[0] + b"]" if b"[" in line else line for line in answer.untagged], answer.tagged
        )

    server.lies["SELECT"] = bare
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        server.inbox.flag(1, SEEN)
        (await ship.sync()).assert_clean()
        assert any("CHANGEDSINCE" in line for line in server.commands("UID FETCH"))


async def test_quirk_04_flags_and_labels_of_any_spelling_leave_the_message_in_place(tmp_path):
    server = gmail(mail(1), mail(2))
    odd = b'FLAGS (\\Seen [Mailbox] +IMNews NIL $Ph]ishing) X-GM-LABELS ([Mailbox] (+IMNews) "\\\\Starred" NIL)'

    def labelled(answer: Answer, _: bytes) -> Answer:
        return Answer([line.replace(b"FLAGS ()", odd) for line in answer.untagged], answer.tagged)

    server.lies["UID FETCH"] = labelled
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert set().union(*ship.on_disk().values()) == {"S"}
        async with server.pool() as pool:
            shown = (await ImapMailbox(pool, "INBOX").changes(knows())).appeared
        assert shown["1"].flags == shown["2"].flags == {SEEN, "[Mailbox]", "+IMNews", "$Ph]ishing"}
        await ship.assert_at_rest()


async def test_quirk_05_messages_expunged_amid_an_answer_move_no_data_to_another_one(tmp_path):
    """The numbers in front shift in the middle of the answer, as in the capture."""
    server = gmail(*(mail(number) for number in range(1, 6)))
    server.inbox.flag(3, FLAGGED)

    def expunged_meanwhile(_answer: Answer, command: bytes) -> Answer:
        assert b"BODY.PEEK[]" not in command
        server.inbox.drop(2)
        return Answer(
            [
                b"1 FETCH (UID 1 FLAGS () RFC822.SIZE 70 X-GM-MSGID 101)",
                b"2 EXPUNGE",
                b"2 FETCH (UID 3 FLAGS (\\Flagged) RFC822.SIZE 70 X-GM-MSGID 103)",
                b"3 FETCH (UID 4 FLAGS () RFC822.SIZE 70 X-GM-MSGID 104)",
                b"4 FETCH (UID 5 FLAGS () RFC822.SIZE 70 X-GM-MSGID 105)",
                b"4 EXISTS",
            ],
            b"OK Success",
        )

    server.lies["UID FETCH 1:4294967295"] = once(expunged_meanwhile)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert [wire for wire in map(mail, range(1, 6)) if "F" in ship.on_disk().get(digest(wire), "")] == [mail(3)]


async def test_quirk_06_a_message_that_expunging_leaves_in_all_mail_is_never_counted_as_deleted(tmp_path):
    """Success was told seven times to another client, and nothing was deleted."""
    server = gmail(mail(1), mail(2))
    server.boxes["[Gmail]/All Mail"] = everything = Mailbox()
    everything.put(mail(1))
    server.unable = {"UID EXPUNGE"}

    def nothing_is_marked(_answer: Answer, _command: bytes) -> Answer:
        for each in everything.mail:
            each.flags.discard(DELETED)
        return Answer(tagged=b"OK Success")

    server.lies["UID EXPUNGE"] = nothing_is_marked
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.file_of(mail(1), "[Gmail]/All Mail").unlink()
        for _ in range(2):
            sailed = await ship.sync()
            assert sailed.code == 3
            assert sailed.done.deleted_remote == 0 and sailed.done.down == 0
            assert [failure.reason for failure in sailed.of(MessageFailed)] == [LEFT]
        assert "trash" in LEFT
        assert len(everything.mail) == 1


async def test_quirk_06_a_message_that_marking_alone_expunges_is_gone(tmp_path):
    """By default Gmail expunges what is marked at once: UID EXPUNGE then finds nothing."""
    server = gmail(mail(1), mail(2))

    def expunges_at_once(answer: Answer, _: bytes) -> Answer:
        server.inbox.drop(1)
        return Answer([*answer.untagged, b"1 EXPUNGE", b"1 EXISTS"], b"OK Success")

    server.lies["UID STORE"] = expunges_at_once
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.file_of(mail(1)).unlink()
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_remote == 1
        server.lies.clear()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_07_a_copy_to_the_trash_that_takes_the_message_along_is_a_move(tmp_path):
    server = provider(CAPABILITIES.replace(" MOVE", ""), mail(1), mail(2), greeting=GREETING)
    server.boxes["[Gmail]/Trash"] = trash = Mailbox(uidvalidity=9)

    def moves(answer: Answer, _: bytes) -> Answer:
        server.inbox.drop(1)
        return Answer([*answer.untagged, b"1 EXPUNGE", b"1 EXISTS"], answer.tagged)

    server.lies["UID COPY"] = moves
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        here = ship.file_of(mail(1))
        here.rename(ship.folder("[Gmail]/Trash") / "cur" / here.name)
        (await ship.sync()).assert_clean()
        assert len(server.commands("UID COPY")) == 1 and not server.commands("APPEND")
        assert [each.wire for each in trash.mail] == [mail(1)]
        ship.assert_in_step("INBOX", "[Gmail]/Trash")
        await ship.assert_at_rest()


async def test_quirk_08_uids_of_a_move_told_in_descending_order_are_paired_by_their_places(tmp_path):
    server = gmail(mail(1), mail(2), mail(3))
    server.boxes["Work"] = work = Mailbox(uidvalidity=9)

    def descending(answer: Answer, _: bytes) -> Answer:
        work.mail.reverse()
        for each, uid in zip(work.mail, (1, 2, 3), strict=True):
            each.uid = uid
        return Answer([b"OK [COPYUID 9 1:3 3,2,1]", *answer.untagged[1:]], answer.tagged)

    server.lies["UID MOVE"] = descending
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for number in (1, 2, 3):
            file = ship.file_of(mail(number))
            file.rename(ship.folder("Work") / "cur" / file.name)
        (await ship.sync()).assert_clean()
        await ship.assert_at_rest()
        work.flag(3, SEEN)
        (await ship.sync()).assert_clean()
        assert [wire for wire in (mail(1), mail(2), mail(3)) if "S" in ship.on_disk("Work")[digest(wire)]] == [mail(1)]


async def test_quirk_09_a_message_in_the_trash_is_marked_again_before_it_is_expunged(tmp_path):
    """On its way to the trash it loses the mark."""
    server = gmail(mail(1))
    server.boxes["[Gmail]/Trash"] = trash = Mailbox(uidvalidity=9)

    def unmarked(answer: Answer, _: bytes) -> Answer:
        for each in trash.mail:
            each.flags.discard(DELETED)
        return answer

    server.lies["UID MOVE"] = unmarked
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(1))
        moved = file.rename(ship.folder("[Gmail]/Trash") / "cur" / f"{file.name.partition(':')[0]}:2,T")
        (await ship.sync()).assert_clean()
        moved.unlink()
        (await ship.sync()).assert_clean()
        assert [line.split(" ")[1] for line in server.commands("UID STORE", "UID EXPUNGE")] == ["STORE", "EXPUNGE"]
        assert not trash.mail and not server.inbox.mail
        await ship.assert_at_rest()


async def test_quirk_10_a_name_that_holds_no_mail_is_never_opened(tmp_path):
    server = gmail(mail(1))
    server.boxes["[Gmail]/Trash"] = Mailbox()

    def with_root(answer: Answer, command: bytes) -> Answer:
        root = b'LIST (\\HasChildren \\Noselect) "/" "[Gmail]"'
        return Answer([*answer.untagged, root], b"OK Success") if b"*" in command else answer

    server.lies["LIST"] = with_root
    server.lies['SELECT "[Gmail]"'] = refusing(
        b"NO [NONEXISTENT] Unknown Mailbox: [Gmail] (now in authenticated state) (Failure)"
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert not server.commands('SELECT "[Gmail]"', 'STATUS "[Gmail]"')
        await ship.assert_at_rest()


async def test_quirk_11_a_folder_whose_name_is_refused_fails_alone_and_keeps_its_mail(tmp_path):
    server = gmail(mail(1))
    server.unable = {"CREATE"}
    server.lies["CREATE"] = refusing(b"NO [CANNOT] Folder contains excess whitespace (Failure)")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.drop(mail(2), folder="two  spaces", flags="")
        sailed = await ship.sync()
        assert sailed.code == 3 and "excess whitespace" in str(sailed.events)
        assert len(ship.files("two  spaces")) == 1
        ship.assert_in_step()
        server.lies.clear()
        server.unable.clear()
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "two  spaces")


async def test_quirk_12_messages_that_only_left_a_limited_view_are_never_deleted(tmp_path):
    """The user limits folders to a thousand messages, then to any number again."""
    server = gmail(*(mail(number) for number in range(LIMIT + 20)))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        whole = list(server.inbox.mail)
        hidden, server.inbox.mail = whole[:20], whole[20:]
        server.inbox.highestmodseq += 1
        (await ship.sync()).assert_clean()
        assert len(ship.files()) == LIMIT + 20
        new = server.inbox.put(mail(5000))
        server.inbox.mail.pop(0)
        server.inbox.mail.remove(gone := next(each for each in server.inbox.mail if each.uid == 500))
        server.inbox.mail.insert(0, whole[20])
        server.inbox.highestmodseq += 1
        sailed = await ship.sync()
        sailed.assert_clean()
        assert (sailed.done.down, sailed.done.deleted_local) == (1, 1), (
            "new ones come, and removals amid the view count"
        )
        assert digest(mail(5000)) in ship.on_disk() and digest(gone.wire) not in ship.on_disk()
        server.inbox.mail = [*hidden, *(each for each in whole[20:] if each is not gone), server.inbox.mail[-1]]
        server.inbox.highestmodseq += 1
        assert server.inbox.mail[-1].uid == new
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.down == 0, "what comes into view again is known"
        ship.assert_in_step()


@pytest.mark.parametrize("way", ["CONDSTORE ESEARCH", "CONDSTORE", "ESEARCH", ""])
async def test_quirk_12_no_way_of_looking_takes_what_is_out_of_sight_for_gone(way):
    server = provider(f"IMAP4REV1 X-GM-EXT-1 UIDPLUS {way}", *(mail(number) for number in range(LIMIT + 5)))
    known = knows()
    async with server.pool() as pool:
        known.agree(await ImapMailbox(pool, "INBOX").changes(known))
        server.inbox.mail = server.inbox.mail[5:]
        server.inbox.highestmodseq += 1
        assert not (await ImapMailbox(pool, "INBOX").changes(known)).vanished
        server.inbox.drop(9)
        assert (await ImapMailbox(pool, "INBOX").changes(known)).vanished == {str(uid) for uid in (1, 2, 3, 4, 5, 9)}


async def test_quirk_13_no_command_ends_in_a_space_or_holds_two(tmp_path):
    server = gmail(mail(1), mail(2))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        said = list(server.said)
        ship.drop(mail(3))
        server.inbox.flag(1, SEEN)
        ship.file_of(mail(2)).unlink()
        (await ship.sync()).assert_clean()
        heads = [command.partition(b"\r\n")[0] for command in [*said, *server.said]]
        assert len(heads) > 12
        for head in heads:
            assert not head.endswith(b" ") and b"  " not in head.replace(b'" ', b"").replace(b'"', b""), head


async def test_quirk_14_a_limit_of_the_day_ends_the_account_and_says_when_to_come_back(tmp_path):
    server = gmail(mail(1), mail(2))
    server.lies["UID FETCH"] = refusing(b"NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)")
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        failure = sailed.of(AccountFailed)[0]
        assert "1 h" in failure.reason or "60 min" in failure.reason, failure
        assert len(server.commands("UID FETCH")) == 1, "nothing is asked in vain"
        server.lies.clear()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


async def test_quirk_14_a_remark_that_we_are_too_fast_slows_down_and_loses_nothing():
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    clock = [0.0]
    server = gmail(mail(1), mail(2))
    server.lies["UID FETCH"] = once(lambda answer, _: Answer(answer.untagged, b"OK Success [THROTTLED]"))
    async with server.pool() as pool:
        pool.patience = Patience(now=lambda: clock[0], sleep=sleep)
        box = ImapMailbox(pool, "INBOX")
        assert (await box.changes(knows())).appeared.keys() == {"1", "2"}
        assert [item.data for item in await read(box, "1", "2")] == [mail(1), mail(2)]
    assert slept


async def test_quirk_14_one_connection_too_many_is_done_without(tmp_path):
    server = gmail(*(mail(number) for number in range(4)))
    for number in range(6):
        server.boxes[f"label{number}"] = Mailbox()
        server.boxes[f"label{number}"].put(mail(100 + number))
    greetings = [server.greeting, b"* BYE [ALERT] Too many simultaneous connections. (Failure)\r\n"]
    serve_one, connected = server._serve, []

    async def counted(reader, writer):
        connected.append(writer)
        server.greeting = greetings[len(connected) > 1]
        await serve_one(reader, writer)

    server._serve = counted
    labels = [f"label{number}" for number in range(6)]
    async with sailing(tmp_path, server, maxconnections=3) as ship:
        (await ship.sync()).assert_clean()
        connected.clear()
        server.greeting = greetings[0]
        for number, label in enumerate(labels):
            ship.drop(mail(200 + number), folder=label)
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", *labels)
    assert len(connected) > 1


async def test_quirk_15_a_sign_in_that_wants_a_browser_is_shown_and_not_repeated(tmp_path):
    script = f"""
    S: * OK {GREETING}
    C: CAPABILITY
    S: * CAPABILITY {BEFORE}
    S: %t OK Thats all she wrote!
    C: AUTHENTICATE PLAIN \\S+
    S: * NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1&scc=1] Web login required.
    S: %t NO [ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)
    """
    async with serve(script) as server:
        voyage = Voyage(tmp_path, Account("127.0.0.1", server.port, "me", "pw"))
        sailed = await voyage.sync()
        failure = sailed.of(AccountFailed)[0]
        assert sailed.code == 5
        assert "log in via your web browser: https://support.google.com" in failure.reason
        assert sum(b"AUTHENTICATE" in line for line in server.heard) == 1


async def test_quirk_16_a_message_that_gmail_has_already_makes_no_second_one_and_is_not_sent_for_ever(tmp_path):
    server = gmail(mail(1))

    def deduplicated(answer: Answer, command: bytes) -> Answer:
        same = next((each for each in server.inbox.mail[:-1] if command.endswith(each.wire)), None)
        if same is None:
            return answer
        server.inbox.mail.pop()
        return Answer(tagged=b"OK [APPENDUID 7 %d] (Success)" % same.uid)

    server.lies["APPEND"] = deduplicated
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.drop(mail(1), "copy.1")
        sailed = await ship.sync()
        assert sailed.code == 3 and "one copy" in sailed.of(MessageFailed)[0].reason
        assert len(ship.files()) == 2 and len(server.inbox.mail) == 1, "no file is deleted for it"
        ship.files()[-1].unlink()
        (await ship.sync()).assert_clean()
        assert len(ship.files()) == 1 and len(server.inbox.mail) == 1
