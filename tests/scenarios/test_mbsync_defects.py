"""What mbsync (isync 1.4.4 and 1.5) was seen to do in ten matters, and what Postboat does in its place.

Each test bears the number that the matter has in the notes about mbsync, where it was reproduced against Dovecot.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.voyages import struck
from tests.fakes.lying_server import LyingServer
from tests.hostile.siege import altered, besieged, mail
from tests.real.budget import settle
from tests.real.program import run_program
from tests.real.voyage import Voyage, digest, digests, message
from tests.scenarios.heir import Heir
from tests.servers.dovecot import DovecotServer
from tests.servers.recorder import Recorder

from postboat.events import FolderFailed
from postboat.maildir import system

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.real


@pytest.fixture
def voyage(dovecot, tmp_path) -> Voyage:
    return Voyage(tmp_path, dovecot.account())


def each_once(voyage: Voyage, numbers: range, folder: str = "INBOX") -> None:
    """Both sides hold exactly these messages, none of them twice."""
    expected = Counter(digest(message(number)) for number in numbers)
    with voyage.phone(folder) as phone:
        parts = phone.fetch("1:*", "(BODY.PEEK[])")[1]
    assert Counter(digest(part[1]) for part in parts if isinstance(part, tuple)) == expected
    assert Counter(digest(file.read_bytes()) for file in voyage.files(folder)) == expected


def test_mbsync_01_an_emptied_maildir_does_not_empty_the_server_before_its_user_was_asked(dovecot, tmp_path):
    """mbsync, told to `Expunge Both`, deleted all 20 messages on the server, without a warning and with exit code 0."""
    heir = Heir(tmp_path, dovecot.account())
    heir.deliver(*map(message, range(20)))
    heir.run().assert_in_sync()
    heir.empty()
    ran = heir.run()
    assert ran.code == 6 and "INBOX: HELD: all 20 messages would be deleted on the server" in ran.err
    assert len(heir.on_server()) == 20
    assert heir.run("confirm", "MyMail:INBOX").code == 0
    assert heir.on_server() == {}, "it was meant"
    heir.assert_at_rest()


@pytest.mark.parametrize("capability", [None, "IMAP4rev1"], ids=["dovecot", "plain"])
async def test_mbsync_02_a_run_that_finds_nothing_new_does_not_wait_for_each_folder(tmp_path, capability):
    """mbsync waits three times for each folder and lists every message in it.

    A server that tells the state of all folders in one answer is asked for no more; another is asked for all at once.
    """
    folders = [f"Folder {number:02}" for number in range(20)]
    with DovecotServer(capability=capability) as server:
        voyage = Voyage(tmp_path, server.account(), maxconnections=1)
        voyage.create(*folders)
        for folder in folders:
            voyage.deliver(*map(message, range(10)), folder=folder)
        (await voyage.sync()).assert_clean()
        async with Recorder(server.host, server.port, delay=0.02) as wire:
            voyage.vary(remoteport=wire.port)
            settle(voyage)
            (await voyage.sync()).assert_clean()
            wire.forget()
            sailed = await voyage.sync()
            sailed.assert_clean()
            assert sailed.done.changes == 0
            assert wire.round_trips < len(folders) // 2, [each.flights for each in wire.connections]
            if capability is None:
                assert wire.round_trips == 1
                assert not wire.commands_sent("SELECT", "EXAMINE", "UID FETCH")
                assert wire.bytes_down < 200 * (len(folders) + 10)


async def test_mbsync_03_messages_are_made_durable_together_and_nobody_waits_for_the_disk(voyage, monkeypatch):
    """mbsync waits for the disk twice for each message, and meanwhile does nothing else.

    The ledger's own barriers are not counted here: it has one for each batch.
    """
    folders = [f"Folder {number}" for number in range(5)]
    voyage.create(*folders)
    for folder in folders:
        voyage.deliver(*map(message, range(20)), folder=folder)
    calls: list[tuple[str, bool]] = []

    def counted(name: str, real: Callable[[int], object]) -> Callable[[int], object]:
        def call(fd: int) -> object:
            calls.append((name, threading.current_thread() is threading.main_thread()))
            return real(fd)

        return call

    monkeypatch.setattr(os, "fsync", counted("fsync", os.fsync))
    monkeypatch.setattr(system, "sync_filesystem", counted("syncfs", system.sync_filesystem))
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert sailed.done.down == 100
    barriers = Counter(name for name, _ in calls)
    assert barriers["syncfs"] >= 1
    messages_one_by_one = 100
    assert barriers.total() < messages_one_by_one, barriers
    assert not any(in_loop for _, in_loop in calls), "the event loop never waits for the disk"


def test_mbsync_04_no_line_is_added_to_a_message_and_no_file_is_written_anew(dovecot, tmp_path):
    """mbsync adds `X-TUID:` to all that it copies, also where it need not, and writes line ends anew."""
    heir = Heir(tmp_path, dovecot.account())
    heir.deliver(*map(message, range(4)))
    crlf = heir.drop(message(10), "1.crlf")
    crlf.write_bytes(message(10))
    heir.drop(message(11), "2.lf")
    heir.run().assert_in_sync()
    assert crlf.read_bytes() == message(10), "what lies in the Maildir stays as it is"
    with heir.phone("INBOX") as phone:
        parts = phone.fetch("1:*", "(BODY.PEEK[])")[1]
    assert sorted(part[1] for part in parts if isinstance(part, tuple)) == sorted(map(message, (0, 1, 2, 3, 10, 11)))
    down = sorted(file.read_bytes() for file in heir.files() if not file.name.endswith((".crlf", ".lf")))
    assert down == sorted(message(number).replace(b"\r\n", b"\n") for number in range(4))
    heir.assert_at_rest()


async def test_mbsync_05_keywords_on_the_server_survive_whatever_is_done_to_their_message(voyage):
    """mbsync knows six flags. So does Postboat yet; what else a message bears is never taken away, nor lost by a move."""
    voyage.create("Archive")
    voyage.deliver(*map(message, range(3)), flags="$Label1 Holiday $Forwarded")
    (await voyage.sync()).assert_clean()
    assert set(map(frozenset, voyage.on_disk().values())) == {frozenset("P")}
    flagged, moved = voyage.file_of(message(0)), voyage.file_of(message(1))
    flagged.rename(flagged.parent.parent / "cur" / f"{flagged.name.partition(':')[0]}:2,FPRS")
    moved.rename(voyage.folder("Archive") / "cur" / moved.name)
    (await voyage.sync()).assert_clean()
    for folder, count in (("INBOX", 2), ("Archive", 1)):
        with voyage.phone(folder) as phone:
            lines = phone.fetch("1:*", "(FLAGS)")[1]
        assert len(lines) == count
        assert all(keyword in line for line in lines for keyword in (b"$Label1", b"Holiday", b"$Forwarded"))


async def test_mbsync_06_uids_in_file_names_mean_nothing(voyage):
    """A mail program that moves mbsync's files about makes it fail for good: "duplicate UID", "UID beyond highest"."""
    voyage.create("Archive")
    (await voyage.sync()).assert_clean()
    for number in range(4):
        voyage.drop(message(number), f"170000000{number}.1_{number}.here,U={number + 1}", flags="S")
        voyage.drop(
            message(10 + number), f"171000000{number}.1_{number}.here,U={number + 1}", folder="Archive", flags=""
        )
    (await voyage.sync()).assert_clean()

    cur = voyage.folder("Archive") / "cur"
    moved, copied = voyage.file_of(message(0)), voyage.file_of(message(1))
    moved.rename(cur / moved.name)
    (cur / copied.name.replace("U=2", "U=999")).write_bytes(copied.read_bytes())
    doubled = voyage.drop(message(20), "1700000009.1_9.here,U=3", flags="S")
    for _ in range(2):
        (await voyage.sync()).assert_clean()
        voyage.assert_same("INBOX", "Archive")
    assert voyage.on_server().keys() == digests(map(message, (1, 2, 3, 20)))
    assert voyage.on_server("Archive").keys() == digests(map(message, (0, 1, 10, 11, 12, 13)))
    assert doubled.exists(), "no file is renamed for its UID"
    assert (await voyage.sync()).done.changes == 0


