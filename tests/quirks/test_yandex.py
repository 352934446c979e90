"""Yandex, mail.ru and Rambler: no end of farewells, items without values, and literals that are too short."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.fakes.watching import watching
from tests.quirks.shore import AGAIN, mail, once, provider, sailing, scripted
from tests.real.voyage import digest

from postboat.errors import ConnectionLost
from postboat.events import FolderFailed, MessageFailed
from postboat.imap import vigil

GREETING = "Yandex IMAP4rev1 at sas2-4b33.mail.yandex.net:143 ready to talk with ::ffff:1.2.3.4:4711, 2026-Nov-23"
CAPABILITIES = "IMAP4REV1 CHILDREN UNSELECT LITERAL+ NAMESPACE XLIST UIDPLUS ENABLE ID IDLE MOVE"


def yandex(*messages: bytes) -> LyingServer:
    return provider(CAPABILITIES, *messages, greeting=GREETING)


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(count)]


async def test_quirk_56_at_the_first_bye_the_connection_is_closed(tmp_path):
    server = yandex(*many(3))
    said_bye = []

    async def bye_without_end(reader, writer):
        writer.write(server.greeting)
        try:
            while line := await reader.readline():
                if line.split(b" ")[1] in (b"SELECT", b"LIST"):
                    break
                writer.write(line.split(b" ")[0] + b" OK done\r\n")
            async with asyncio.timeout(5):
                while not reader.at_eof():
                    said_bye.append(1)
                    writer.write(b"* BYE Autologout; idle for too long\r\n")
                    await writer.drain()
                    await asyncio.sleep(0)
        except ConnectionError:
            pass
        finally:
            writer.close()

    serve_one = server._serve

    async def first_that_one(reader, writer):
        await (serve_one if said_bye else bye_without_end)(reader, writer)

    server._serve = first_that_one
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert said_bye and len(said_bye) < 100_000
        if sailed.code:
            sailed = await ship.sync()
        sailed.assert_clean()
        ship.assert_in_step()


async def test_quirk_57_an_item_without_a_value_is_missing_and_asked_for_again(tmp_path):
    server = yandex(*many(3))
    missing = once(lambda _answer, _command: Answer([b"1 FETCH (UID 1 FLAGS () BODY[] )", b"2 FETCH (UID 2 BODY[])"]))
    server.lies["UID FETCH 1:3 (UID FLAGS INTERNALDATE BODY.PEEK[])"] = missing
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


def too_short(answer: Answer, wire: bytes) -> Answer:
    """The literal of that message ends early, so that its own text follows as protocol."""
    octets = b"".join(b"* " + line + b"\r\n" for line in answer.untagged)
    return Answer(
        octets=octets.replace(b"{%d}\r\n%b" % (len(wire), wire), b"{%d}\r\n%b" % (len(wire) - 40, wire))
        + b"%t OK done\r\n"
    )


async def test_quirk_58_a_literal_shorter_than_it_says_is_never_stored_and_costs_one_message_only(tmp_path):
    bad = mail(7, "the last line\r\n* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\n* VANISHED 1:4")
    server = yandex(*many(4), bad, *(mail(number) for number in range(10, 14)))
    server.boxes["Other"] = Mailbox()
    server.boxes["Other"].put(mail(20))
    server.lies["UID FETCH"] = lambda answer, command: too_short(answer, bad) if b"BODY.PEEK[]" in command else answer
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert sailed.code == 3
        assert not ship.asked_to_change()
        assert digest(bad) not in ship.ashore()
        assert ship.ashore() == sorted(digest(each.wire) for each in server.inbox.mail if each.wire != bad)
        assert len(sailed.of(MessageFailed)) == 1 and not sailed.of(FolderFailed)
        ship.assert_in_step("Other")
        server.lies.clear()
        (await ship.sync(AGAIN)).assert_clean()
        ship.assert_in_step("INBOX", "Other")


@pytest.mark.parametrize("size", [b"9.3736e+06", b"1.5", b"7e1", b"NIL", b"-1"])
async def test_quirk_60_a_size_of_whatever_form_costs_no_message(tmp_path, size):
    server = yandex(*many(3))

    def rounded(answer: Answer, _: bytes) -> Answer:
        lines = [line.partition(b"RFC822.SIZE ")[0] + b"RFC822.SIZE " + size + b")" for line in answer.untagged]
        return Answer(lines, answer.tagged)

    server.lies["UID FETCH 1:4294967295"] = rounded
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_59_an_idle_that_is_ended_at_random_is_asked_for_again_and_nothing_is_missed(monkeypatch):
    monkeypatch.setattr(vigil, "SHORT", 0)
    script = f"""
    S: * PREAUTH [CAPABILITY {CAPABILITIES}] {GREETING}
    C: ID .*
    S: %t OK ID Completed.
    C: EXAMINE "INBOX"
    S: * 3 EXISTS
    S: %t OK [READ-ONLY] EXAMINE Completed.
    C: IDLE
    S: + idling
    wait armed
    S: %t OK IDLE Completed.
    S: * 4 EXISTS
    C: IDLE
    S: * 5 EXISTS
    S: + idling
    S: * BYE IMAP4rev1 Server logging out
    close
    """
    async with scripted(script) as (pool, server), watching(pool, "INBOX") as (told, watch):
        await told.until(("idle", "INBOX"))
        server.events["armed"].set()
        with pytest.raises(ConnectionLost, match="logging out"):
            await watch
        assert told.all == [("idle", "INBOX"), {"INBOX"}, {"INBOX"}, "lost"]
