"""iCloud: removals that are none, numbers that are no UIDs, and answers that leave out what was asked for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.quirks.shore import knows, mail, provider, sailing, scripted
from tests.real.voyage import digest

import postboat.imap
from postboat.imap.mailbox import ImapMailbox
from postboat.model import SEEN

GREETING = "iSCREAM ready to rumble (2124B33-c51ed0a2a9ed) [17.172.34.9]"
POOR = "IMAP4REV1 UIDPLUS ESEARCH CONDSTORE ENABLE QRESYNC NAMESPACE XAPPLEPUSHSERVICE"
SOURCES = sorted(Path(postboat.imap.__file__).parent.rglob("*.py"))


def icloud(*messages: bytes, capabilities: str = POOR) -> LyingServer:
    return provider(capabilities, *messages, greeting=GREETING)


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(count)]


async def test_quirk_43_an_ok_without_enabled_enables_nothing_and_comes_before_the_first_select():
    script = f"""
    S: * PREAUTH [CAPABILITY {POOR}] {GREETING}
    C: ENABLE CONDSTORE
    S: %t OK ENABLE completed (took 1 ms)
    C: SELECT "INBOX" \\(CONDSTORE\\)
    S: * FLAGS (\\Answered \\Flagged \\Draft \\Deleted \\Seen $Forwarded)
    S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Draft \\Deleted \\Seen $Forwarded \\*)] Limited
    S: * 0 EXISTS
    S: * OK [UIDVALIDITY 7] UIDs valid
    S: * OK [UIDNEXT 1] Predicted next UID
    S: * OK [HIGHESTMODSEQ 5] Highest
    S: %t OK [READ-WRITE] SELECT completed
    """
    async with scripted(script) as (pool, _):
        box = ImapMailbox(pool, "INBOX")
        assert await box.validity() == "7"
        assert (await box.changes(knows())).checkpoint == "[7, 1, 0, 5]"
        async with pool.session() as session:
            assert not session.enabled


async def test_quirk_44_removals_are_counted_and_never_taken_from_vanished(tmp_path):
    server = icloud(*many(5))

    def malformed(answer: Answer, _: bytes) -> Answer:
        return Answer([b"VANISHED (EARLIER) 1:4294967295", *answer.untagged], answer.tagged)

    server.lies["SELECT"] = malformed
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.flag(1, SEEN)
        server.inbox.drop(3)
        sailed = await ship.sync()
        assert not [command for command in server.said if b"QRESYNC" in command]
        assert (sailed.done.deleted_local, sailed.done.failed) == (1, 0)
        ship.assert_in_step()


async def test_quirk_45_whole_messages_are_asked_for_in_the_only_words_that_bring_them(tmp_path):
    server = icloud(*many(3))

    def nothing_for_rfc822(answer: Answer, command: bytes) -> Answer:
        return Answer([], answer.tagged) if re.search(rb"\bRFC822(?!\.SIZE)", command) else answer

    server.lies["UID FETCH"] = nothing_for_rfc822
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert all(b"BODY[" not in command for command in server.said), "nothing is marked as read by it"


def test_quirk_46_no_command_asks_for_what_the_server_would_have_to_parse():
    """Its ENVELOPE holds quotes that are not escaped, and addresses that are none."""
    assert len(SOURCES) > 50
    for source in SOURCES:
        code = ast.parse(source.read_text())
        texts = {
            node.value for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not [text for text in texts if re.search(r"\bENVELOPE\b|\bBODYSTRUCTURE\b", text)], source


@pytest.mark.parametrize("capabilities", [POOR, "IMAP4REV1 UIDPLUS ESEARCH", "IMAP4REV1 CONDSTORE", "IMAP4REV1"])
async def test_quirk_47_numbers_of_a_search_that_names_no_uids_are_never_believed(tmp_path, capabilities):
    """Such a search tells the places of messages in the mailbox; every search names UIDs, or only confirms."""
    server = icloud(*many(130), capabilities=capabilities)
    server.inbox.drop(1, 2, 3)

    def places(answer: Answer, command: bytes) -> Answer:
        if b"UID SEARCH" in command and re.search(rb"UID \d", command.partition(b"SEARCH")[2]):
            return answer
        uids = server.inbox.uids()
        wanted = [uids.index(uid) + 1 for uid in map(int, re.findall(rb"\d+", answer.untagged[0])) if uid in uids]
        numbers = [b"%d" % place for place in wanted]
        if b"RETURN" not in command:
            return Answer([b" ".join([b"SEARCH", *numbers])], answer.tagged)
        head = answer.untagged[0].partition(b" ALL ")[0]
        return Answer([head + b" ALL " + b",".join(numbers)], answer.tagged)

    server.lies["UID SEARCH"] = places
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.drop(50)
        server.inbox.flag(60, SEEN)
        server.inbox.put(mail(500))
        ship.file_of(mail(69)).unlink()
        sailed = await ship.sync()
        sailed.assert_clean()
        assert all(re.search(r" UID \d", said) for said in server.commands("UID SEARCH"))
        assert (sailed.done.deleted_local, sailed.done.deleted_remote, sailed.done.down) == (1, 1, 1)
        ship.assert_in_step()
        read = [number for number in range(130) if "S" in ship.on_disk().get(digest(mail(number)), "")]
        assert read == [59]


async def test_quirk_48_capabilities_are_asked_for_and_a_message_in_two_folders_is_two(tmp_path):
    script = f"""
    S: * OK [CAPABILITY st11p00mm-iscream009 18J36 XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=PLAIN] {GREETING}
    C: AUTHENTICATE PLAIN \\S+
    S: %t OK user me authenticated
    C: CAPABILITY
    S: * CAPABILITY st11p00mm-iscream009 18J36 XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 ACL QUOTA LITERAL+ NAMESPACE UIDPLUS
    S: %t OK CAPABILITY completed
    """
    async with scripted(script) as (pool, _), pool.session() as session:
        assert session.kind.name == "iCloud"
        assert session.capabilities.isdisjoint({"MOVE", "SPECIAL-USE"})
    server = icloud(mail(1), mail(2), capabilities="IMAP4REV1 UIDPLUS NAMESPACE")
    server.boxes["VIP"] = Mailbox()
    server.boxes["VIP"].put(mail(1))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "VIP")
        ship.file_of(mail(1), "VIP").unlink()
        (await ship.sync()).assert_clean()
        assert digest(mail(1)) in ship.aboard() and digest(mail(1)) in ship.ashore()
        await ship.assert_at_rest()
