"""Numbers without bounds, names without quotes, answers that break off, locks: oddities of many servers."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import WAYS, Answer, Mail, Mailbox
from tests.quirks.shore import AGAIN, change_a_little, mail, once, refusing, sailing, scripted, server_of
from tests.real.voyage import Voyage, digest
from tests.servers.process import Account

from postboat.events import AccountFailed, FolderFailed, MessageFailed
from postboat.imap.folders import ImapFolders

PLAIN, CONDSTORE, QRESYNC = WAYS["plain"], WAYS["condstore without esearch"], WAYS["qresync"]
POOR = "IMAP4REV1"


@pytest.mark.parametrize("way", WAYS)
async def test_quirk_110_a_uidvalidity_of_any_length_is_one(tmp_path, way):
    server = server_of(WAYS[way])
    server.inbox.uidvalidity = 1666390893380
    server.lies["SELECT"] = lambda answer, _: Answer([*answer.untagged, b"OK [UNSEEN 0] none"], answer.tagged)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        change_a_little(server)
        ship.drop(mail(200))
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()
        server.inbox.uidvalidity += 1 << 32
        server.inbox.mail = [Mail(n, each.wire) for n, each in enumerate(reversed(server.inbox.mail), 1)]
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.down == sailed.done.up == sailed.done.deleted_local == 0, "another one, to its last bit"
        ship.assert_in_step()


async def test_quirk_110_a_uidnext_of_zero_is_none(tmp_path):
    server = server_of(PLAIN.replace("UIDPLUS ", ""))
    zero = re.compile(rb"UIDNEXT \d+")
    server.lies["SELECT"] = server.lies["STATUS"] = lambda answer, _: Answer(
        [zero.sub(b"UIDNEXT 0", line) for line in answer.untagged], answer.tagged
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        change_a_little(server)
        ship.drop(mail(200))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_111_without_levels_folders_lie_side_by_side(tmp_path):
    server = server_of(PLAIN)
    server.boxes["Work/2024.old"] = Mailbox()
    server.boxes["Work/2024.old"].put(mail(50))
    server.lies["LIST"] = lambda answer, _: Answer([x.replace(b'"/"', b"NIL") for x in answer.untagged], answer.tagged)
    server.lies["NAMESPACE"] = lambda _answer, _command: Answer([b'NAMESPACE (("" NIL)) NIL NIL'])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        (folder,) = [path for path in ship.mail.iterdir() if path.is_dir() and "2024" in path.name]
        assert len(list((folder / "new").iterdir())) == 1
        ship.drop(mail(60), folder="New")
        (await ship.sync()).assert_clean()
        assert ship.aboard("New") == [digest(mail(60))]
        await ship.assert_at_rest()


async def test_quirk_111_a_name_with_a_space_and_without_quotes_ends_where_its_numbers_begin():
    script = """
    S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS CONDSTORE] Gromox
    C: LIST "" "\\*" RETURN .*
    S: * LIST () "/" INBOX
    S: * LIST () "/" Sent Items
    S: * STATUS Sent Items (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 7 HIGHESTMODSEQ 9)
    S: %t OK done
    """
    async with scripted(script) as (pool, _):
        inbox, sent = (await ImapFolders(pool).list()).folders
        assert (inbox.wire, sent.wire) == ("INBOX", "Sent Items")
        assert sent.glimpse is not None and sent.glimpse.checkpoint is not None


@pytest.mark.parametrize("capabilities", [POOR, PLAIN])
async def test_quirk_112_data_before_a_refusal_counts_and_the_rest_is_found_out_about(tmp_path, capabilities):
    server = server_of(capabilities, greeting="Scalix IMAP server ready")

    def some_are_gone(answer: Answer, command: bytes) -> Answer:
        if (
            b"BODY.PEEK[]" not in command
            or not re.search(rb"[:,]", command.split(b" ")[2])
            or len(server.inbox.mail) < 8
        ):
            return answer
        server.inbox.drop(4)
        kept = [line for line in answer.untagged if b"UID 4 " not in line]
        return Answer(kept, b"NO Some of the requested messages no longer exist")

    server.lies["UID FETCH"] = some_are_gone
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert len(ship.files()) == 7
        ship.assert_in_step()


@pytest.mark.parametrize("way", WAYS)
async def test_quirk_113_a_uid_found_twice_is_one_message(tmp_path, way):
    server = server_of(WAYS[way], count=120)

    def twice(answer: Answer, _: bytes) -> Answer:
        line = answer.untagged[0]
        if line.startswith(b"SEARCH "):
            return Answer([line + b" " + line.partition(b" ")[2]], answer.tagged)
        return Answer([re.sub(rb" ALL (\S+)", rb" ALL \1,\1", line)], answer.tagged)

    server.lies["UID SEARCH"] = twice
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        change_a_little(server)
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


@pytest.mark.parametrize("always", [False, True])
async def test_quirk_114_a_list_that_is_closed_early_makes_no_message_of_what_follows(tmp_path, always):
    server = server_of(POOR, greeting="XEAMS IMAP")

    def closed_early(answer: Answer, _: bytes) -> Answer:
        lines = [b"* " + line.replace(b" INTERNALDATE ", b")\r\n INTERNALDATE ") for line in answer.untagged]
        return Answer(octets=b"".join(line + b"\r\n" for line in lines) + b"%t OK done\r\n")

    lie = closed_early if always else once(closed_early)
    server.lies["UID FETCH"] = lambda answer, command: lie(answer, command) if b"BODY.PEEK[]" in command else answer
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert not ship.asked_to_change()
        if always:
            assert sailed.code == 3 and len(sailed.of(MessageFailed)) == 8 and not ship.files()
            server.lies.clear()
            sailed = await ship.sync(AGAIN)
        sailed.assert_clean()
        ship.assert_in_step()


async def test_quirk_115_a_message_much_shorter_than_announced_costs_itself_only(tmp_path):
    server = server_of(POOR)
    bad = mail(7, "x" * 500)
    server.inbox.put(bad)
    server.inbox.put(mail(30))

    def announced(answer: Answer, _: bytes) -> Answer:
        octets = b"".join(b"* " + line + b"\r\n" for line in answer.untagged) + b"%t OK done\r\n"
        return Answer(octets=octets.replace(b"{%d}\r\n%b" % (len(bad), bad), b"{225752}\r\n%b" % bad))

    server.lies["UID FETCH"] = announced
    async with sailing(tmp_path, server, timeout=0.5) as ship:
        sailed = await ship.sync()
        assert sailed.code in (3, 4) and not ship.asked_to_change()
        assert digest(bad) not in ship.ashore()
        assert set(ship.ashore()) <= set(ship.aboard())
        server.lies.clear()
        (await ship.sync(AGAIN)).assert_clean()
        ship.assert_in_step()


async def test_quirk_115_padding_before_a_response_is_taken_off(tmp_path):
    server = server_of(POOR)
    server.lies["UID FETCH"] = lambda answer, _: Answer(
        octets=b"".join(b"\0" * n + b"* " + line + b"\r\n" for n, line in enumerate(answer.untagged))
        + b"\0%t OK done\r\n"
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


@pytest.mark.parametrize("code", [b"", b"[APPENDUID 7 1] ", b"[APPENDUID 99 5000] ", b"[APPENDUID 7 0] "])
async def test_quirk_116_what_a_server_tells_wrongly_of_a_stored_message_pairs_no_other_one(tmp_path, code):
    server = server_of(PLAIN, greeting="FTGate server ready")
    server.lies["APPEND"] = lambda answer, _: Answer(answer.untagged, b"OK " + code + b"stored")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for number in (200, 201):
            ship.drop(mail(number), f"own.{number}")
        await ship.sync()
        server.lies.clear()
        (await ship.sync(AGAIN)).assert_clean()
        assert len(server.inbox.mail) == 10
        ship.assert_in_step()
        ship.file_of(mail(200)).unlink()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert digest(mail(200)) not in ship.aboard()


@pytest.mark.parametrize("word", [b"OK done", b"NO cannot", b"BAD Unknown command"])
async def test_quirk_116_a_removal_that_does_not_work_is_told_and_takes_no_other_message(tmp_path, word):
    server = server_of(PLAIN, greeting="FTGate server ready")
    server.unable = {"UID EXPUNGE"}
    server.lies["UID EXPUNGE"] = refusing(word)
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.file_of(mail(1)).unlink()
        sailed = await ship.sync()
        assert sailed.code == 3 and (sailed.of(MessageFailed) or sailed.of(FolderFailed))
        assert server.inbox.uids() == list(range(1, 9))
        assert not server.commands("EXPUNGE", "CLOSE")
        server.lies.clear()
        server.unable.clear()
        await ship.sync(AGAIN)
        (await ship.sync()).assert_clean()
        assert server.inbox.uids() == list(range(2, 9))
        ship.assert_in_step()


async def test_quirk_117_a_run_signs_in_once_for_all_folders(tmp_path):
    server = server_of(PLAIN)
    server.greeting = f"* OK [CAPABILITY {PLAIN} AUTH=PLAIN SASL-IR] vodafonemail\r\n".encode()
    for name in "ABCDEFGH":
        server.boxes[name] = Mailbox()
        server.boxes[name].put(mail(20, name))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert len(server.commands("AUTHENTICATE", "LOGIN")) == 1
        ship.assert_in_step("INBOX", *"ABCDEFGH")


async def test_quirk_117_a_sign_in_that_is_refused_is_not_tried_again(tmp_path):
    server = server_of(PLAIN)
    server.greeting = f"* OK [CAPABILITY {PLAIN} AUTH=PLAIN SASL-IR] vodafonemail\r\n".encode()
    server.lies["AUTHENTICATE"] = server.lies["LOGIN"] = refusing(b"NO [AUTHENTICATIONFAILED] account is locked")
    async with server.listening() as port:
        voyage = Voyage(tmp_path, Account("127.0.0.1", port, "me", "pw"), timeout=5, maxconnections=4)
        sailed = await voyage.sync()
        assert sailed.code == 5
        assert "account is locked" in sailed.of(AccountFailed)[0].reason
        assert len(server.commands("AUTHENTICATE", "LOGIN")) == 1


async def test_quirk_118_lock_files_are_no_folders(tmp_path):
    server = server_of(POOR, greeting="[CAPABILITY IMAP4REV1] localhost IMAP4rev1 2007e.404 at Mon")
    server.boxes["Work"] = Mailbox()
    server.boxes["Work.lock"] = Mailbox()
    server.lies['SELECT "Work.lock'] = refusing(b"NO SELECT failed: Can't open mailbox Work.lock: not a valid mailbox")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        assert not [path for path in ship.mail.iterdir() if "lock" in path.name]
        del server.boxes["Work.lock"]
        (await ship.sync()).assert_clean()
        ship.assert_in_step("INBOX", "Work")


async def test_quirk_118_elsewhere_a_folder_may_be_called_so(tmp_path):
    server = server_of(PLAIN)
    server.boxes["Work.lock"] = Mailbox()
    server.boxes["Work.lock"].put(mail(50))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        (folder,) = [path for path in ship.mail.iterdir() if path.is_dir() and "lock" in path.name]
        assert len(list((folder / "new").iterdir())) == 1


async def test_quirk_118_a_uidnext_told_unasked_proves_nothing(tmp_path):
    """Seznam tells it behind APPEND and has no UIDPLUS."""
    server = server_of(POOR, greeting="Seznam IMAP ready")
    server.lies["APPEND"] = lambda answer, _: Answer(
        [*answer.untagged, b"OK [UIDNEXT %d] next" % (server.inbox.uidnext + 7)], answer.tagged
    )
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for number in (200, 201):
            ship.drop(mail(number), f"own.{number}")
        server.inbox.put(mail(300))
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        assert len(server.inbox.mail) == 11
        await ship.assert_at_rest()
