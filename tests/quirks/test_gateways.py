"""Proton Bridge, DavMail, hMailServer, SmarterMail, Zimbra, Domino and Stalwart."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox
from tests.quirks.shore import listings, mail, provider, sailing, scripted
from tests.real.voyage import digest

from postboat.events import FolderFailed, MessageFailed
from postboat.imap.folders import ImapFolders
from postboat.model import DELETED, SEEN

PLAIN, CONDSTORE, QRESYNC = WAYS["plain"], WAYS["condstore without esearch"], WAYS["qresync"]


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(1, count + 1)]


async def test_quirk_94_only_the_plainest_list_is_sent_to_who_announces_no_more():
    """`LIST (SPECIAL-USE)` gets BAD from Proton Bridge, though it announces SPECIAL-USE."""
    script = """
    S: * PREAUTH [CAPABILITY IMAP4rev1 ID IDLE MOVE SPECIAL-USE UIDPLUS] Proton Mail Bridge ready
    C: ID .*
    S: %t OK done
    C: LIST "" "\\*"
    S: * LIST (\\Unmarked) "/" "INBOX"
    S: * LIST (\\All \\Noinferiors) "/" "All Mail"
    S: * LIST (\\Noselect) "/" "Labels"
    S: * LIST () "/" "Labels/Later"
    S: %t OK done
    """
    async with scripted(script) as (pool, _):
        listed = await ImapFolders(pool).list()
        assert [folder.wire for folder in listed.folders if folder.selectable] == ["INBOX", "All Mail", "Labels/Later"]


async def test_quirk_94_messages_that_an_upgrade_gave_other_uids_are_matched_and_none_is_deleted(tmp_path):
    server = provider("IMAP4REV1 IDLE MOVE UIDPLUS", *many(8), greeting="Proton Mail Bridge ready")
    server.boxes["All Mail"] = everything = Mailbox()
    for each in many(8):
        everything.put(each)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for box in server.boxes.values():
            messages, box.mail, box.uidvalidity, box.uidnext = box.mail[::-1], [], box.uidvalidity + 1, 1
            for each in messages:
                box.put(each.wire)
        ship.file_of(mail(1)).unlink()
        for _ in range(2):
            sailed = await ship.sync()
            sailed.assert_clean()
            assert sailed.done.deleted_local == sailed.done.deleted_remote == sailed.done.up == 0
        ship.assert_in_step("INBOX", "All Mail")
        ship.file_of(mail(2)).unlink()
        (await ship.sync()).assert_clean()
        assert ship.aboard() == sorted(map(digest, [mail(1), *many(8)[2:]])), "that one is gone, and no other"


async def test_quirk_94_without_uid_expunge_no_foreign_message_is_removed(tmp_path):
    server = provider("IMAP4REV1 IDLE", *many(5), greeting="Proton Mail Bridge ready")
    async with sailing(tmp_path, server) as ship:
        server.inbox.flag(5, DELETED)
        (await ship.sync()).assert_clean()
        ship.file_of(mail(1)).unlink()
        await ship.sync()
        assert server.inbox.uids() == [1, 2, 3, 4, 5]
        assert not server.commands("EXPUNGE", "CLOSE", "UID EXPUNGE")
        server.inbox.flag(5)
        ship.file_of(mail(2)).unlink()
        await ship.sync()
        await ship.sync()
        assert set(server.inbox.uids()) >= {3, 4, 5}


async def test_quirk_95_any_number_of_spaces_may_stand_before_a_count(tmp_path):
    server = provider("IMAP4REV1 UIDPLUS MOVE", *many(5), greeting="IMAP4rev1 DavMail 6.0.1 server ready")

    def kept_alive(answer: Answer, _: bytes) -> Answer:
        lines = [b"*" + b" " * (n % 3 + 1) + line + b"\r\n" for n, line in enumerate(answer.untagged)]
        return Answer(octets=b"".join(lines) + b"%t " + answer.tagged + b"\r\n")

    server.lies = dict.fromkeys(("SELECT", "UID FETCH", "UID SEARCH", "LIST", "UID EXPUNGE"), kept_alive)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        server.inbox.drop(2)
        server.inbox.put(mail(100))
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


async def test_quirk_95_sizes_are_not_asked_for_where_each_costs_a_whole_message(tmp_path):
    server = provider("IMAP4REV1 UIDPLUS MOVE", *many(50), greeting="IMAP4rev1 DavMail 6.0.1 server ready")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        listings = [said for said in server.commands("UID FETCH") if said.split()[2].endswith(":4294967295")]
        assert listings and not [said for said in listings if "RFC822.SIZE" in said]
        ship.assert_in_step()


async def test_quirk_96_a_body_of_another_message_is_not_kept(tmp_path):
    server = provider("IMAP4 IMAP4REV1 CHILDREN IDLE QUOTA NAMESPACE", greeting="IMAPrev1")
    for number in range(1, 9):
        server.inbox.put(mail(number, "x" * number))
    shifted = {"so": False, "done": False}

    def of_the_next_one(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command or shifted["done"]:
            return answer
        if not shifted["so"]:
            shifted["so"] = True
            server.inbox.drop(3)
        bodies = {each.uid: each.wire for each in server.inbox.mail}
        uids = sorted(bodies)
        told = []
        for number, uid in enumerate(uids[:-1], 1):
            wire = bodies[uids[number]] if uid > 3 else bodies[uid]
            told.append(b"%d FETCH (UID %d FLAGS () BODY[] {%d}\r\n%b)" % (number, uid, len(wire), wire))
        return Answer(told, answer.tagged)

    def selected_anew(answer: Answer, _: bytes) -> Answer:
        shifted["done"] = shifted["so"]
        return answer

    server.lies = {"UID FETCH": of_the_next_one, "SELECT": selected_anew}
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert shifted["done"]
        ship.assert_in_step()
        assert not [said for said in server.said if b"]<" in said], "a part beyond the end makes it crash"
        await ship.assert_at_rest()


async def test_quirk_96_nor_any_body_that_comes_with_a_removal(tmp_path):
    """Messages of equal length are told apart by nothing else."""
    server = provider("IMAP4 IMAP4REV1 CHILDREN IDLE QUOTA NAMESPACE", *many(6), greeting="IMAPrev1")
    shifted: list[bytes] = []

    def of_the_next_one(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command or shifted:
            return answer
        shifted.append(command)
        server.inbox.drop(1)
        wires = [each.wire for each in server.inbox.mail]
        told = [
            b"%d FETCH (UID %d FLAGS () BODY[] {%d}\r\n%b)" % (n, n, len(wire), wire) for n, wire in enumerate(wires, 1)
        ]
        return Answer([b"1 EXPUNGE", b"5 EXISTS", *told], answer.tagged)

    server.lies["UID FETCH"] = of_the_next_one
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert len(ship.files()) == 5


async def test_quirk_96_nor_the_body_of_another_large_message(tmp_path):
    large = [mail(number, f"{number}" * (1 << 20)) for number in (4, 5, 6)]
    server = provider("IMAP4 IMAP4REV1 CHILDREN IDLE QUOTA NAMESPACE", *many(3), *large, greeting="IMAPrev1")
    stale: list[bytes] = []
    fresh: list[bytes] = []

    def of_the_next_one(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command or fresh:
            return answer
        if not stale:
            stale.append(command)
            server.inbox.drop(1)
            return Answer(answer.untagged[1:], answer.tagged)
        uid = int(command.split(b" ")[2])
        wire = next((each.wire for each in server.inbox.mail if each.uid == uid + 1), large[-1])
        return Answer([b"1 FETCH (UID %d FLAGS () BODY[] {%d}\r\n%b)" % (uid, len(wire), wire)], answer.tagged)

    def selected_anew(answer: Answer, _: bytes) -> Answer:
        fresh.extend(stale)
        return answer

    server.lies = {"UID FETCH": of_the_next_one, "SELECT": selected_anew}
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert stale
        ship.assert_in_step()


async def test_quirk_97_condstore_that_is_only_announced_hides_no_change(tmp_path):
    server = provider(CONDSTORE, *many(6), greeting="SmarterMail")

    def knows_no_since(answer: Answer, command: bytes) -> Answer:
        if b"CHANGEDSINCE" not in command:
            return answer
        return Answer(
            [b"%d FETCH (UID %d FLAGS (%b))" % (n, m.uid, b" ".join(f.encode() for f in sorted(m.flags)))
             for n, m in enumerate(server.inbox.mail, 1)]
        )  # fmt: skip

    server.lies["UID FETCH"] = knows_no_since
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        await ship.assert_at_rest()
        server.inbox.flag(2, SEEN)
        server.inbox.drop(3)
        server.inbox.put(mail(100))
        server.inbox.highestmodseq += 1
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert "S" in ship.on_disk()[digest(mail(2))]
        await ship.assert_at_rest()


@pytest.mark.parametrize("capabilities", [CONDSTORE, QRESYNC])
async def test_quirk_98_a_number_without_a_space_behind_it_ends_where_the_digits_do(tmp_path, capabilities):
    server = provider(capabilities, *many(6), greeting="Zimbra 5.0.7_GA_2450 IMAP4rev1 server ready")

    altered: list[bytes] = []

    def glued(answer: Answer, _: bytes) -> Answer:
        turned = [re.sub(rb"\(UID (\d+) (.*) MODSEQ \((\d+)\)", rb"(\2 UID \1MODSEQ (\3)", x) for x in answer.untagged]
        altered.extend(set(turned) - set(answer.untagged))
        return Answer(turned, answer.tagged)

    server.lies = {"UID FETCH": glued, "SELECT": glued}
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.flag(2, SEEN)
        server.inbox.drop(3)
        server.inbox.put(mail(100))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert "S" in ship.on_disk()[digest(mail(2))]
        assert altered
        assert not listings(server), "it is understood, so that nobody has to look at everything"
        selects = [said for said in server.commands("SELECT") if "QRESYNC" in said]
        assert all(re.search(r"\(QRESYNC \(\d+ \d+\)\)", said) for said in selects), "no places of messages are told"
        assert bool(selects) == (capabilities == QRESYNC)


def domino(*messages: bytes) -> LyingServer:
    return provider(PLAIN, *messages, greeting="Domino IMAP4 Server Release 8.5.3FP6 ready")


async def test_quirk_99_messages_in_any_order_with_a_date_that_is_none_and_a_nameless_list_come_whole(tmp_path):
    server = domino(*many(4))

    def odd(answer: Answer, command: bytes) -> Answer:
        lines = [
            re.sub(rb'INTERNALDATE "[^"]*"', b'INTERNALDATE "00-Jan-0000 00:00:00 +0000"', x) for x in answer.untagged
        ]
        if len(lines) == 4:
            lines = [lines[at] for at in (1, 3, 2, 0)]
        return Answer(lines, answer.tagged)

    server.lies["UID FETCH"] = odd
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


@pytest.mark.parametrize("short", [1, 2])
async def test_quirk_99_a_message_announced_a_little_too_short_is_no_other_message(tmp_path, short):
    server = domino(*many(4))
    bad = mail(7)
    server.inbox.put(bad)
    for number in range(10, 13):
        server.inbox.put(mail(number))

    def too_short(answer: Answer, command: bytes) -> Answer:
        octets = b"".join(b"* " + line + b"\r\n" for line in answer.untagged)
        told = b"{%d}\r\n%b" % (len(bad), bad)
        return Answer(octets=octets.replace(told, b"{%d}\r\n%b" % (len(bad) - short, bad)) + b"%t OK done\r\n")

    server.lies["UID FETCH"] = too_short
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert not sailed.of(FolderFailed) and not ship.asked_to_change()
        others = [digest(each.wire) for each in server.inbox.mail if each.wire != bad]
        assert set(others) <= set(ship.ashore()), "all others come"
        assert len(ship.files()) == len(others), "a message that lacks its end is not kept"
        assert sailed.code == 3 and len(sailed.of(MessageFailed)) == 1


async def test_quirk_99_a_header_that_is_another_each_time_changes_nothing_that_is_paired(tmp_path):
    """Once the ledger is lost, such messages are different ones: each side gets the other's, and nothing is lost."""
    server = domino(*many(6))
    asked = [0]

    def another_each_time(answer: Answer, command: bytes) -> Answer:
        def altered(line: bytes) -> bytes:
            found = re.search(rb"\{(\d+)\}\r\n", line)
            if found is None:
                return line
            asked[0] += 1
            text = b"X-Fetched: %06d\r\n" % asked[0] + line[found.end() :]
            return line[: found.start()] + b"{%d}\r\n" % (int(found[1]) + 19) + text

        return Answer([altered(line) for line in answer.untagged], answer.tagged)

    server.lies["UID FETCH"] = another_each_time
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        await ship.assert_at_rest()
        assert len(server.inbox.mail) == len(ship.files()) == 6
        before, uids = ship.ashore(), server.inbox.uids()
        for ledger in ship.state.glob("*.ledger*"):
            ledger.unlink()
        (await ship.sync()).assert_clean()
        assert set(before) < set(ship.ashore()) and set(uids) < set(server.inbox.uids())
        await ship.assert_at_rest()


@pytest.mark.parametrize("capabilities", [PLAIN, CONDSTORE, QRESYNC, PLAIN.replace("UIDPLUS ", "")])
async def test_quirk_100_a_message_stored_without_a_word_of_it_is_counted_all_the_same(tmp_path, capabilities):
    server = provider(capabilities, *many(4), greeting="Stalwart IMAP4rev2 at your service.")
    server.boxes["Work"] = Mailbox(uidvalidity=server.inbox.uidvalidity)
    server.boxes["Work"].put(mail(50))
    server.lies["APPEND"] = lambda answer, _: Answer([], answer.tagged)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for number in (100, 101):
            ship.drop(mail(number), f"own.{number}")
        ship.drop(mail(102), "own.102", folder="Work")
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "Work")
        await ship.assert_at_rest()
        assert len(ship.files()) == 5 and len(ship.files("Work")) == 2
