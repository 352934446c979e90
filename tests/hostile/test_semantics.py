"""What a server says of mailboxes and messages against all rules: applied, ignored, or looked at again; never believed
to the harm of a message.
"""

from __future__ import annotations

import itertools
import re

import pytest
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox
from tests.hostile.siege import altered, before, behind, besieged, instead, mail, peaceful
from tests.real.voyage import digest

from postboat.events import MessageFailed
from postboat.service.run_options import RunOptions

MOST = ("qresync", "condstore", "plain")
AGAIN = RunOptions(retry=True)


@pytest.fixture(params=MOST)
def way(request) -> str:
    return WAYS[request.param]


async def agreed_on(siege):
    """Bring both sides in step, then let something happen on the server."""
    (await siege.sync()).assert_clean()
    siege.assert_in_step()
    siege.server.inbox.put(mail(100))
    siege.server.inbox.flag(1, "\\Seen")


async def assert_survives(siege, code=(0, 3, 6)):
    """A run among lies removes nothing on either side, and an honest one brings both in step."""
    there = {digest(each.wire) for each in siege.server.inbox.mail}
    kept = siege.stored().keys() & there
    sailed = await siege.sync()
    assert sailed.code in code, sailed.events
    assert not siege.asked_to_change()
    assert kept <= siege.stored().keys()
    assert siege.stored().keys() <= there
    siege.server.lies.clear()
    await siege.sync(AGAIN)
    assert not siege.asked_to_change()
    siege.assert_in_step()
    return sailed


# ---- numbers of messages ------------------------------------------------------------------------------------------

NUMBERS = {
    "EXPUNGE of message 0": b"0 EXPUNGE",
    "EXPUNGE beyond the last": b"4000000000 EXPUNGE",
    "EXPUNGE of more than 32 bits": b"99999999999 EXPUNGE",
    "FETCH of message 0": b"0 FETCH (UID 3 FLAGS (\\Deleted))",
    "FETCH beyond the last": b"900 FETCH (UID 900 FLAGS ())",
    "FETCH of more than 32 bits": b"4294967296 FETCH (UID 3 FLAGS (\\Deleted))",
    "a removal while messages are listed": b"1 EXPUNGE",
    "more EXISTS than a number has": b"99999999999999999999 EXISTS",
    "EXISTS below zero": b"-1 EXISTS",
    "flags of nobody": b"2 FETCH (FLAGS (\\Deleted \\Seen))",
}


@pytest.mark.parametrize("command", ["SELECT", "UID FETCH"])
@pytest.mark.parametrize("line", NUMBERS.values(), ids=list(NUMBERS))
async def test_numbers_that_no_message_has_name_no_message(tmp_path, way, command, line):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies[command] = behind(line)
        await assert_survives(siege)


@pytest.mark.parametrize("line", [b"1 FETCH (UID 2 FLAGS ())", b"2 FETCH (UID 2 FLAGS (\\Deleted))"])
async def test_two_answers_about_one_message_or_number_are_about_the_uid(tmp_path, way, line):
    """The later one counts, as when another program changed the flags meanwhile; the message stays where it is."""
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies |= {"SELECT": behind(line), "UID FETCH": behind(line)}
        await siege.sync()
        server.lies.clear()
        for _ in range(2):
            await siege.sync()
            assert not siege.asked_to_change()
        assert siege.stored().keys() == siege.served().keys()
        assert len(siege.files()) == len(server.inbox.mail) == 7


@pytest.mark.parametrize("count", [0, 1, 6, 4294967295])
async def test_a_mailbox_that_shrinks_or_swells_in_words_only_loses_nothing(tmp_path, way, count):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["SELECT"] = altered(lambda line: re.sub(rb"^\d+ EXISTS", b"%d EXISTS" % count, line))
        await assert_survives(siege)


# ---- UIDs -----------------------------------------------------------------------------------------------------------

