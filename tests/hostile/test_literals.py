"""Literals that nobody can keep: the message they are said to be is left for later, and all others come."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import WAYS, Answer
from tests.hostile.siege import besieged, mail, peaceful
from tests.real.voyage import digest, message

from postboat.events import MessageFailed
from postboat.imap import answers
from postboat.maildir import writer

HUGE = [b"{99999999999}", b"{4294967296}", b"{300000000}"]


def replacing(uid: int, literal: bytes):
    """A lie: the body of one message is announced as something else."""

    def lie(answer: Answer, _command: bytes) -> Answer:
        lines = [
            re.sub(rb"BODY\[\] \{\d+\}", b"BODY[] " + literal, line, count=1)
            if re.match(rb"\d+ FETCH \(UID %d " % uid, line)
            else line
            for line in answer.untagged
        ]
        return Answer(lines, answer.tagged)

    return lie


def cutting(uid: int):
    """A lie: the connection ends in the middle of one message, whenever it is sent."""

    def lie(answer: Answer, command: bytes) -> Answer | None:
        sent = answer.sent(b"%t")
        place = re.search(rb"FETCH \(UID %d [^\r]*BODY\[\] \{\d+\}\r\n.{9}" % uid, sent, re.DOTALL)
        return answer if place is None else Answer(octets=sent[: place.end()], is_last=True)

    return lie


@pytest.mark.parametrize("literal", HUGE)
async def test_a_message_announced_beyond_all_bounds_is_left_for_later_and_the_others_come(tmp_path, literal):
    server = peaceful(WAYS["qresync"], messages=9)
    server.lies["UID FETCH"] = replacing(4, literal)
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        assert sailed.code == 3
        (failure,) = sailed.of(MessageFailed)
        assert "4" in failure.what and "the connection breaks when it is sent" in failure.reason
        assert len(siege.files()) == 8
        assert digest(server.inbox.mail[3].wire) not in siege.stored()
        assert not siege.asked_to_change()


async def test_a_message_that_breaks_the_connection_is_left_for_later_and_the_others_come(tmp_path):
    server = peaceful(WAYS["plain"], messages=9)
    server.lies["UID FETCH"] = cutting(7)
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        assert sailed.code == 3
        assert len(sailed.of(MessageFailed)) == 1
        assert len(siege.files()) == 8


async def test_a_connection_that_breaks_at_every_message_is_given_up_without_blaming_them_all(tmp_path):
    server = peaceful(WAYS["plain"], messages=200)

    def cut(answer: Answer, command: bytes) -> Answer | None:
        return None if b"BODY" in command else answer

    server.lies["UID FETCH"] = cut
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        assert sailed.code == 3
        assert len(server.commands("SELECT")) < 80
        server.lies.clear()
        await siege.sync()
        assert set(siege.stored()) <= set(siege.served())


LARGE = message(50, size=3 << 20)


@pytest.mark.parametrize("literal", HUGE[:2])
async def test_a_large_message_announced_beyond_all_bounds_is_never_held_and_the_others_come(tmp_path, literal):
    server = peaceful(WAYS["qresync"], messages=3)
    uid = server.inbox.put(LARGE)
    server.lies["UID FETCH"] = replacing(uid, literal)
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        assert sailed.code == 3 and len(sailed.of(MessageFailed)) == 1
        assert len(siege.files()) == 3
        assert not list(siege.folder().joinpath("tmp").iterdir())


@pytest.mark.parametrize("wrong", [-1, 1, -4000, 400])
async def test_a_large_message_of_another_length_than_announced_is_not_kept(tmp_path, wrong):
    server = peaceful(WAYS["qresync"], messages=3)
    uid = server.inbox.put(LARGE)
    server.lies["UID FETCH"] = replacing(uid, b"{%d}" % (len(LARGE) + wrong))
    async with besieged(tmp_path, server) as siege:
        siege.vary(timeout=0.5)
        sailed = await siege.sync()
        assert sailed.code == 3
        assert len(siege.files()) == 3
        assert not list(siege.folder().joinpath("tmp").iterdir())
        server.lies.clear()
        server.inbox.put(mail(99))
        await siege.sync()
        assert set(siege.stored()) <= set(siege.served()) and len(siege.files()) >= 4


async def test_a_large_message_under_another_messages_number_is_not_kept(tmp_path):
    server = peaceful(WAYS["qresync"], messages=3)
    uid = server.inbox.put(LARGE)

    def lie(answer: Answer, command: bytes) -> Answer:
        if b"BODY" not in command:
            return answer
        return Answer([line.replace(b"UID %d " % uid, b"UID 3 ") for line in answer.untagged], answer.tagged)

    server.lies[f"UID FETCH {uid}"] = lie
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        assert sailed.code == 3 and len(siege.files()) == 3
        assert digest(LARGE) not in siege.stored()


async def test_a_size_that_is_a_lie_costs_nothing_but_a_stream(tmp_path):
    """RFC822.SIZE is a hint: a small message said to be of a hundred gigabytes comes, and so does the contrary."""
    server = peaceful(WAYS["plain"], messages=4)
    server.inbox.put(LARGE)
    sizes = iter([b"99999999999", b"0", b"-1", b"1.5e+99", b"3"])

    def lie(answer: Answer, _command: bytes) -> Answer:
        lines = [re.sub(rb"RFC822.SIZE \d+", lambda _: b"RFC822.SIZE " + next(sizes), x) for x in answer.untagged]
        return Answer(lines, answer.tagged)

    server.lies["UID FETCH 1:"] = lie
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()


async def test_a_literal_that_is_no_message_has_small_bounds(tmp_path):
    server = peaceful(WAYS["plain"], messages=2)
    server.lies["LIST"] = lambda answer, _: Answer(
        octets=b'* LIST () "/" {2000000}\r\n' + b"x" * 2000000 + b"\r\n%t OK\r\n"
    )
    async with besieged(tmp_path, server) as siege:
        assert (await siege.sync()).code == 3
        assert siege.everything() == {}


async def test_a_flood_of_what_was_not_asked_for_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MOST_RESPONSES", 2000)
    server = peaceful(WAYS["plain"], messages=6)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        agreed = siege.standing()
        for line in (b"* OK still here\r\n", b"* 7 EXISTS\r\n", b"* 1 FETCH (FLAGS ())\r\n", b'* LIST () "/" a\r\n'):
            server.lies["SELECT"] = lambda *_, line=line: Answer(octets=line * 3000)
            assert (await siege.sync()).code == 3
            assert siege.standing() == agreed
        server.lies.clear()
        (await siege.sync()).assert_clean()


async def test_octets_without_an_end_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "MOST_OCTETS", 1 << 20)
    server = peaceful(WAYS["plain"], messages=6)
    body = b"* 9 FETCH (UID 9 BODY[] {60000}\r\n" + b"x" * 60000 + b")\r\n"
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        agreed = siege.standing()
        for endless in (body * 40, b"* 1 FETCH (X " + b"{9}\r\n123456789 " * 90000):
            server.lies["SELECT"] = lambda *_, endless=endless: Answer(octets=endless)
            assert (await siege.sync()).code == 3
            assert siege.standing() == agreed


async def test_a_large_message_for_which_there_is_no_room_is_left_for_later_and_the_others_come(tmp_path, monkeypatch):
    server = peaceful(WAYS["qresync"], messages=3)
    server.inbox.put(LARGE)
    server.inbox.put(message(51, size=2 << 20))
    monkeypatch.setattr(writer, "room", lambda _fd: 5 << 19)
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync()
        (failure,) = sailed.of(MessageFailed)
        assert sailed.code == 3 and "too full" in failure.reason
        assert len(siege.files()) == 4 and not list(siege.folder().joinpath("tmp").iterdir())
        monkeypatch.undo()
        (await siege.sync()).assert_clean()
        siege.assert_in_step()
