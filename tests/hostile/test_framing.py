"""Octets that are no response, or one that lies about where it ends: the connection goes, and nothing else changes."""

from __future__ import annotations

import pytest
from tests.fakes.lying_server import WAYS, Answer
from tests.hostile.siege import before, behind, besieged, instead, mail, peaceful

from postboat.events import AccountFailed, FolderFailed, MessageFailed
from postboat.imap.wire.framer import MIB

FETCH = b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "01-Jan-2020 00:00:00 +0000" BODY[] '
UNREADABLE = {
    "a literal of a hundred gigabytes": FETCH + b"{99999999999}\r\n",
    "a literal of more octets than a number has": FETCH + b"{9223372036854775808}\r\n",
    "a literal in a LIST of a hundred gigabytes": b'* LIST () "/" {99999999999}\r\n',
    "a literal longer than its data": FETCH + b"{5}\r\nab)\r\n%t OK done\r\n",
    "a literal shorter than its data": FETCH + b"{1}\r\nab)\r\n%t OK done\r\n",
    "a literal that ends within a word": FETCH + b"{2}\r\nabUID 1)\r\n%t OK done\r\n",
    "a literal announced in the middle of a string": FETCH + b'"abc {3}\r\nabc)\r\n%t OK done\r\n',
    "a literal outside a response": b"FETCH {3}\r\nabc\r\n%t OK done\r\n",
    "more literals than any response has": FETCH + b"{0}\r\n X " * 5000 + b")\r\n%t OK done\r\n",
    "a line without an end": b"* LIST () " + b"x" * (8 * MIB + 1),
    "an answer to a command that was never sent": b"ZZZ9 OK done\r\n",
    "an answer to a command still to come": b"%t9 OK done\r\n",
    "the same answer twice": b"%t OK done\r\n%t OK done\r\n",
    "a second greeting that says BYE": b"* BYE go away\r\n",
}
"""What the server sends in place of an answer."""


async def world(server):
    """Changes wait on the server that an honest run would take over."""
    server.inbox.put(mail(100))
    server.inbox.flag(1, "\\Seen")
    server.inbox.drop(2)


@pytest.mark.parametrize("octets", UNREADABLE.values(), ids=list(UNREADABLE))
@pytest.mark.parametrize("command", ["LIST", "SELECT", "UID FETCH", "UID SEARCH"])
@pytest.mark.parametrize("way", ["qresync", "condstore", "plain"])
async def test_a_server_that_cannot_be_read_on_is_left_and_changes_nothing(tmp_path, way, command, octets):
    server = peaceful(WAYS[way])
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        agreed = siege.standing()
        await world(server)
        server.lies[command] = instead(octets)
        sailed = await siege.sync()
        assert not siege.asked_to_change()
        if server.commands(command):
            assert sailed.code in (3, 4), sailed.events
            assert sailed.of(FolderFailed) or sailed.of(AccountFailed) or sailed.of(MessageFailed)
            assert siege.standing() == agreed
        server.lies.clear()
        assert (await siege.sync()).code in (0, 6)
        siege.assert_in_step()


async def test_what_looks_like_protocol_inside_a_message_is_mail(tmp_path):
    bodies = [
        b"Subject: a\r\n\r\nA1 OK done\r\n)\r\n* VANISHED 1:4294967295\r\n",
        b"Subject: b\r\n\r\n* 1 EXPUNGE\r\n* BYE\r\nPBAA1 OK [UIDVALIDITY 1]\r\n",
        b"Subject: c\r\n\r\n* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* OK [UIDVALIDITY 99] new\r\n",
        b"Subject: d\r\n\r\n{99999999999}\r\n",
        b")\r\n\r\n)\r\n* 0 EXISTS\r\n",
    ]
    server = peaceful(WAYS["qresync"], messages=0)
    for body in bodies:
        server.inbox.put(body)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


ODD_ENDS = {
    "lines that end in a bare LF": lambda sent: sent.replace(b"\r\n", b"\n"),
    "NUL octets in front of lines": lambda sent: b"\0\0" + sent,
    "spaces behind the star": lambda sent: sent.replace(b"* ", b"*   "),
}


@pytest.mark.parametrize("alter", ODD_ENDS.values(), ids=list(ODD_ENDS))
async def test_sloppy_lines_are_read_all_the_same(tmp_path, alter):
    server = peaceful(WAYS["plain"])

    def sloppy(answer: Answer, command: bytes) -> Answer:
        if b"BODY" in command:
            return answer
        return Answer(octets=alter(answer.sent(b"%t")))

    async with besieged(tmp_path, server) as siege:
        server.lies[""] = sloppy
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


BRACES = ["{-1}", "{}", "{1 }", "{ 1}", "{1x}", "{+}", "{1++}", "{18446744073709551616}", "{1}}"]


@pytest.mark.parametrize("brace", BRACES)
async def test_braces_that_announce_nothing_are_no_literal_and_no_message(tmp_path, brace):
    """`(BODY[] {-1}` is a line like any other: of what it says nothing is taken for a message."""
    server = peaceful(WAYS["plain"], messages=2)
    line = b"1 FETCH (UID 1 FLAGS () BODY[] " + brace.encode()
    async with besieged(tmp_path, server) as siege:
        server.lies["UID FETCH"] = before(line)
        await siege.sync()
        assert set(siege.stored()) <= set(siege.served())
        server.lies.clear()
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


async def test_a_zero_in_front_and_literal_plus_from_a_server_are_lengths(tmp_path):
    server = peaceful(WAYS["plain"], messages=2)
    server.lies["UID FETCH"] = lambda answer, _: Answer(
        [line.replace(b"BODY[] {", b"BODY[] {00").replace(b"}\r\n", b"+}\r\n", 1) for line in answer.untagged]
    )
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


DEEP = {
    "brackets by the million": b"1 FETCH (" + b"(" * 1_000_000,
    "brackets that close by the million": b"1 FETCH " + b"(" * 1_000_000 + b")" * 1_000_000,
    "an ID in brackets": b"ID " + b"(" * 100_000 + b")" * 100_000,
    "a NAMESPACE in brackets": b"NAMESPACE " + b"((((((((" * 10_000,
    "an ESEARCH in brackets": b"ESEARCH " + b"(" * 100_000 + b")" * 100_000,
    "flags in brackets": b"FLAGS " + b"(" * 100_000 + b")" * 100_000,
    "a code in brackets": b"OK [" + b"(" * 100_000,
}


@pytest.mark.parametrize("line", DEEP.values(), ids=list(DEEP))
async def test_brackets_within_brackets_are_not_followed_into_the_deep(tmp_path, line):
    server = peaceful(WAYS["plain"])
    async with besieged(tmp_path, server) as siege:
        server.lies["UID FETCH"] = behind(line)
        await siege.sync()
        assert set(siege.stored()) <= set(siege.served())
        server.lies.clear()
        (await siege.sync()).assert_clean()
        siege.assert_in_step()
