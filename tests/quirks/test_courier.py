"""Courier: alerts before the greeting, messages that show late, and few connections."""

from __future__ import annotations

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.quirks.shore import mail, once, provider, sailing, scripted, with_room_for_one

from postboat.events import FolderFailed
from postboat.imap.folders import ImapFolders
from postboat.model import SEEN

GREETING = "Courier-IMAP ready. Copyright 1998-2018 Double Precision, Inc.  See COPYING for distribution information."
CAPABILITIES = "IMAP4REV1 UIDPLUS CHILDREN NAMESPACE QUOTA"
WITHOUT_UIDPLUS = CAPABILITIES.replace("UIDPLUS ", "")


def courier(*messages: bytes, capabilities: str = CAPABILITIES) -> LyingServer:
    server = provider(capabilities, *messages, greeting=GREETING)
    server.lies["SELECT"] = server.lies["EXAMINE"] = lambda answer, _: Answer(
        [line for line in answer.untagged if b"UIDNEXT" not in line], answer.tagged
    )
    return server


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(1, count + 1)]


async def test_quirk_90_an_alert_is_no_greeting_and_uidnext_no_need(tmp_path):
    server = courier(*many(4))
    server.greeting = (
        b"* OK [ALERT] Filesystem notification initialization error -- contact your mail administrator\r\n"
        + (server.greeting or b"")
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.drop(2)
        server.inbox.flag(3, SEEN)
        server.inbox.put(mail(100))
        ship.drop(mail(200))
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_90_a_message_that_an_ok_passes_over_is_known_to_be_gone(tmp_path):
    server = courier(*many(6))

    def passes_over(answer: Answer, command: bytes) -> Answer:
        if b"BODY.PEEK[]" not in command or 2 not in server.inbox.uids():
            return answer
        server.inbox.drop(2, 5)
        return Answer([line for line in answer.untagged if b"UID 2 " not in line and b"UID 5 " not in line])

    server.lies["UID FETCH"] = passes_over
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert len(ship.files()) == 4


def shows_late(server: LyingServer) -> set[int]:
    """From now on a message that is appended is only shown once the mailbox is selected anew, or at a NOOP."""
    hidden: set[int] = set()

    def appended(answer: Answer, _: bytes) -> Answer:
        hidden.add(server.inbox.mail[-1].uid)
        return Answer([], answer.tagged)

    def refreshed(answer: Answer, _: bytes) -> Answer:
        hidden.clear()
        return answer

    def not_yet(answer: Answer, _: bytes) -> Answer:
        lines = [line for line in answer.untagged if not any(b"(UID %d " % uid in line for uid in hidden)]
        if lines and lines[0].startswith(b"SEARCH"):
            lines = [b" ".join(word for word in lines[0].split(b" ") if word not in {b"%d" % uid for uid in hidden})]
        return Answer(lines, answer.tagged)

    selects = server.lies["SELECT"]
    server.lies |= {
        "APPEND": appended,
        "NOOP": refreshed,
        "SELECT": lambda answer, command: selects(refreshed(answer, command), command),
        "UID FETCH": not_yet,
        "UID SEARCH": not_yet,
    }
    return hidden


@pytest.mark.parametrize("capabilities", [CAPABILITIES, WITHOUT_UIDPLUS])
async def test_quirk_91_a_message_stored_and_not_shown_yet_is_not_missed_and_not_sent_again(tmp_path, capabilities):
    server = courier(*many(3), capabilities=capabilities)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        shows_late(server)
        for number in (200, 201):
            ship.drop(mail(number), f"own.{number}")
        (await ship.sync()).assert_clean()
        assert len(server.inbox.mail) == 5
        ship.assert_in_step()
        file = ship.file_of(mail(200))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")
        ship.file_of(mail(201)).unlink()
        ship.drop(mail(202), "own.202")
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert [each.flags for each in server.inbox.mail if each.wire == mail(200)] == [{SEEN}]
        await ship.assert_at_rest()


@pytest.mark.parametrize("capabilities", [CAPABILITIES, WITHOUT_UIDPLUS])
async def test_quirk_91_nor_is_one_whose_ok_was_lost(tmp_path, capabilities):
    server = courier(*many(3), capabilities=capabilities)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        hidden = shows_late(server)
        late = server.lies["APPEND"]
        server.lies["APPEND"] = once(lambda answer, command: late(answer, command) and None)
        ship.drop(mail(200))
        await ship.sync()
        hidden.update(each.uid for each in server.inbox.mail[3:])
        (await ship.sync()).assert_clean()
        assert len(server.inbox.mail) == 4
        ship.assert_in_step()


async def test_quirk_92_flags_of_message_zero_are_nobodys(tmp_path):
    server = courier(*many(4))

    def of_nobody(answer: Answer, _: bytes) -> Answer:
        return Answer([b"0 FETCH (FLAGS (\\Seen \\Deleted))", *answer.untagged], answer.tagged)

    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.lies["UID FETCH"] = server.lies["UID STORE"] = of_nobody
        file = ship.file_of(mail(1))
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,F")
        server.inbox.put(mail(100))
        assert not (await ship.sync()).of(FolderFailed)
        server.lies.pop("UID FETCH")
        server.lies.pop("UID STORE")
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert sorted(map(sorted, ship.on_disk().values())) == [[], [], [], [], ["F"]]


async def test_quirk_92_the_inbox_is_found_outside_the_prefix_of_all_other_folders():
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] {GREETING}
    C: LIST "" "\\*"
    C: NAMESPACE
    S: * LIST (\\HasNoChildren) "." "INBOX.Work"
    S: %1 OK LIST completed
    S: * NAMESPACE (("INBOX." ".")) NIL (("#shared." ".")("shared." "."))
    S: %2 OK NAMESPACE completed
    C: LIST "" "INBOX"
    S: * LIST (\\Unmarked \\HasChildren) "." "INBOX"
    S: %3 OK LIST completed
    """
    async with scripted(script) as (pool, _):
        listed = await ImapFolders(pool).list()
        assert [folder.wire for folder in listed.folders] == ["INBOX", "INBOX.Work"]
        assert listed.namespace_prefix == "INBOX."


@pytest.mark.parametrize("greeting", ["", "* BYE Maximum connection limit reached for ::ffff:127.0.0.1"])
async def test_quirk_93_few_connections_are_enough(tmp_path, greeting):
    """From MAXPERIP on the door is shut without a word, or with a BYE."""
    server = courier(*many(6))
    for name in "ABCDEFGHIJKL":
        server.boxes[name] = Mailbox()
        for number in range(20, 26):
            server.boxes[name].put(mail(number, name))
    refused = with_room_for_one(server, greeting, None)
    async with sailing(tmp_path, server, maxconnections=4) as ship:
        (await ship.sync()).assert_clean()
        assert 0 < len(refused) < 6
        ship.assert_in_step("INBOX", *"ABCDEFGHIJKL")
