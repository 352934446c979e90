"""NetEase (163, 126), QQ and Tencent: introductions, numbers that are missing, and searches that are not to be had."""

from __future__ import annotations

import re

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.quirks.shore import AGAIN, mail, provider, sailing, scripted
from tests.real.voyage import digest

from postboat.events import FolderFailed, Warned
from postboat.model import DELETED, FLAGGED, SEEN

NETEASE = "Coremail System IMap Server Ready(163com[b62aaa251425b4be4eaec4ab4744cf47])"
NETEASE_CAN = "IMAP4REV1 XLIST ID LITERAL+ UIDPLUS X-CM-EXT-1"
QQ_CAN = "IMAP4 IMAP4REV1 XLIST MOVE IDLE XAPPLEPUSHSERVICE NAMESPACE CHILDREN ID UIDPLUS"


def netease(*messages: bytes, capabilities: str = NETEASE_CAN) -> LyingServer:
    return provider(capabilities, *messages, greeting=NETEASE)


def qq(*messages: bytes, capabilities: str = QQ_CAN) -> LyingServer:
    return provider(capabilities, *messages, greeting="QQMail XMIMAP4Server ready")


def many(count: int) -> list[bytes]:
    return [mail(number) for number in range(1, count + 1)]


def without(*codes: bytes):
    """A lie: a SELECT that does not tell these."""
    unsaid = tuple(b"OK [" + code for code in codes)
    return lambda answer, _: Answer([line for line in answer.untagged if not line.startswith(unsaid)], answer.tagged)


async def test_quirk_61_who_we_are_is_said_before_a_mailbox_is_opened(tmp_path):
    server = netease(*many(3))

    def not_to_strangers(answer: Answer, _: bytes) -> Answer:
        known = any(re.fullmatch(rb'ID \("name" "[^"]+" "version" "[^"]+"\)', said) for said in server.said)
        refusal = Answer(tagged=b"NO SELECT Unsafe Login. Please contact kefu@188.com for help")
        return answer if known else refusal

    server.lies["SELECT"] = server.lies["EXAMINE"] = not_to_strangers
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_61_a_mailbox_refused_all_the_same_is_told_in_the_servers_words_and_keeps_its_mail(tmp_path):
    server = netease(*many(8))
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        refusal = Answer(tagged=b"NO SELECT Unsafe Login. Please contact kefu@188.com for help")
        server.lies["SELECT"] = server.lies["EXAMINE"] = lambda _answer, _command: refusal
        server.inbox.put(mail(100))
        sailed = await ship.sync()
        assert sailed.code == 3
        assert ["contact kefu@188.com" in failed.reason for failed in sailed.of(FolderFailed)] == [True]
        assert len(ship.files()) == 8
        server.lies.clear()
        (await ship.sync()).assert_clean()
        ship.assert_in_step()


@pytest.mark.parametrize("capabilities", [NETEASE_CAN, NETEASE_CAN.replace("UIDPLUS ", "")])
async def test_quirk_62_without_uidnext_mail_goes_both_ways(tmp_path, capabilities):
    server = netease(*many(6), capabilities=capabilities)
    server.lies["SELECT"] = without(b"UIDNEXT")
    server.lies["STATUS"] = lambda _answer, _command: Answer([b'STATUS "INBOX" ()'])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        await ship.assert_at_rest()
        server.inbox.put(mail(100))
        server.inbox.drop(2)
        server.inbox.flag(3, SEEN)
        ship.drop(mail(200))
        ship.file_of(mail(1)).unlink()
        sailed = await ship.sync()
        sailed.assert_clean()
        assert (sailed.done.up, sailed.done.down) == (1, 1)
        assert (sailed.done.deleted_local, sailed.done.deleted_remote) == (1, 1)
        ship.assert_in_step()
        await ship.assert_at_rest()


@pytest.mark.parametrize("capabilities", [NETEASE_CAN, NETEASE_CAN.replace("UIDPLUS ", "")])
async def test_quirk_62_without_uidnext_what_an_upload_cut_short_had_stored_is_found_again(tmp_path, capabilities):
    server = netease(*many(2), capabilities=capabilities)
    server.lies["SELECT"] = without(b"UIDNEXT")
    server.lies["STATUS"] = lambda _answer, _command: Answer([b'STATUS "INBOX" ()'])
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.lies["APPEND"] = lambda _answer, _command: None
        ship.drop(mail(200))
        await ship.sync()
        server.lies.pop("APPEND")
        (await ship.sync()).assert_clean()
        assert server.inbox.mail[2:] != [] and len(server.inbox.mail) == 3, "stored once, though its OK was lost"
        ship.assert_in_step()


async def test_quirk_63_sets_ascend(tmp_path):
    server = qq(*many(40))
    server.inbox.drop(5, 6, 11, 17, 18)

    def ascending_only(answer: Answer, command: bytes) -> Answer:
        numbers = [int(number) for number in re.findall(rb"\d+", command.split(b" ")[2])]
        return answer if numbers == sorted(set(numbers)) else Answer(tagged=b"BAD UID parameters!")

    for verb in ("FETCH", "STORE", "EXPUNGE", "MOVE", "COPY"):
        server.lies[f"UID {verb}"] = ascending_only
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        for number in (40, 3, 22, 9, 31):
            ship.file_of(mail(number)).unlink()
        for number in (39, 4, 21, 8, 30):
            file = ship.file_of(mail(number))
            file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,F")
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_remote == 5
        assert {each.uid for each in server.inbox.mail if FLAGGED in each.flags} == {39, 4, 21, 8, 30}
        ship.assert_in_step()


