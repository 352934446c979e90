"""James, Purelymail, Hostinger, WorkMail, IONOS, strato and others, by what they say of changes and folders."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import WAYS, Answer, Mailbox
from tests.quirks.shore import change_a_little, mail, once, provider, refusing, sailing, scripted, server_of
from tests.real.voyage import digest

from postboat.events import PlanHeld
from postboat.imap.folders import ImapFolders
from postboat.imap.memory import Lesson, ServerMemory
from postboat.model import SEEN

PLAIN, CONDSTORE, QRESYNC = WAYS["plain"], WAYS["condstore without esearch"], WAYS["qresync"]
POOR = "IMAP4REV1"


@pytest.mark.parametrize(
    "told",
    [
        [b"VANISHED (EARLIER) 1:8"],
        [b"VANISHED (EARLIER) 1:4294967295"],
        [b"VANISHED (EARLIER) "],
        [b"VANISHED (EARLIER)"],
        [b"VANISHED"],
    ],
)
@pytest.mark.parametrize("changed", [False, True])
async def test_quirk_101_messages_said_to_be_gone_that_are_there_stay(tmp_path, told, changed):
    server = server_of(QRESYNC, greeting="JAMES IMAP4rev1 Server at your service")
    server.boxes["Other"] = Mailbox()
    for number in range(20, 26):
        server.boxes["Other"].put(mail(number))

    def earlier(answer: Answer, command: bytes) -> Answer:
        kept = [line for line in answer.untagged if b"CLOSED" not in line]
        return Answer([*kept, *(told if b"QRESYNC" in command else [])], answer.tagged)

    server.lies["SELECT"] = earlier
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        if changed:
            change_a_little(server)
            server.boxes["Other"].put(mail(200))
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_local == changed and not sailed.of(PlanHeld)
        assert not ship.asked_to_change()
        ship.assert_in_step("INBOX", "Other")
        await ship.assert_at_rest()


async def test_quirk_102_a_range_of_the_vanished_around_a_message_that_is_shown_wipes_nothing(tmp_path):
    server = server_of(QRESYNC, greeting="server ready URLMECH ANNOTATIONS")

    def all_but_one(answer: Answer, command: bytes) -> Answer:
        if b"QRESYNC" not in command:
            return answer
        return Answer([*answer.untagged, b"VANISHED (EARLIER) 1:6,8", b"7 FETCH (UID 7 FLAGS () MODSEQ (9))"])

    server.lies["SELECT"] = all_but_one
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for _ in range(2):
            sailed = await ship.sync()
            sailed.assert_clean()
            assert sailed.done.deleted_local == 0 and len(ship.files()) == 8
        server.inbox.drop(3)
        sailed = await ship.sync()
        assert sailed.done.deleted_local == 1
        ship.assert_in_step()


@pytest.mark.parametrize("capabilities", [CONDSTORE, QRESYNC])
async def test_quirk_103_a_highest_mod_sequence_of_zero_is_none(tmp_path, capabilities):
    server = provider(capabilities, greeting="Purelymail")

    def zero(answer: Answer, _: bytes) -> Answer:
        if server.inbox.mail:
            return answer
        return Answer([re.sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 0", x) for x in answer.untagged], answer.tagged)

    server.lies["SELECT"] = zero
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        await ship.assert_at_rest()
        server.inbox.put(mail(1))
        ship.drop(mail(2))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        server.inbox.drop(1, 2)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_local == 2
        await ship.assert_at_rest()


@pytest.mark.parametrize("capabilities", [CONDSTORE, QRESYNC])
async def test_quirk_104_a_mod_sequence_that_stands_still_hides_no_mail(tmp_path, capabilities):
    server = server_of(capabilities)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        flat = server.inbox.highestmodseq
        for step in range(3):
            if step == 0:
                server.inbox.put(mail(100))
            elif step == 1:
                server.inbox.drop(3)
            else:
                change = next(each for each in server.inbox.mail if each.uid == 2)
                change.flags = {SEEN}
                server.inbox.put(mail(101))
            server.inbox.highestmodseq = flat
            server.inbox.gone.clear()
            for each in server.inbox.mail:
                each.modseq = min(each.modseq, flat)
            (await ship.sync()).assert_clean()
            ship.assert_in_step()
        assert "S" in ship.on_disk()[digest(mail(2))]


@pytest.mark.parametrize("capabilities", [CONDSTORE, QRESYNC])
async def test_quirk_105_changes_that_are_never_told_are_looked_for(tmp_path, capabilities):
    server = server_of(capabilities, greeting="Dovecot ready.")
    server.lies["SELECT"] = lambda answer, _: Answer(
        [line for line in answer.untagged if b"FETCH" not in line and not line.startswith(b"VANISHED")], answer.tagged
    )
    server.lies["UID FETCH"] = lambda answer, command: Answer() if b"CHANGEDSINCE" in command else answer
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.flag(2, SEEN)
        (await ship.sync()).assert_clean()
        assert "S" in ship.on_disk()[digest(mail(2))]
        server.inbox.drop(3)
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        server.inbox.drop(4)
        server.inbox.put(mail(101))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_105_a_select_refused_for_the_pace_is_made_again(tmp_path):
    server = server_of(QRESYNC)
    throttled = refusing(b"NO Request is throttled. Suggested Backoff Time: 20 milliseconds")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        change_a_little(server)
        server.lies["SELECT"] = once(throttled)
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


@pytest.mark.parametrize("capabilities", [POOR, PLAIN, WAYS["esearch"], CONDSTORE])
async def test_quirk_106_no_item_is_asked_for_that_was_not_announced(tmp_path, capabilities):
    server = server_of(capabilities, count=120, greeting="IMAP server ready H migmx027")
    needs = {
        rb"MODSEQ|CHANGEDSINCE|CONDSTORE": "CONDSTORE",
        rb"RETURN": "ESEARCH",
        rb"QRESYNC|VANISHED|ENABLE": "QRESYNC",
        rb"EMAILID|THREADID": "OBJECTID",
        rb"X-GM-": "X-GM-EXT-1",
        rb"BINARY|~\{": "BINARY",
        rb"UID EXPUNGE": "UIDPLUS",
        rb"UID MOVE": "MOVE",
        rb"\{\d+\+\}": "LITERAL+",
    }

    def strict(answer: Answer, command: bytes) -> Answer:
        head = command.partition(b"\r\n")[0]
        missing = [word for words, word in needs.items() if re.search(words, head) and word not in capabilities]
        return Answer(tagged=b'BAD expected fetch-att instead of "MODSEQ BODY.P"') if missing else answer

    server.lies[""] = strict
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        change_a_little(server)
        ship.drop(mail(200))
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


@pytest.mark.parametrize("listed", ["", 'S: * LIST () "." "Sent"'])
async def test_quirk_107_a_list_without_the_inbox_is_asked_for_plainly_and_no_more_after_that(listed):
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS] strato ready
    C: LIST "" "\\*" RETURN .*
    {listed}
    S: %t OK done
    C: LIST "" "\\*"
    S: * LIST () "." "INBOX"
    S: * LIST () "." "Sent"
    S: %t OK done
    C: LIST "" "\\*"
    S: * LIST () "." "INBOX"
    S: * LIST () "." "Sent"
    S: %t OK done
    """
    async with scripted(script) as (pool, _):
        memory = ServerMemory()
        memory.learn(Lesson("", "", "", frozenset()))
        folders = ImapFolders(pool, memory=memory)
        for _ in range(2):
            assert [folder.wire for folder in (await folders.list()).folders] == ["INBOX", "Sent"]