@pytest.mark.parametrize("capability", [None, "IMAP4rev1 UIDPLUS LITERAL+"], ids=["with MOVE", "without"])
async def test_mbsync_07_moved_messages_are_moved_and_not_sent_again(tmp_path, capability):
    """mbsync sends each of them anew and deletes the old one."""
    with DovecotServer(capability=capability) as server:
        voyage = Voyage(tmp_path, server.account())
        voyage.create("Archive")
        voyage.deliver(*(message(number, size=20_000) for number in range(20)))
        (await voyage.sync()).assert_clean()
        for file in voyage.files():
            file.rename(voyage.folder("Archive") / "cur" / f"{file.name}:2,S")
        async with Recorder(server.host, server.port) as wire:
            voyage.vary(remoteport=wire.port)
            sailed = await voyage.sync()
            sailed.assert_clean()
            assert sailed.done.moved == 20 and (sailed.done.up, sailed.done.down) == (0, 0)
            assert not wire.commands_sent("APPEND")
            assert bool(wire.commands_sent("UID MOVE")) == (capability is None)
            assert wire.bytes_up < 20_000
        assert voyage.on_server() == {}
        voyage.assert_same("INBOX", "Archive")
        assert len(voyage.on_server("Archive")) == 20


async def four_each_way(voyage: Voyage) -> None:
    """Eight messages agreed on, four to come and four to go."""
    voyage.deliver(*map(message, range(8)))
    (await voyage.sync()).assert_clean()
    voyage.deliver(*map(message, range(8, 12)))
    for number in range(12, 16):
        voyage.drop(message(number), f"{number}.here")