@pytest.mark.parametrize("capabilities", [QQ_CAN, QQ_CAN.replace(" UIDPLUS", "")])
async def test_quirk_64_where_nothing_can_be_searched_for_all_is_learnt_by_listing(tmp_path, capabilities):
    server = qq(*many(8), capabilities=capabilities)
    server.lies["UID SEARCH"] = lambda _answer, _command: Answer(tagged=b"BAD UID SEARCH invalid argument")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        ship.assert_in_step()
        server.inbox.put(mail(100))
        server.inbox.drop(2)
        ship.drop(mail(200))
        ship.file_of(mail(1)).unlink()
        (await ship.sync()).assert_clean()
        assert server.inbox.uids()[0] == 3 or server.inbox.mail[0].flags == {DELETED}
        assert len(ship.files()) == 8
        if "UIDPLUS" in capabilities:
            ship.assert_in_step()
        await ship.assert_at_rest()


async def test_quirk_64_a_message_passed_over_is_found_out_about_without_a_search(tmp_path):
    server = qq(*many(8))
    server.lies["UID SEARCH"] = lambda _answer, _command: Answer(tagged=b"BAD UID SEARCH invalid argument")
    server.lies["UID FETCH"] = lambda answer, command: (
        Answer(answer.untagged[1:], answer.tagged) if b"BODY.PEEK[]" in command else answer
    )
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert sailed.code == 3 and not sailed.of(FolderFailed), "a message is put aside, and the folder goes on"
        server.lies.pop("UID FETCH")
        (await ship.sync(AGAIN)).assert_clean()
        ship.assert_in_step()


async def test_quirk_64_a_mailbox_emptied_is_seen_to_be_empty_without_a_search(tmp_path):
    server = qq(*many(3))
    server.lies["UID SEARCH"] = lambda _answer, _command: Answer(tagged=b"BAD UID SEARCH invalid argument")
    async with sailing(tmp_path, server) as ship:
        (await ship.sync()).assert_clean()
        server.inbox.drop(1, 2, 3)
        sailed = await ship.sync()
        sailed.assert_clean()
        assert sailed.done.deleted_local == 3
        await ship.assert_at_rest()


@pytest.mark.parametrize("told", [None, b"OK [UIDVALIDITY 0] "])
async def test_quirk_65_a_folder_without_uidvalidity_is_only_read_and_the_others_go_both_ways(tmp_path, told):
    server = provider("IMAP4REV1 XLIST UIDPLUS ID", *many(3), greeting="Tencent exmail ready")
    server.boxes["&UXZO1mWHTvZZOQ-"] = other = Mailbox()
    for number in range(20, 26):
        other.put(mail(number))

    def of_that_folder(answer: Answer, command: bytes) -> Answer:
        if b"INBOX" in command:
            return answer
        lines = [line for line in answer.untagged if b"UIDVALIDITY" not in line]
        return Answer([*lines, *([told] if told else [])], answer.tagged)

    server.lies["SELECT"] = server.lies["EXAMINE"] = of_that_folder
    folder = "其他文件夹"
    async with sailing(tmp_path, server) as ship:
        sailed = await ship.sync()
        assert any("only fetched" in warned.text for warned in sailed.of(Warned))
        assert len(ship.files(folder)) == 6
        other.drop(20 - 19)
        other.put(mail(30))
        ship.files(folder)[3].unlink()
        ship.drop(mail(40), folder=folder)
        ship.drop(mail(41))
        ship.file_of(mail(1)).unlink()
        sailed = await ship.sync()
        assert digest(mail(30)) in ship.ashore(folder) and digest(mail(20)) in ship.ashore(folder)
        assert len(other.mail) == 6, "nothing was written to it"
        ship.assert_in_step("INBOX")
        commands = ship.asked_to_change()
        assert len(commands) == 3 and not [said for said in commands if "&UXZO" in said]


@pytest.mark.parametrize("offered", ["AUTH=LOGIN", "AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2"])
async def test_quirk_66_its_prompts_are_never_asked_for(offered):
    """They end in a NUL: `VXNlciBOYW1lAA==`. LOGIN and PLAIN do without prompts."""
    script = f"""
    S: * OK [CAPABILITY IMAP4 IMAP4rev1 ID {offered} NAMESPACE] QQMail XMIMAP4Server ready
    C: {"LOGIN .*me.* .*pw.*" if "PLAIN" not in offered else "AUTHENTICATE PLAIN"}
    {"" if "PLAIN" not in offered else "S: + "}
    {"" if "PLAIN" not in offered else "C! AG1lAHB3"}
    S: %t OK [CAPABILITY IMAP4rev1] Success login ok
    """
    async with scripted(script) as (pool, server), pool.session() as session:
        assert session.kind.name == "QQ"
        assert not [line for line in server.heard if b"AUTHENTICATE LOGIN" in line]