UIDS = {
    "zero": b"7 FETCH (UID 0 FLAGS (\\Seen))",
    "more than 32 bits": b"7 FETCH (UID 4294967296 FLAGS (\\Seen))",
    "very many digits": b"7 FETCH (UID " + b"9" * 5000 + b" FLAGS (\\Seen))",
    "below zero": b"7 FETCH (UID -3 FLAGS (\\Seen))",
    "no number": b"7 FETCH (UID three FLAGS (\\Seen))",
    "not ASCII": b"7 FETCH (UID \xb2 FLAGS (\\Seen))",
    "two in one": b"7 FETCH (UID 3 UID 4 FLAGS (\\Deleted))",
}


@pytest.mark.parametrize("line", UIDS.values(), ids=list(UIDS))
async def test_what_is_no_uid_names_no_message(tmp_path, way, line):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["UID FETCH"] = before(line)
        await assert_survives(siege)


async def test_uids_that_do_not_ascend_are_uids_all_the_same(tmp_path, way):
    server = peaceful(way)

    def backwards(answer: Answer, _command: bytes) -> Answer:
        return Answer(answer.untagged[::-1], answer.tagged)

    server.lies["UID FETCH"] = backwards
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


async def test_the_same_message_told_twice_is_one_message(tmp_path, way):
    server = peaceful(way)
    server.lies["UID FETCH"] = lambda answer, _: Answer(answer.untagged * 2, answer.tagged)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


async def test_new_mail_below_uidnext_is_new_mail(tmp_path, way):
    server = peaceful(way)
    server.inbox.uidnext = 50
    server.inbox.put(mail(50))
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        late = server.inbox.mail.pop()
        late.uid = 30
        server.inbox.mail.insert(6, late)
        for _ in range(2):
            await siege.sync()
        assert not siege.asked_to_change()
        siege.assert_in_step()


