"""Yahoo and AOL: views that are limited, single messages that cannot be had, and answers with holes."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import Answer, LyingServer
from tests.quirks.shore import AGAIN, knows, mail, once, provider, read, sailing
from tests.real.voyage import digest

from postboat.events import MessageFailed
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.wire.uid_set import UidSet
from postboat.model import SEEN

GREETING = "[1.0.10] IMAP4rev1 imapgate-2.1.31 imap1.mail.bf1"
OLD = "IMAP4REV1 ID MOVE NAMESPACE XYMHIGHESTMODSEQ UIDPLUS LITERAL+ CHILDREN X-MSG-EXT OBJECTID"
NEW = "IMAP4REV1 ID MOVE NAMESPACE UIDPLUS LITERAL+ ENABLE OBJECTID CONDSTORE QRESYNC UIDONLY PARTIAL MESSAGELIMIT=1000"
LIMIT = 1000


def yahoo(*messages: bytes, capabilities: str = OLD) -> LyingServer:
    return provider(capabilities, *messages, greeting=GREETING)


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(count)]


def limited(server: LyingServer, shown: int) -> None:
    """From now on the mailbox shows its newest messages only, and says of the others that they vanished."""
    hidden = [each.uid for each in server.inbox.mail[:-shown]]
    server.inbox.drop(*hidden)


@pytest.mark.parametrize(
    "capabilities", [NEW, NEW.replace("QRESYNC ", ""), "IMAP4REV1 UIDPLUS UIDONLY MESSAGELIMIT=1000"]
)
async def test_quirk_49_what_a_limited_view_leaves_out_is_never_deleted(tmp_path, capabilities):
    server = yahoo(*many(LIMIT + 30), capabilities=capabilities)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        whole = list(server.inbox.mail)
        limited(server, LIMIT + 5)
        server.inbox.put(mail(5000))
        sailed = await ship.sync()
        assert sailed.done.deleted_local == 0, "they are out of sight"
        assert sailed.code == 0
        assert len(ship.files()) == LIMIT + 31
        server.inbox.drop(900)
        sailed = await ship.sync()
        assert (sailed.code, sailed.done.deleted_local) == (0, 1), "what is gone amid the view is gone"
        assert not ship.asked_to_change()
        server.inbox.mail[:0] = whole[:25]
        server.inbox.highestmodseq += 1
        sailed = await ship.sync()
        assert (sailed.code, sailed.done.down) == (0, 0)
        ship.assert_in_step()


def newest_only(answer: Answer, _: bytes) -> Answer:
    """RFC 9738: a command is carried out for so many messages, the newest, and its OK says down to which."""
    if len(answer.untagged) <= LIMIT:
        return answer
    return Answer(answer.untagged[-LIMIT:], b"OK [MESSAGELIMIT 1000 31] UID FETCH completed with partial results")


@pytest.mark.parametrize("capabilities", [NEW, NEW.replace("QRESYNC ", "")])
async def test_quirk_49_an_answer_cut_at_the_limit_is_continued_until_all_are_there(tmp_path, capabilities):
    server = yahoo(*many(2 * LIMIT + 30), capabilities=capabilities)
    server.lies["UID FETCH"] = newest_only
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()
        for number in range(5, 1500):
            server.inbox.flag(number, SEEN)
        (await ship.sync()).assert_clean()
        assert sum("S" in letters for letters in ship.on_disk().values()) == 1495, "no change is cut off unnoticed"
        await ship.assert_at_rest()


async def test_quirk_49_no_command_names_more_messages_than_are_dealt_with(tmp_path):
    server = yahoo(*many(LIMIT + 30), capabilities=NEW)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for file in ship.files():
            file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")
        (await ship.sync()).assert_clean()
        stores = [UidSet.parse(said.split(" ")[2]) for said in server.commands("UID STORE")]
        assert sum(map(len, stores)) == LIMIT + 30 and max(map(len, stores)) <= LIMIT
        ship.assert_in_step()


async def test_quirk_49_an_answer_cut_for_good_deletes_nothing(tmp_path):
    server = yahoo(*many(LIMIT + 30), capabilities=NEW.replace("CONDSTORE QRESYNC ", ""))

    def older_never(answer: Answer, _: bytes) -> Answer:
        return Answer(
            [line for line in answer.untagged if int(line.split(b"UID ")[1].split(b" ")[0]) > 30], answer.tagged
        )

    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(5000))
        server.lies["UID FETCH"] = older_never
        sailed = await ship.sync()
        assert sailed.done.deleted_local == 0 and not ship.asked_to_change()
        assert digest(mail(5000)) in ship.on_disk(), "what is new comes all the same"
        server.lies.clear()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


async def test_quirk_50_a_mod_sequence_without_condstore_proves_nothing(tmp_path):
    server = yahoo(*many(4))

    def with_modseq(answer: Answer, _: bytes) -> Answer:
        return Answer([*answer.untagged, b"OK [HIGHESTMODSEQ 7] "], answer.tagged)

    server.lies["SELECT"] = with_modseq
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.flag(2, SEEN)
        (await ship.sync()).assert_clean()
        assert "S" in ship.on_disk()[digest(mail(1))], "the number stood still, and the flag is seen"
        assert not [command for command in server.said if b"CONDSTORE" in command or b"CHANGEDSINCE" in command]


async def test_quirk_51_one_message_that_cannot_be_had_is_found_by_halves_and_put_aside(tmp_path):
    server = yahoo(*many(20))

    def failing(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" in command and any(line.split(b" ")[3] == b"7" for line in answer.untagged):
            return Answer(tagged=b"NO [UNAVAILABLE] UID FETCH Server error while fetching messages")
        return answer

    server.lies["UID FETCH"] = failing
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert sailed.code == 3
        assert ["Server error while fetching" in failure.reason for failure in sailed.of(MessageFailed)] == [True]
        assert ship.ashore() == sorted(digest(each) for number, each in enumerate(many(20), 1) if number != 7)
        sailed = await ship.sync()
        assert sailed.code == 3 and not [said for said in server.said if b"BODY.PEEK[]" in said], "not in every run"
        server.lies.clear()
        (await ship.sync(AGAIN)).assert_clean()
        ship.assert_in_step()


async def test_quirk_52_messages_that_an_answer_passes_over_are_asked_for_again():
    server = yahoo(*many(20))

    def with_holes(answer: Answer, _: bytes) -> Answer:
        return Answer([line for number, line in enumerate(answer.untagged) if number % 3], answer.tagged)

    async with server.pool() as pool:
        box = ImapMailbox(pool, "INBOX")
        server.lies["UID FETCH"] = once(with_holes)
        changes = await box.changes(knows())
        assert changes.complete and len(changes.appeared) == 20
        server.lies["UID FETCH"] = once(with_holes)
        assert {item.data for item in await read(box, *changes.appeared)} == set(many(20))


async def test_quirk_52_holes_in_every_answer_delete_nothing_and_lose_nothing(tmp_path):
    server = yahoo(*many(20))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.put(mail(100))
        server.lies["UID FETCH"] = lambda answer, _: Answer(answer.untagged[1:], answer.tagged)
        sailed = await ship.sync()
        assert sailed.done.deleted_local == 0 and not ship.asked_to_change()
        server.lies.clear()
        (await ship.sync(AGAIN)).assert_clean()
        ship.assert_in_step()


async def test_quirk_53_only_the_simplest_words_are_sent(tmp_path):
    """No CHARSET, no HEADER in a search, one set of header fields, no arguments that were not announced."""
    server = yahoo(*many(4))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        said = list(server.said)
        ship.drop(mail(100))
        ship.file_of(mail(1)).unlink()
        server.inbox.flag(1, SEEN)
        (await ship.sync()).assert_clean()
        said += server.said
        ship.assert_in_step()
    for command in said:
        assert not re.search(
            rb"CHARSET|SEARCH .*(?:HEADER|TEXT|SUBJECT)|RETURN|CONDSTORE|VANISHED|UNCHANGEDSINCE", command
        )
        assert command.count(b"HEADER.FIELDS") <= 1


async def test_quirk_54_answers_in_descending_order_are_as_good(tmp_path):
    server = yahoo(*many(8))
    server.lies["UID FETCH"] = lambda answer, _: Answer(answer.untagged[::-1], answer.tagged)
    server.lies["UID EXPUNGE"] = lambda _answer, _command: Answer(
        [b"2 EXPUNGE", b"3 EXPUNGE"], b"OK UID EXPUNGE completed"
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        ship.file_of(mail(1)).unlink()
        ship.file_of(mail(2)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_55_no_command_has_more_than_1000_octets(tmp_path):
    server = yahoo(*many(900))
    server.inbox.drop(*range(2, 900, 2))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        longest = max(map(len, server.said))
        for file in ship.files():
            file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")
        (await ship.sync()).assert_clean()
        assert 500 < max(longest, *map(len, server.said)) <= 1000
        ship.assert_in_step()
