"""Zoho: mod-sequences that are none, limits that change with the sign-in, and a list that only works as a whole."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import Answer, LyingServer
from tests.quirks.shore import knows, mail, provider, sailing, scripted
from tests.real.voyage import digest

from postboat.errors import FolderGone
from postboat.events import MessageFailed
from postboat.imap.folders import ImapFolders
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.uploads import append_limit
from postboat.model import NO_FLAGS, SEEN

GREETING = "Welcome to Zoho Mail IMAP4rev1 Server"
BEFORE = (
    "IMAP4rev1 UNSELECT CHILDREN XLIST NAMESPACE IDLE MOVE ID AUTH=PLAIN SASL-IR UIDPLUS ESEARCH APPENDLIMIT=10485760"
)
AFTER = "IMAP4rev1 UNSELECT CHILDREN XLIST NAMESPACE IDLE MOVE ID UIDPLUS ESEARCH LIST-EXTENDED LIST-STATUS APPENDLIMIT=26214400"
CAPABILITIES = "IMAP4REV1 UNSELECT NAMESPACE MOVE ID UIDPLUS ESEARCH CONDSTORE"


def zoho(*messages: bytes, capabilities: str = CAPABILITIES) -> LyingServer:
    return provider(capabilities, *messages, greeting=GREETING)


@pytest.mark.parametrize("none", [b"0", b"-1"])
@pytest.mark.parametrize("qresync", ["", " ENABLE QRESYNC"])
async def test_quirk_67_a_mod_sequence_that_is_none_proves_nothing(tmp_path, none, qresync):
    server = zoho(*(mail(number) for number in range(1, 9)), capabilities=CAPABILITIES + qresync)

    def without_modseqs(answer: Answer, command: bytes) -> Answer:
        """No change is told, and every mod-sequence is this one."""
        told = [line for line in answer.untagged if not line.startswith(b"VANISHED")]
        if b"QRESYNC" in command:
            told = [line for line in told if b" FETCH " not in line]
        if b"CHANGEDSINCE" in command:
            told = []
        told = [re.sub(rb"MODSEQ \(\d+\)", b"MODSEQ (%b)" % none, line) for line in told]
        told = [re.sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ %b" % none, line) for line in told]
        return Answer(told, answer.tagged)

    server.lies = dict.fromkeys(("SELECT", "EXAMINE", "UID FETCH"), without_modseqs)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        await ship.assert_at_rest()
        server.inbox.flag(2, SEEN)
        server.inbox.drop(3)
        server.inbox.put(mail(100))
        sailed = await ship.sync()
        sailed.assert_clean()
        ship.assert_in_step()
        assert "S" in ship.on_disk()[digest(mail(2))]
        await ship.assert_at_rest()


async def test_quirk_68_the_limit_that_counts_is_that_of_after_the_sign_in(tmp_path):
    script = f"""
    S: * OK [CAPABILITY {BEFORE}] {GREETING}
    C: AUTHENTICATE PLAIN \\S+
    S: * CAPABILITY {AFTER}
    S: %t OK Success
    """
    async with scripted(script) as (pool, _), pool.session() as session:
        assert append_limit(session.capabilities) == 26_214_400
        assert "AUTH=PLAIN" not in session.capabilities


async def test_quirk_68_what_is_larger_is_not_sent_and_stops_nothing(tmp_path):
    server = zoho(mail(1), capabilities=f"{CAPABILITIES} APPENDLIMIT=5000")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.drop(mail(2, "x" * 6000), "large.1")
        ship.drop(mail(3), "small.1")
        sailed = await ship.sync()
        assert sailed.code == 3
        assert ["takes at most 5000" in failed.reason for failed in sailed.of(MessageFailed)] == [True]
        assert ship.aboard() == sorted([digest(mail(1)), digest(mail(3))])
        assert len(server.commands("APPEND")) == 1
        await ship.assert_at_rest(code=3)


async def test_quirk_69_what_is_no_flag_stays_out_of_the_flags(tmp_path):
    server = zoho(mail(1), mail(2), capabilities="IMAP4REV1 UIDPLUS")
    server.lies["UID FETCH"] = lambda answer, _: Answer(
        [line.replace(b"FLAGS (", b"FLAGS (\\* ") for line in answer.untagged], answer.tagged
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        async with server.pool() as pool:
            shown = (await ImapMailbox(pool, "INBOX").changes(knows())).appeared
        assert [message.flags for message in shown.values()] == [NO_FLAGS, NO_FLAGS]
        file = ship.file_of(mail(1))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")
        (await ship.sync()).assert_clean()
        assert server.inbox.mail[0].flags == {SEEN}
        assert not [said for said in server.commands("UID STORE") if "\\*" in said]
        await ship.assert_at_rest()


async def test_quirk_70_an_extended_list_always_asks_for_all(tmp_path):
    """For one folder alone the answer is an empty OK, which would read as "there is none"."""
    script = f"""
    S: * PREAUTH [CAPABILITY {AFTER}] {GREETING}
    C: ID .*
    S: %t OK done
    C: LIST "" "\\*" RETURN \\(STATUS \\(MESSAGES UIDNEXT UIDVALIDITY\\)\\)
    C: NAMESPACE
    S: * LIST (\\HasNoChildren) "/" "INBOX"
    S: * STATUS "INBOX" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)
    S: * LIST (\\HasNoChildren) "/" "Notes"
    S: * STATUS "Notes" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)
    S: %2 OK Success
    S: * NAMESPACE (("" "/")) NIL NIL
    S: %3 OK Success
    C: SELECT "Notes"
    S: %t NO could not be opened
    C: LIST "" "Notes"
    S: * LIST (\\HasNoChildren) "/" "Notes"
    S: %t OK Success
    """
    async with scripted(script) as (pool, server):
        listed = await ImapFolders(pool).list()
        assert [folder.wire for folder in listed.folders] == ["INBOX", "Notes"]
        async with pool.session() as session:
            with pytest.raises(Exception, match="does not open") as refused:
                await session.select("Notes")
            assert not isinstance(refused.value, FolderGone)
        extended = [line for line in server.heard if b"RETURN" in line]
        assert len(extended) == 1 and b'"" "*"' in extended[0]