async def moments(server: DovecotServer, home: Path) -> int:
    """At how many system calls the program could die on such a voyage."""
    voyage = Voyage(home, server.account())
    await four_each_way(voyage)
    done = await asyncio.to_thread(struck, voyage, 0, home / "record")
    assert done.returncode == 0, done
    return int((home / "record.moments").read_text())


@pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only")
@pytest.mark.timeout(300)
async def test_mbsync_08_a_kill_at_any_system_call_loses_nothing_and_doubles_nothing(dovecot, tmp_path):
    """mbsync survives it at all 86 of its calls. So must Postboat: tests/crash tries all of them, and this a few."""
    (tmp_path / "calm").mkdir()
    most = await moments(dovecot, tmp_path / "calm")
    parts = 7
    for part in range(parts):
        home = tmp_path / str(part)
        home.mkdir()
        voyage = Voyage(home, dovecot.account())
        await four_each_way(voyage)
        died = await asyncio.to_thread(struck, voyage, most * (2 * part + 1) // (2 * parts))
        assert died.returncode == 128 + signal.SIGKILL, died
        (await voyage.sync()).assert_clean()
        each_once(voyage, range(16))
        assert (await voyage.sync()).done.changes == 0


@pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only")
async def test_mbsync_08_a_torn_journal_is_no_end(dovecot, tmp_path):
    """After a power cut mbsync says "incomplete journal entry", and says so in every run."""
    (tmp_path / "calm").mkdir()
    most = await moments(dovecot, tmp_path / "calm")
    voyage = Voyage(tmp_path, dovecot.account())
    await four_each_way(voyage)
    died = await asyncio.to_thread(struck, voyage, most * 2 // 3)
    assert died.returncode == 128 + signal.SIGKILL, died
    log = voyage.state / f"{voyage.name}.ledger-wal"
    torn = log.read_bytes()
    assert len(torn) > 4096
    log.write_bytes(torn[: len(torn) * 2 // 3] + b"\0" * 1000)
    done = await asyncio.to_thread(run_program, voyage)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done
    each_once(voyage, range(16))
    assert (await voyage.sync()).done.changes == 0


SHORT = b"a message without a line end"


def oddly_put(line: bytes) -> bytes:
    """An answer to FETCH with an attribute that nobody asked for, and with a quoted message where it can be quoted."""
    line = line.replace(b"{%d}\r\n%s" % (len(SHORT), SHORT), b'"%s"' % SHORT)
    return re.sub(rb"^(\d+ FETCH \()", rb'\1X-WEATHER ("calm (mostly)" {4}' + b"\r\n" + rb"(;-) NIL) ", line)


async def test_mbsync_09_one_bad_answer_costs_no_other_folder_anything(tmp_path):
    """mbsync gives up the account at an attribute that it does not know, at a BODY[] that is no literal, at a BAD."""
    server = LyingServer()
    for folder in ("INBOX", "Bad", "Odd", "Good"):
        box = server.boxes.setdefault(folder, type(server.inbox)())
        for number in range(3):
            box.put(mail(number))
    server.boxes["Odd"].put(SHORT)
    async with besieged(tmp_path, server) as siege:
        server.lies["UID FETCH"] = altered(oddly_put)
        server.lies['SELECT "Bad"'] = lambda answer, _command: type(answer)(tagged=b"BAD what is that?")
        sailed = await siege.sync()
        assert sailed.code == 3
        assert [failed.folder for failed in sailed.of(FolderFailed)] == ["Bad"]
        siege.assert_in_step("INBOX", "Odd", "Good")
        server.lies.clear()
        assert (await siege.sync()).code == 0
        siege.assert_in_step("INBOX", "Bad", "Odd", "Good")


async def test_mbsync_10_paths_may_be_as_long_as_the_system_lets_them_be(dovecot, tmp_path):
    """mbsync ends at 256 octets of path: "Fatal: buffer too small. Please report a bug."

    Only the ledger's own path has a limit, which is SQLite's: 512 octets.
    """
    home = tmp_path.joinpath(*["directory" * 12] * 2)
    voyage = Voyage(home, dovecot.account())
    voyage.mail = home.joinpath(*["directory" * 12] * 20, "mail")
    voyage.mail.parent.mkdir(parents=True)
    voyage.config = replace(voyage.config, local=replace(voyage.config.local, localfolders=voyage.mail))
    folder = "/".join(["level" * 9] * 3)
    voyage.create(folder)
    voyage.deliver(message(1), folder=folder)
    voyage.deliver(message(2))
    (await voyage.sync()).assert_clean()
    assert len(str(voyage.state)) > 256 and len(str(voyage.folder(folder))) > 2048
    voyage.drop(message(3), "x" * 200, folder=folder)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX", folder)
    assert (await voyage.sync()).done.changes == 0
