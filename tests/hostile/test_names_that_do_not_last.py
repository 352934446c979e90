"""Servers whose names of messages are worth little: nothing is deleted for it, nothing doubled, and the user is told."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.fakes.lying_server import WAYS, Answer, LyingServer
from tests.hostile.siege import altered, besieged, mail, peaceful
from tests.real.voyage import digest

from postboat.events import FolderMatchedAnew, Warned
from postboat.model import SEEN

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 6


def renumbers(server: LyingServer, word: bytes) -> Callable[[Answer, bytes], Answer]:
    """With every selection the messages get other UIDs, the last comes first; of UIDVALIDITY it says `word`."""

    def lie(answer: Answer, _: bytes) -> Answer:
        server.inbox.mail.reverse()
        for number, each in enumerate(server.inbox.mail, server.inbox.uidnext):
            each.uid = number
        server.inbox.uidnext += len(server.inbox.mail)
        told = [line for line in answer.untagged if b"UIDVALIDITY" not in line or b"STICKY" in word]
        return Answer([*told, *([word] if word else [])], answer.tagged)

    return lie


@pytest.mark.parametrize("word", [b"", b"OK [UIDVALIDITY 0] none", b"NO [UIDNOTSTICKY] they change"])
@pytest.mark.parametrize("way", ["qresync", "plain"])
async def test_mail_without_lasting_uids_is_fetched_once_and_nothing_else_happens(tmp_path, way, word):
    server = peaceful(WAYS[way], messages=COUNT)
    server.inbox.put(mail(1), SEEN)
    server.lies["SELECT"] = server.lies["EXAMINE"] = renumbers(server, word)
    async with besieged(tmp_path, server) as siege:
        first = await siege.sync()
        first.assert_clean()
        assert first.done.down == COUNT + 1
        assert siege.stored() == siege.served()
        assert any("only fetched" in event.text for event in first.of(Warned))

        server.inbox.put(mail(100))
        server.inbox.mail = [each for each in server.inbox.mail if each.wire != mail(0)]
        siege.drop(mail(200))
        siege.file_of(mail(2)).unlink()
        second = await siege.sync()
        second.assert_clean()
        assert (second.done.down, second.done.up) == (1, 0)
        assert second.done.deleted_local == second.done.deleted_remote == 0
        assert len(siege.files()) == COUNT + 1 + 1 + 1 - 1
        assert digest(mail(0)) in siege.stored()
        assert any("only fetched" in event.text for event in second.of(Warned))

        third = await siege.sync()
        third.assert_clean()
        assert third.done.changes == 0
        shutil.rmtree(siege.state)
        lost = await siege.sync()
        lost.assert_clean()
        # What was deleted on either side cannot be told from what was never seen there.
        assert (lost.done.down, lost.done.up, lost.done.deleted_local, lost.done.deleted_remote) == (1, 0, 0, 0)
        assert not siege.asked_to_change()


@pytest.mark.parametrize("way", WAYS)
async def test_a_uidvalidity_that_is_another_in_each_session_doubles_and_deletes_nothing(tmp_path, way):
    server = peaceful(WAYS[way], messages=COUNT)
    async with besieged(tmp_path, server) as siege:
        for run in range(4):
            server.inbox.uidvalidity += 1
            server.inbox.mail.reverse()
            for number, each in enumerate(server.inbox.mail, 1):
                each.uid = number
            sailed = await siege.sync()
            sailed.assert_clean()
            assert sailed.done.down == (0 if run else COUNT)
            assert not siege.asked_to_change()
            assert len(sailed.of(FolderMatchedAnew)) == bool(run)
            siege.assert_in_step()


@pytest.mark.parametrize("way", WAYS)
async def test_a_uidvalidity_that_changes_in_the_midst_has_the_folder_looked_at_anew(tmp_path, way):
    server = peaceful(WAYS[way], messages=COUNT)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.drop(mail(200))
        siege.file_of(mail(2)).unlink()

        def changes(answer: Answer, _: bytes) -> Answer:
            if len(server.commands("SELECT")) > 1:
                server.inbox.uidvalidity = 77
                return Answer(
                    [re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 77", line) for line in answer.untagged], answer.tagged
                )
            return answer

        server.lies["SELECT"] = changes
        mended = await siege.sync()
        mended.assert_clean()
        assert not server.commands("UID STORE", "UID EXPUNGE", "EXPUNGE")
        assert mended.done.down == mended.done.up == 1
        assert mended.done.deleted_local == mended.done.deleted_remote == 0
        del server.lies["SELECT"]
        siege.assert_in_step()


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_server_keeps_back_at_first_is_not_uploaded_beside_it(tmp_path, way):
    server = peaceful(WAYS[way], messages=COUNT)
    kept_back = re.compile(rb"3 FETCH ")
    server.lies["UID FETCH"] = altered(lambda line: None if kept_back.match(line) else line)
    server.lies["UID SEARCH"] = altered(lambda line: line.replace(b" 3", b"").replace(b"1:6", b"1:2,4:6"))
    async with besieged(tmp_path, server) as siege:
        for number in range(COUNT):
            siege.drop(mail(number), f"{number}.local", flags="S" if number % 2 else "")
        first = await siege.sync()
        assert first.done.up == first.done.down == 0
        assert not server.commands("APPEND")
        server.lies.clear()
        second = await siege.sync()
        second.assert_clean()
        assert second.done.up == second.done.down == 0
        siege.assert_in_step()


@pytest.mark.parametrize("way", WAYS)
async def test_sizes_that_a_server_counts_wrongly_double_nothing_when_the_ledger_is_lost(tmp_path, way):
    server = peaceful(WAYS[way], messages=COUNT)
    server.lies["UID FETCH"] = altered(
        lambda line: re.sub(rb"RFC822\.SIZE (\d+)", lambda told: b"RFC822.SIZE %d" % (3 * int(told[1])), line)
    )
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        siege.assert_in_step()
        shutil.rmtree(siege.state)
        again = await siege.sync()
        again.assert_clean()
        assert (again.done.adopted, again.done.down, again.done.up) == (COUNT, 0, 0)
        assert not siege.asked_to_change()
        siege.assert_in_step()


async def test_a_bye_that_tells_of_a_new_uidvalidity_is_a_connection_lost(tmp_path):
    server = peaceful(WAYS["qresync"], messages=COUNT)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        said: list[bytes] = []

        def ends(answer: Answer, command: bytes) -> Answer | None:
            said.append(command)
            if len(said) > 1:
                return answer
            server.inbox.uidvalidity = 78
            return Answer(octets=b"* BYE Mailbox UIDVALIDITY changed\r\n", is_last=True)

        server.inbox.put(mail(9))
        server.lies["UID FETCH"] = ends
        run = await siege.sync()
        assert run.code in (0, 3)
        server.lies.clear()
        (await siege.sync()).assert_clean()
        siege.assert_in_step()
        assert not siege.asked_to_change()
