"""Dovecot: indexes and stores that are lost, octets that change, answers that are shorter than their question."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox
from tests.fakes.watching import watching
from tests.quirks.shore import listings, mail, once, provider, sailing, scripted, with_room_for_one
from tests.real.voyage import digest

from postboat.errors import ConnectionLost
from postboat.events import MessageFailed, PlanHeld
from postboat.imap.folders import ImapFolders
from postboat.model import SEEN

GREETING = "Dovecot (Debian) ready."
CAPABILITIES = WAYS["qresync"]


def dovecot(*messages: bytes, capabilities: str = CAPABILITIES) -> LyingServer:
    return provider(capabilities, *messages, greeting=GREETING)


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(1, count + 1)]


def renumbered(box: Mailbox) -> None:
    """The same messages under new UIDs, as when the store comes back."""
    messages, box.mail = box.mail, []
    for each in messages:
        box.put(each.wire, *each.flags, date=each.date)


@pytest.mark.parametrize("way", WAYS)
async def test_quirk_82_a_lost_index_hides_no_change_and_deletes_nothing_that_is_there(tmp_path, way):
    """HIGHESTMODSEQ falls under the old UIDVALIDITY, and to a question about later changes there is silence."""
    server = dovecot(*many(8), capabilities=WAYS[way])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.flag(2, SEEN)
        server.inbox.drop(3)
        server.inbox.put(mail(100))
        server.inbox.highestmodseq = 2
        server.inbox.gone.clear()
        for each in server.inbox.mail:
            each.modseq = 1
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.down == 1 and sailed.done.deleted_remote == 0
        (await ship.sync()).assert_clean()
        assert "S" in ship.on_disk()[digest(mail(2))]
        ship.assert_in_step()
        assert {digest(each) for each in (*many(2), *many(8)[3:], mail(100))} <= set(ship.ashore())
        await ship.assert_at_rest()


@pytest.mark.parametrize("way", WAYS)
async def test_quirk_82_a_store_that_is_away_for_a_while_deletes_nothing_and_doubles_nothing(tmp_path, way):
    server = dovecot(*many(8), capabilities=WAYS[way])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        away, server.inbox.mail = server.inbox.mail, []
        server.inbox.highestmodseq += 1
        server.inbox.gone |= dict.fromkeys((each.uid for each in away), server.inbox.highestmodseq)
        for _ in range(2):
            sailed = await ship.sync()
            assert sailed.code == 6
            assert [(held.count, held.of) for held in sailed.of(PlanHeld)] == [(8, 8)]
            assert len(ship.files()) == 8 and not ship.asked_to_change()
        server.inbox.mail = away
        renumbered(server.inbox)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.down == sailed.done.up == 0, "the same mail under new UIDs is recognised"
        ship.assert_in_step()
        await ship.assert_at_rest()


@pytest.mark.parametrize("uidplus", ["UIDPLUS ", ""])
async def test_quirk_84_what_the_server_stores_otherwise_is_the_same_message(tmp_path, uidplus):
    server = dovecot(mail(1), capabilities=WAYS["plain"].replace("UIDPLUS ", uidplus))
    server.alters = lambda wire: re.sub(rb"\r\Z", b"", wire)
    lone = mail(2) + b"the last line\r"
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.drop(lone, "lone.1")
        ship.drop(b"", "empty.1")
        sailed = await ship.sync()
        assert sailed.code == 3
        assert ["empty" in failed.reason for failed in sailed.of(MessageFailed)] == [True]
        assert server.inbox.mail[1].wire == lone[:-1]
        assert len(server.inbox.mail) == 2 and len(ship.files()) == 3
        assert digest(lone) in ship.ashore()
        await ship.assert_at_rest(code=3)


async def test_quirk_85_what_an_answer_leaves_out_because_it_was_expunged_is_gone_and_no_failure(tmp_path):
    server = dovecot(*many(6))

    def meanwhile(answer: Answer, command: bytes) -> Answer:
        server.inbox.drop(2)
        kept = [line for line in answer.untagged if b"UID 2 " not in line]
        return Answer([*kept, b"VANISHED 2"], b"OK [EXPUNGEISSUED] Some messages were already expunged.")

    lie = once(meanwhile)
    server.lies["UID FETCH"] = lambda answer, command: lie(answer, command) if b"BODY.PEEK[]" in command else answer
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert len(ship.files()) == 5
        await ship.assert_at_rest()


@pytest.mark.parametrize("line", [b"VANISHED (EARLIER) 0:1", b"VANISHED 0:1", b"VANISHED (EARLIER) 0"])
async def test_quirk_86_a_uid_of_zero_names_no_message_and_its_range_begins_with_one(tmp_path, line):
    server = dovecot(*many(6))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.lies["SELECT"] = lambda answer, _: Answer([*answer.untagged, line], answer.tagged)
        (await ship.sync()).assert_clean()
        assert len(ship.files()) == 6, "it is there, whatever is said of it"
        server.inbox.drop(1)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_local == 1
        assert not listings(server), "it is understood, so that nobody has to look at everything"
        ship.assert_in_step()


@pytest.mark.parametrize("code", ["LIMIT", "UNAVAILABLE"])
async def test_quirk_87_a_connection_that_is_one_too_many_is_done_without(tmp_path, code):
    server = dovecot(*many(6))
    for name in "ABCDEFGHIJKL":
        server.boxes[name] = Mailbox()
        for number in range(20, 26):
            server.boxes[name].put(mail(number, name))
    refused = with_room_for_one(
        server,
        "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] Dovecot (Debian) ready.",
        f"NO [{code}] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=1)",
    )
    async with sailing(tmp_path, server, maxconnections=4) as ship:
        (await ship.sync()).assert_clean()
        assert refused, "there was an attempt"
        assert len(refused) < 6, "which was not made again and again"
        ship.assert_in_step("INBOX", *"ABCDEFGHIJKL")


@pytest.mark.parametrize(
    "told",
    [
        ['STATUS "Work" (HIGHESTMODSEQ 3)'],
        ['STATUS "Work" (MESSAGES 0) '],
        ['STATUS "Work" (MESSAGES 0 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 3)', 'STATUS "Work" (HIGHESTMODSEQ 4)'],
        ['STATUS "Work" ()'],
    ],
)
async def test_quirk_88_numbers_that_are_not_all_there_prove_nothing(told):
    lines = "\n    ".join(f"S: * {line}" for line in told)
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE] {GREETING}
    C: LIST "" "\\*" RETURN \\(SPECIAL-USE STATUS \\(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ\\)\\)
    S: * LIST () "/" "INBOX"
    S: * STATUS "INBOX" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 HIGHESTMODSEQ 3)
    S: * LIST () "/" "Work"
    {lines}
    S: %t OK done
    """
    async with scripted(script) as (pool, _):
        inbox, work = (await ImapFolders(pool).list()).folders
        assert inbox.glimpse is not None and inbox.glimpse.checkpoint is not None
        assert work.glimpse is None or work.glimpse.checkpoint is None