async def test_quirk_107_an_inbox_that_only_a_list_of_its_own_shows_is_synced(tmp_path):
    server = server_of(PLAIN)
    server.boxes["Sent"] = Mailbox()
    server.lies['LIST "" "*"'] = lambda answer, _: Answer([x for x in answer.untagged if b"INBOX" not in x])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "Sent")
        await ship.assert_at_rest()


async def test_quirk_108_the_uids_of_a_move_are_understood_without_their_ok(tmp_path):
    server = server_of(f"{PLAIN} MOVE", greeting="home.pl IMAP")
    server.boxes["Work"] = Mailbox()

    def bare(answer: Answer, _: bytes) -> Answer:
        lines = [re.sub(rb"^OK (\[COPYUID [^]]*\]).*", rb"\1", line) for line in answer.untagged]
        return Answer(lines, answer.tagged)

    server.lies["UID MOVE"] = bare
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        file = ship.file_of(mail(4))
        file.rename(ship.folder("Work") / "cur" / file.name)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.moved == 1 and not server.commands("APPEND")
        assert not [said for said in server.said if b"HEADER" in said], "nothing is looked for"
        ship.assert_in_step("INBOX", "Work")
        await ship.assert_at_rest()


async def test_quirk_108_who_does_not_want_to_know_who_we_are_need_not(tmp_path):
    server = server_of(f"{PLAIN} ID", greeting="mail.de")
    server.lies["ID"] = refusing(b"BAD Error in IMAP command received by server.")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert server.commands("ID")
        ship.assert_in_step()


async def test_quirk_109_a_plus_on_its_own_announces_no_literal(tmp_path):
    server = server_of("IMAP4REV1 UIDPLUS LITERAL + NAMESPACE")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.drop(mail(200))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        (append,) = server.said and [said for said in server.said if said.startswith(b"APPEND")]
        assert re.search(rb"\{\d+\}\r\n", append), "the server is asked before a literal is sent"