async def test_mail_at_or_above_uidnext_is_mail(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["SELECT"] = altered(lambda line: re.sub(rb"UIDNEXT \d+", b"UIDNEXT 7", line))
        await assert_survives(siege)


async def test_a_uidnext_that_falls_lets_nothing_be_deleted(tmp_path, way):
    """It means that UIDs are given out anew: all is matched again, and what only the disk has goes up."""
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        mails = {digest(each.wire) for each in server.inbox.mail}
        box = Mailbox(uidvalidity=server.inbox.uidvalidity)
        box.put(mail(3))
        box.put(mail(200))
        server.boxes["INBOX"] = box
        for _ in range(2):
            await siege.sync(AGAIN)
            assert not [c for c in siege.asked_to_change() if not c.startswith(("APPEND", "UID STORE 1 +FLAGS"))]
        siege.assert_in_step()
        assert mails | {digest(mail(200))} == siege.stored().keys()


# ---- UIDVALIDITY ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"", b"0", b"-1", b"x", b"99999999999999999999"])
async def test_without_a_uidvalidity_nothing_is_changed_and_nothing_doubled(tmp_path, way, value):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["SELECT"] = altered(lambda line: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY " + value, line))
        await assert_only_fetched(siege)


async def assert_only_fetched(siege):
    """Runs among lies send nothing and take nothing away; what they fetch is there once when all is honest again."""
    files = set(siege.everything().values())
    for _ in range(2):
        assert (await siege.sync()).code in (0, 3)
        assert not siege.asked_to_change()
        assert files <= set(siege.everything().values())
        assert len(siege.files()) == len(siege.stored())
    siege.server.lies.clear()
    for _ in range(2):
        await siege.sync(AGAIN)
        assert not [c for c in siege.asked_to_change() if not re.match(r"UID STORE [\d,:]+ \+", c)]
    siege.assert_in_step()


async def test_a_uidvalidity_of_each_session_its_own_doubles_and_deletes_nothing(tmp_path, way):
    server = peaceful(way)
    numbers = itertools.count(100)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        for _ in range(3):
            server.inbox.uidvalidity = next(numbers)
            await siege.sync()
            assert not siege.asked_to_change()
            siege.assert_in_step()


async def test_a_uidvalidity_that_changes_with_each_select_stops_the_folder(tmp_path, way):
    server = peaceful(way)
    numbers = itertools.count(100)

    def lie(answer: Answer, _command: bytes) -> Answer:
        now = b"UIDVALIDITY %d" % next(numbers)
        return Answer([re.sub(rb"UIDVALIDITY \d+", now, line) for line in answer.untagged], answer.tagged)

    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        files = siege.everything()
        server.lies["SELECT"] = lie
        sailed = await siege.sync()
        assert sailed.code == 3 and not siege.asked_to_change()
        assert siege.everything() == files
        server.lies.clear()
        await siege.sync()
        siege.assert_in_step()


async def test_a_uidvalidity_told_in_the_middle_of_an_answer_voids_it(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["UID FETCH"] = before(b"OK [UIDVALIDITY 99] made anew")
        await assert_survives(siege)


async def test_uids_that_do_not_last_name_no_message_to_change(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["SELECT"] = behind(b"NO [UIDNOTSTICKY] not here")
        await assert_only_fetched(siege)


async def test_a_uidvalidity_that_is_listed_and_then_missing_leaves_no_keys_of_another_kind(tmp_path, way):
    """The keys that the ledger got in a run without UIDVALIDITY were once taken for UIDs in the next."""
    server = peaceful(way)
    server.lies["STATUS"] = lambda *_: Answer([b'STATUS "INBOX" (MESSAGES 9 UIDNEXT 9 UIDVALIDITY 7)'])
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["SELECT"] = altered(lambda line: None if b"UIDVALIDITY" in line else line)
        await assert_only_fetched(siege)


# ---- sets -----------------------------------------------------------------------------------------------------------

ALL_THERE_IS = b"1:4294967295"


@pytest.mark.parametrize("command", ["SELECT", "UID FETCH", "STATUS", "LIST", "NOOP"])
@pytest.mark.parametrize(
    "line",
    [
        b"VANISHED " + ALL_THERE_IS,
        b"VANISHED (EARLIER) " + ALL_THERE_IS,
        b"VANISHED (EARLIER) 4294967295:1",
        b"VANISHED (EARLIER) 1:6",
        b"VANISHED 1:*",
        b"VANISHED (EARLIER) 0:99999999999",
        b"VANISHED (EARLIER) " + b",".join(b"%d" % n for n in range(1, 200_000, 2)),
    ],
)
async def test_messages_said_to_be_gone_that_are_there_are_there(tmp_path, way, command, line):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies[command] = behind(line)
        await assert_survives(siege)


SEARCHES = {
    "everything": b'ESEARCH (TAG "%t") UID ALL 1:4294967295 COUNT 4294967295',
    "everything backwards": b'ESEARCH (TAG "%t") UID ALL 4294967295:1',
    "nothing": b'ESEARCH (TAG "%t") UID COUNT 0',
    "a star": b'ESEARCH (TAG "%t") UID ALL 1:*',
    "numbers without end": b"SEARCH " + b" ".join(b"%d" % n for n in range(1, 400_000, 2)),
    "one number without end": b"SEARCH " + b"9" * 100_000,
    "zeros": b"SEARCH 0 0 0 0",
}


@pytest.mark.parametrize("line", SEARCHES.values(), ids=list(SEARCHES))
@pytest.mark.parametrize("kind", ["qresync", "condstore", "esearch", "plain"])
async def test_a_search_that_finds_what_cannot_be_finds_nothing(tmp_path, kind, line):
    server = peaceful(WAYS[kind], messages=120)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.inbox.drop(2)
        server.lies["UID SEARCH"] = lambda answer, _: Answer(octets=b"* " + line + b"\r\n%t OK done\r\n")
        await assert_survives(siege)


CODES = [
    b"APPENDUID 7 1:4294967295",
    b"APPENDUID 7 4294967295",
    b"APPENDUID 7 0",
    b"APPENDUID 7 1",
    b"APPENDUID 8 7",
    b"APPENDUID 7 7,8",
    b"APPENDUID 7 7:99999999",
    b"APPENDUID 7 *",
    b"APPENDUID " + b"9" * 9000 + b" 7",
    b"APPENDUID 7",
    b"COPYUID 7 1:4294967295 1:4294967295",
]


@pytest.mark.parametrize("code", CODES)
async def test_an_appenduid_that_cannot_be_costs_a_look_and_no_message(tmp_path, way, code):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.drop(mail(300), flags="S")
        server.lies["APPEND"] = lambda answer, _: Answer(answer.untagged, b"OK [" + code + b"] stored")
        await siege.sync()
        server.lies.clear()
        await siege.sync(AGAIN)
        siege.assert_in_step()
        assert len(server.inbox.mail) == 7


@pytest.mark.parametrize("code", CODES[:5])
async def test_a_copyuid_that_cannot_be_costs_a_look_and_no_message(tmp_path, code):
    server = peaceful("IMAP4REV1 UIDPLUS LITERAL+ NAMESPACE MOVE")
    server.boxes["Archive"] = Mailbox(uidvalidity=9)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        file = siege.files()[0]
        moved = digest(file.read_bytes())
        file.rename(siege.folder("Archive") / "cur" / f"{file.name.partition(':')[0]}:2,S")
        copy = code.replace(b"APPENDUID 7 ", b"COPYUID 9 1 ")
        server.lies["UID MOVE"] = lambda answer, _: Answer(
            [b"OK [" + copy + b"] x", *answer.untagged[1:]], answer.tagged
        )
        await siege.sync()
        server.lies.clear()
        for _ in range(2):
            await siege.sync(AGAIN)
        siege.assert_in_step("INBOX", "Archive")
        assert list(siege.served("Archive")) == [moved] and len(server.inbox.mail) == 5


# ---- mod-sequences --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"1", b"0", b"-5", b"18446744073709551616", b"9223372036854775807", b"x"])
@pytest.mark.parametrize("kind", ["qresync", "condstore"])
async def test_a_highestmodseq_that_cannot_be_hides_nothing(tmp_path, kind, value):
    server = peaceful(WAYS[kind])
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["SELECT"] = altered(lambda line: re.sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ " + value, line))
        await assert_survives(siege)
        assert siege.stored()[digest(mail(0))]


@pytest.mark.parametrize("value", [b"0", b"-1", b"9999999999999999999", b"1.5", b"4000000000"])
@pytest.mark.parametrize("kind", ["qresync", "condstore"])
async def test_a_modseq_of_a_message_that_cannot_be_hides_nothing(tmp_path, kind, value):
    server = peaceful(WAYS[kind])
    lie = altered(lambda line: re.sub(rb"MODSEQ \(\d+\)", b"MODSEQ (" + value + b")", line))
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies |= {"SELECT": lie, "UID FETCH": lie}
        await assert_survives(siege)
        assert siege.stored()[digest(mail(0))]


@pytest.mark.parametrize("kind", ["qresync", "condstore"])
async def test_changes_that_are_kept_secret_show_when_the_mod_sequence_rose(tmp_path, kind):
    server = peaceful(WAYS[kind])
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        server.inbox.flag(1, "\\Seen")

        def silent(answer: Answer, command: bytes) -> Answer:
            return Answer([] if b"CHANGEDSINCE" in command else answer.untagged, answer.tagged)

        server.lies["UID FETCH"] = silent
        server.lies["SELECT"] = altered(lambda line: None if b" FETCH " in line else line)
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


# ---- messages -------------------------------------------------------------------------------------------------------


def body_as(literal: bytes):
    """A lie: in place of each message's body."""

    def lie(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command:
            return answer
        lines = [re.sub(rb" BODY\[\] \{\d+\}\r\n.*\)\Z", literal + b")", x, flags=re.DOTALL) for x in answer.untagged]
        return Answer(lines, answer.tagged)

    return lie


BODIES = {
    "NIL": b" BODY[] NIL",
    "an empty string": b' BODY[] ""',
    "an empty literal": b" BODY[] {0}\r\n",
    "nothing": b"",
    "an atom": b" BODY[] whatever",
    "a list": b" BODY[] (a b)",
    "another part": b" BODY[1] {3}\r\nabc",
    "a number": b" BODY[] 3",
}


@pytest.mark.parametrize("literal", BODIES.values(), ids=list(BODIES))
async def test_what_is_no_body_is_no_message(tmp_path, way, literal):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        agreed = siege.standing()
        server.lies["UID FETCH"] = body_as(literal)
        sailed = await siege.sync()
        assert sailed.code == 3 and len(sailed.of(MessageFailed)) == 1
        assert siege.standing()[1] == agreed[1] or len(siege.standing()[1]) == len(agreed[1])
        assert len(siege.files()) == 6
        server.lies.clear()
        await siege.sync(AGAIN)
        siege.assert_in_step()


@pytest.mark.parametrize("left_out", [1, 3, 6])
async def test_an_ok_that_passed_over_messages_is_asked_again(tmp_path, way, left_out):
    server = peaceful(way)
    once = iter([True])

    def short(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" in command and next(once, False):
            return Answer(answer.untagged[left_out:], answer.tagged)
        return answer

    server.lies["UID FETCH"] = short
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


async def test_a_message_never_sent_is_left_for_later_and_the_others_come(tmp_path, way):
    server = peaceful(way)
    server.lies["UID FETCH"] = altered(lambda line: None if b"UID 3 " in line and b"BODY[]" in line else line)
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        assert sailed.code == 3 and len(siege.files()) == 5
        server.lies.clear()
        await siege.sync(AGAIN)
        siege.assert_in_step()


async def test_a_message_that_changes_on_the_server_stays_what_it_was_on_disk(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        files = siege.everything()
        server.inbox.mail[0].wire = mail(0, "rendered anew by the server")
        server.inbox.flag(2, "\\Seen", "\\Flagged")
        for _ in range(2):
            (await siege.sync()).assert_clean()
        assert sorted(siege.everything().values()) == sorted(files.values())


NOTICE = (
    b"From: Microsoft Exchange Server\r\n"
    b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 3\r\n\r\nThe server failed.\r\n"
)


async def test_a_notice_in_place_of_a_message_is_not_kept_as_the_message(tmp_path, way):
    server = peaceful(way)
    server.lies["UID FETCH"] = body_as(b" BODY[] {%d}\r\n%s" % (len(NOTICE), NOTICE))
    async with besieged(tmp_path, server) as siege:
        await siege.sync()
        assert not siege.files()
        server.lies.clear()
        await siege.sync(AGAIN)
        siege.assert_in_step()


async def test_different_bodies_for_one_message_are_none(tmp_path, way):
    server = peaceful(way)

    def swapped(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command:
            return answer
        wrong = [line.replace(b"UID 2 ", b"UID 3 ") for line in answer.untagged if b"UID 2 " in line]
        return Answer([*answer.untagged, *wrong], answer.tagged)

    server.lies["UID FETCH"] = swapped
    async with besieged(tmp_path, server) as siege:
        assert (await siege.sync()).code in (0, 3)
        assert siege.stored().keys() <= siege.served().keys() and len(siege.files()) == len(siege.stored())
        server.lies.clear()
        await siege.sync(AGAIN)
        siege.assert_in_step()


DATES = [
    b'"00-Jan-0000 00:00:00 +0000"', b'"31-Dec-9999 23:59:59 +0000"', b'"1-Jan-2020 00:00:00"', b'"32-Foo-2020"',
    b'"01-Jan-2020 25:61:61 +9999"', b"NIL", b'""', b"5", b"(a)", b'"29-Feb-2021 00:00:00 +0000"', b'"\xff"',
    b'"01-Jan-99999 00:00:00 +0000"', b'"01-Jan-1600 00:00:00 +0000"',
]  # fmt: skip


@pytest.mark.parametrize("date", DATES)
async def test_a_date_that_is_none_costs_no_message(tmp_path, date):
    server = peaceful(WAYS["plain"])
    server.lies["UID FETCH"] = altered(lambda line: re.sub(rb'INTERNALDATE "[^"]*"', b"INTERNALDATE " + date, line))
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


@pytest.mark.parametrize(
    "wire",
    [
        b"\r\n", b"no header at all\r\n", b"\r\n\r\n", b"Subject: only a header\r\n", b"\n", b"a", b"\0\r\n\0", b"\r\r\n",
        b": \r\n: \r\n\r\n", b"Subject: \xff\xfe\r\n\r\n\x80\r\n", b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)  # fmt: skip
async def test_messages_that_are_hardly_any_are_messages(tmp_path, way, wire):
    server = peaceful(way, messages=2)
    server.inbox.put(wire)
    async with besieged(tmp_path, server) as siege:
        for _ in range(2):
            (await siege.sync()).assert_clean()
            siege.assert_in_step()


async def test_an_empty_message_is_kept_only_if_its_size_says_so(tmp_path, way):
    server = peaceful(way, messages=2)
    server.inbox.put(b"")
    async with besieged(tmp_path, server) as siege:
        for _ in range(2):
            await siege.sync(AGAIN)
            assert not siege.asked_to_change()
        assert len(siege.files()) in (2, 3)
        assert len(server.inbox.mail) == 3


# ---- flags ----------------------------------------------------------------------------------------------------------

FLAGS = {
    "a hundred thousand keywords": b" ".join(b"k%d" % n for n in range(100_000)),
    "ten kilobytes in one": b"k" * 10_000,
    "a bracket": b"a] b[ ]",
    "a brace": b"{3} {99999999999}x",
    "a star": b"\\* * %",
    "NIL": b"NIL nil",
    "strings": b'"two words" "a\\"b"',
    "control characters": b"a\x1b[31mb \x07",
    "eight bits": b"caf\xe9 \xff",
    "recent in small letters": b"\\recent \\RECENT",
    "system flags in any case": b"\\seen \\SEEN",
    "unknown system flags": b"\\Quack \\",
    "lists in the list": b"(a (b)) c",
}


@pytest.mark.parametrize("words", FLAGS.values(), ids=list(FLAGS))
async def test_flags_of_every_odd_kind_cost_no_message_and_no_other_flag(tmp_path, way, words):
    server = peaceful(way)
    lie = altered(lambda line: line.replace(b"FLAGS (", b"FLAGS (" + words + b" "))
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies |= {"SELECT": lie, "UID FETCH": lie}
        sailed = await siege.sync()
        assert sailed.code in (0, 3)
        # A change on disk at the same time: what is sent back is only what was changed.
        file = siege.files()[0]
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,FS")
        await siege.sync()
        for command in siege.asked_to_change():
            assert re.fullmatch(r"UID STORE [\d:,]+ [+-]FLAGS.SILENT \((\\\w+ ?)+\)", command), command
        server.lies.clear()
        for _ in range(2):
            (await siege.sync(AGAIN)).assert_clean()
        assert len(siege.files()) == 7 == len(server.inbox.mail)


async def test_a_flag_that_the_server_takes_and_forgets_is_sent_once(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        server.unable.add("UID STORE")
        file = siege.files()[0]
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,FS")
        sent = 0
        for _ in range(4):
            await siege.sync()
            sent += len(server.commands("UID STORE"))
        assert sent <= 1
        assert len(siege.files()) == 6


# ---- folders --------------------------------------------------------------------------------------------------------


def fleet(way: str) -> LyingServer:
    """A server with three folders besides."""
    server = peaceful(way)
    for number, name in enumerate(("Archive", "Work", "Work/Done")):
        server.boxes[name] = Mailbox(uidvalidity=20 + number)
        server.boxes[name].put(mail(1000 + number))
    return server


LISTS = {
    "cut short": lambda answer, _: Answer(answer.untagged[:1], answer.tagged),
    "refused after a part": lambda answer, _: Answer(answer.untagged[:2], b"NO that is all"),
    "refused": lambda *_: Answer(tagged=b"NO not now"),
    "BAD": lambda *_: Answer(tagged=b"BAD what?"),
    "empty": lambda *_: Answer(),
    "without INBOX": altered(lambda line: None if b"INBOX" in line else line),
    "all of them not selectable": altered(lambda line: line.replace(b"LIST ()", b"LIST (\\Noselect)")),
    "all of them non-existent": altered(lambda line: line.replace(b"LIST ()", b"LIST (\\NonExistent)")),
    "with another delimiter": altered(lambda line: line.replace(b'"/"', b'"."')),
    "without a delimiter": altered(lambda line: line.replace(b'"/"', b"NIL")),
    "with names in small letters": altered(lambda line: line.lower().replace(b"list", b"LIST")),
    "nonsense": lambda answer, _: Answer([b"LIST (((", *answer.untagged[:1]], answer.tagged),
}


@pytest.mark.parametrize("lie", LISTS.values(), ids=list(LISTS))
async def test_a_list_of_folders_that_is_not_all_deletes_none(tmp_path, way, lie):
    server = fleet(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        mails = sorted(content for path, content in siege.everything().items() if "/cur/" in path or "/new/" in path)
        server.lies["LIST"] = lie
        await siege.sync()
        assert not [
            c for c in siege.asked_to_change() if c.startswith(("DELETE", "UID EXPUNGE", "UID STORE", "EXPUNGE"))
        ]
        now = [content for path, content in siege.everything().items() if "/cur/" in path or "/new/" in path]
        assert set(mails) <= set(now)
        server.lies.clear()
        await siege.sync()
        siege.assert_in_step("INBOX", "Archive", "Work", "Work/Done")


async def test_a_folder_that_goes_and_comes_back_keeps_its_mail(tmp_path, way):
    server = fleet(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        lost = server.boxes.pop("Archive")
        assert (await siege.sync()).code in (3, 6)
        assert len(siege.files("Archive")) == 1
        server.boxes["Archive"] = lost
        await siege.sync()
        siege.assert_in_step("INBOX", "Archive", "Work", "Work/Done")


@pytest.mark.parametrize(
    "numbers",
    [b"()", b"(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)", b"(MESSAGES -1)", b"(UIDVALIDITY 0)", b"(MESSAGES 6", b"x"],
)
async def test_a_status_that_is_not_true_is_no_more_than_a_reason_to_look(tmp_path, way, numbers):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        server.lies["STATUS"] = lambda *_: Answer([b'STATUS "INBOX" ' + numbers])
        await assert_survives(siege)


async def test_a_message_taken_and_lost_by_the_server_is_not_lost_with_it(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.drop(mail(300), flags="S")
        (await siege.sync()).assert_clean()
        server.inbox.drop(7)
        await siege.sync()
        kept = [path.read_bytes() for path in siege.home.rglob("*") if path.is_file() and path.suffix != ".ledger"]
        assert digest(mail(300)) in map(digest, kept)


async def test_an_append_whose_answer_is_lost_is_not_sent_twice(tmp_path, way):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.drop(mail(300), flags="S")
        server.lies["APPEND"] = lambda *_: None
        await siege.sync()
        server.lies.clear()
        await siege.sync()
        siege.assert_in_step()
        assert len(server.inbox.mail) == 7


@pytest.mark.parametrize("word", [b"NO not now", b"BAD what?"])
async def test_what_follows_a_refused_select_is_void(tmp_path, way, word):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        agreed = siege.standing()
        server.lies["SELECT"] = lambda answer, _: Answer(answer.untagged, word)
        sailed = await siege.sync()
        assert sailed.code == 3 and siege.standing() == agreed
        server.lies.clear()
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


@pytest.mark.parametrize("word", [b"NO not now", b"BAD what?"])
@pytest.mark.parametrize("command", ["UID FETCH", "UID SEARCH", "UID STORE", "APPEND", "STATUS", "NAMESPACE", "ENABLE"])
async def test_one_refusal_in_a_flight_is_of_one_command(tmp_path, way, command, word):
    server = peaceful(way)
    async with besieged(tmp_path, server) as siege:
        await agreed_on(siege)
        siege.drop(mail(300), flags="S")
        file = siege.files()[0]
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,FS")
        server.lies[command] = instead(b"%t " + word + b"\r\n")
        await siege.sync()
        assert len(siege.files()) >= 7
        server.lies.clear()
        await siege.sync(AGAIN)
        siege.assert_in_step()
        assert len(server.inbox.mail) in (8, 9)