async def test_quirk_89_a_space_at_the_end_of_the_numbers_is_passed_over():
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS CONDSTORE] {GREETING}
    C: LIST "" "\\*" RETURN .*
    S: * LIST () "/" "INBOX"
    S: * STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 HIGHESTMODSEQ 3)\x20
    S: %t OK done
    """
    async with scripted(script) as (pool, _):
        (inbox,) = (await ImapFolders(pool).list()).folders
        assert inbox.glimpse is not None and inbox.glimpse.checkpoint is not None


async def test_quirk_83_a_bye_that_tells_of_a_new_uidvalidity_leads_to_matching_anew(tmp_path):
    server = dovecot(*many(6))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))

        def changed(_answer: Answer, _command: bytes) -> Answer:
            server.inbox.uidvalidity = 4242
            renumbered(server.inbox)
            return Answer(octets=b"* BYE Mailbox UIDVALIDITY changed\r\n", is_last=True)

        server.lies["UID FETCH"] = once(changed)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert not ship.asked_to_change() and sailed.done.deleted_local == 0
        ship.assert_in_step()
        assert len(ship.files()) == 7
        await ship.assert_at_rest()


SUBSCRIBES = """
    C: NOTIFY SET STATUS \\(personal \\(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange\\)\\)
    S: * STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 HIGHESTMODSEQ 3)
    S: %t OK NOTIFY completed.
    C: IDLE
    S: + idling
"""
NOTIFIES = f"    S: * PREAUTH [CAPABILITY IMAP4rev1 IDLE NOTIFY UNSELECT] {GREETING}{SUBSCRIBES}"


async def test_quirk_81_notify_is_set_once_with_no_mailbox_selected_and_ended_before_it_is_set_again():
    script = f"""{NOTIFIES}
    C! DONE
    S: %t OK Idle completed.
    C: NOTIFY NONE
    S: %t OK NOTIFY completed.
    C: SELECT "INBOX"
    S: * 1 EXISTS
    S: %t OK [READ-WRITE] Select completed.
    C: UNSELECT
    S: %t OK Unselect completed.
    {SUBSCRIBES}
    S: * STATUS INBOX (MESSAGES 2 UIDNEXT 3 HIGHESTMODSEQ 4)
    """
    async with scripted(script) as (pool, _), watching(pool) as (told, _):
        await told.until(("notify",))
        async with pool.session() as session:
            await session.select("INBOX")
        assert await told.until({"INBOX"}) == [{"INBOX"}]


async def test_quirk_83_a_bye_in_the_middle_of_an_idle_ends_the_watch_which_looks_anew_when_it_begins_again():
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 IDLE] {GREETING}
    C: EXAMINE "INBOX"
    S: * 1 EXISTS
    S: %t OK [READ-ONLY] Examine completed.
    C: IDLE
    S: + idling
    S: * BYE Mailbox UIDVALIDITY changed
    close
    """
    async with scripted(script) as (pool, _), watching(pool, "INBOX") as (told, watch):
        with pytest.raises(ConnectionLost, match="UIDVALIDITY changed"):
            await watch
        assert told.all[-1:] in ([], ["lost"])
        assert pool.open_now == 0


@pytest.mark.parametrize("told_later", ["(HIGHESTMODSEQ 4)", "(UNSEEN 1)", "(MESSAGES 0) ", "()"])
async def test_quirk_88_numbers_that_are_not_all_there_tell_of_a_change(told_later):
    script = f"{NOTIFIES}\n    wait armed\n    S: * STATUS INBOX {told_later}"
    async with scripted(script) as (pool, server), watching(pool) as (told, _):
        await told.until(("notify",))
        server.events["armed"].set()
        assert await told.until({"INBOX"}) == [{"INBOX"}]
