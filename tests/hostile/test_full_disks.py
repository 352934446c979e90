"""A disk that is full or read-only at any moment: nothing is lost or doubled, it is said, and the next run goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.hostile.siege import Siege, besieged, mail, peaceful
from tests.hostile.small_disk import MIB, small_disk
from tests.real.voyage import digest

from postboat.events import AccountFailed, FolderFailed, MessageFailed
from postboat.service.run_options import RunOptions

CAPABILITIES = "IMAP4REV1 UIDPLUS LITERAL+ NAMESPACE CONDSTORE"


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk") as disk:
        yield disk


class Cramped(Siege):
    """An account whose mail and state lie on a small disk. The program runs where that is mounted."""

    def __init__(self, home, server, port, disk, *options):
        super().__init__(disk.path, server, port)
        self.disk, self.file = disk, home / "config.toml"
        self.file.touch(mode=0o600)
        self.file.write_text(CONFIG.format(disk=disk.point, port=port, local="\n".join(options)))

    async def run(self, *options):
        """One run: its exit code and all that it says."""
        self.server.said.clear()
        command = [*self.disk.enter, sys.executable, "-m", "postboat", "-c", str(self.file), *options]
        ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in ran.stderr, ran.stderr
        assert "internal error" not in ran.stdout + ran.stderr
        assert ran.returncode in (0, 3), ran
        assert ran.returncode == 0 or ran.stderr, "what went wrong is said"
        return ran.returncode, ran.stdout + ran.stderr


CONFIG = """
    [general]
    accounts = ["Test"]
    metadata = "{disk}/state"
    [account.Test]
    localrepository = "Local"
    remoterepository = "Remote"
    maxdeletes = false
    [repository.Local]
    type = "Maildir"
    localfolders = "{disk}/mail-Test"
    {local}
    [repository.Remote]
    type = "IMAP"
    remotehost = "127.0.0.1"
    remoteport = {port}
    remoteuser = "me"
    remotepass = "pw"
    ssl = false
    starttls = false
"""


@pytest.fixture
async def cramped(disk, tmp_path):
    """Such an account, in step."""
    server = peaceful(CAPABILITIES, messages=20)
    async with server.listening() as port:
        cramped = Cramped(tmp_path, server, port, disk)
        assert (await cramped.run())[0] == 0
        yield cramped


def big(number, size=20_000):
    return mail(number, "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * (size // 72))


def much_happens(siege):
    """Something of everything; returns the contents that must be somewhere afterwards."""
    box = siege.server.inbox
    for number in range(100, 130):
        box.put(big(number))
    for uid in (3, 4, 5):
        box.flag(uid, "\\Flagged", "\\Answered")
    box.drop(6, 7, 8)
    for number in range(200, 205):
        siege.drop(big(number), f"local.{number}")
    mine = siege.file_of(mail(9))
    mine.rename(siege.folder() / "cur" / f"{mine.name.partition(':')[0]}:2,F")
    siege.file_of(mail(10)).unlink()
    stays = [mail(n) for n in range(20) if n not in (5, 6, 7, 10)]
    return {digest(m) for m in [*stays, *map(big, range(100, 130)), *map(big, range(200, 205))]}


def kept(siege):
    """What the quarantine holds."""
    return {digest(file.read_bytes()) for file in (siege.state / "quarantine").rglob("*") if file.is_file()}


def assert_told(sailed):
    """What went wrong is said in words."""
    reasons = [each.reason for kind in (AccountFailed, FolderFailed, MessageFailed) for each in sailed.of(kind)]
    assert sailed.code == 3, sailed.events
    assert reasons
    assert not [reason for reason in reasons if "internal error" in reason], reasons


def assert_all_is_well(siege, expected):
    assert siege.on_disk().keys() == expected
    siege.assert_in_step()
    assert {digest(mail(number)) for number in (5, 6, 7)} <= kept(siege)


async def assert_converges(cramped, expected):
    assert (await cramped.run("--retry"))[0] == 0
    assert (await cramped.run("--retry"))[0] == 0
    assert not cramped.asked_to_change()
    assert_all_is_well(cramped, expected)


@pytest.mark.parametrize("pages", [0, 1, 3, 8, 16, 24, 40, 100, 200, 300])
async def test_a_disk_that_fills_up_on_the_way_loses_and_doubles_nothing(disk, cramped, pages):
    """So many pages of 4096 octets are free."""
    expected = much_happens(cramped)
    disk.fill(left=pages * 4096)
    for _ in range(2):
        code, said = await cramped.run()
        assert code == 0 or "full" in said or "No space left" in said, said
        assert expected <= cramped.on_disk().keys() | cramped.served().keys() | kept(cramped)
    disk.free()
    await assert_converges(cramped, expected)


async def test_a_disk_without_room_for_new_names_loses_and_doubles_nothing(disk, cramped):
    expected = much_happens(cramped)
    used = sum(1 for _ in disk.path.rglob("*"))
    for more in (1, 3, 6, 12, 24, 48):
        disk.remount(f"nr_inodes={used + more}")
        await cramped.run()
        assert expected <= cramped.on_disk().keys() | cramped.served().keys() | kept(cramped)
    disk.remount("nr_inodes=10000")
    await assert_converges(cramped, expected)


async def test_a_read_only_file_system_loses_nothing_and_is_told(disk, cramped):
    expected = much_happens(cramped)
    before = cramped.everything()
    disk.remount("ro")
    code, _ = await cramped.run()
    assert code == 3
    assert cramped.everything() == before
    disk.remount("rw")
    await assert_converges(cramped, expected)


async def test_keeping_nothing_makes_room_on_a_full_disk(disk, tmp_path):
    server = peaceful(CAPABILITIES, messages=20)
    async with server.listening() as port:
        cramped = Cramped(tmp_path, server, port, disk, "keepdeleted = 0")
        assert (await cramped.run())[0] == 0
        server.inbox.drop(1, 2)
        disk.fill(left=200_000)
        assert (await cramped.run())[0] == 0
        cramped.assert_in_step()
        assert kept(cramped) == set()


async def test_maildirs_on_a_read_only_file_system_lose_nothing_and_are_told(disk, tmp_path):
    async with besieged(tmp_path, peaceful(CAPABILITIES, messages=20)) as siege:
        siege.mail = disk.path / "mail"
        siege.config = replace(
            siege.config, limits=None, local=replace(siege.config.local, localfolders=disk.path / "mail")
        )
        (await siege.sync()).assert_clean()
        expected = much_happens(siege)
        before = {file.name: file.read_bytes() for file in siege.files()}
        disk.remount("ro")
        sailed = await siege.sync()
        assert_told(sailed)
        assert any("Read-only file system" in failed.reason for failed in sailed.of(FolderFailed))
        assert {file.name: file.read_bytes() for file in siege.files()} == before
        disk.remount("rw")
        for _ in range(2):
            assert (await siege.sync(RunOptions(retry=True))).code == 0
        assert not siege.asked_to_change()
        assert_all_is_well(siege, expected)


@pytest.mark.parametrize("trouble", ["full", "read-only", "in the way"])
async def test_a_quarantine_on_another_disk_that_cannot_take_it_keeps_messages_in_their_folders(
    disk, tmp_path, trouble
):
    """Mail in one place, state in another: what is removed is copied."""
    async with besieged(tmp_path, peaceful(CAPABILITIES, messages=20)) as siege:
        for number in (50, 51):
            siege.server.inbox.put(big(number, 300_000))
        siege.config = replace(siege.config, limits=None)
        (await siege.sync()).assert_clean()
        quarantine = siege.state / "quarantine"
        quarantine.symlink_to(disk.path)
        siege.server.inbox.drop(1, 2, 21, 22)
        gone = {digest(message) for message in (mail(0), mail(1), big(50, 300_000), big(51, 300_000))}
        if trouble == "full":
            disk.fill(left=400_000)
        elif trouble == "read-only":
            disk.remount("ro")
        else:
            (disk.path / "Test").write_text("")
        sailed = await siege.sync()
        assert_told(sailed)
        assert any("keepdeleted = 0" in failed.reason for failed in sailed.of(FolderFailed))
        assert gone <= siege.on_disk().keys()
        assert not [file for file in quarantine.rglob("*") if file.name.startswith(".copying")]
        if trouble == "in the way":
            (disk.path / "Test").unlink()
        elif trouble == "read-only":
            disk.remount("rw")
        else:
            disk.free()
        assert (await siege.sync()).code == 0
        siege.assert_in_step()
        assert gone <= kept(siege)


async def test_a_message_larger_than_a_file_may_be_is_put_aside_and_the_others_come(tmp_path):
    async with besieged(tmp_path, peaceful(CAPABILITIES)) as siege:
        (await siege.sync()).assert_clean()
        siege.server.inbox.put(big(10, 3 * MIB))
        siege.server.inbox.put(mail(11))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))
        try:
            sailed = await siege.sync()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        [failed] = sailed.of(MessageFailed)
        assert sailed.code == 3 and "File too large" in failed.reason
        assert digest(mail(11)) in siege.on_disk()
        assert os.listdir(siege.folder() / "tmp") == []
        assert (await siege.sync(RunOptions(retry=True))).code == 0
        siege.assert_in_step()


async def test_the_quarantine_may_be_removed_at_any_time(tmp_path):
    async with besieged(tmp_path, peaceful(CAPABILITIES)) as siege:
        siege.config = replace(siege.config, limits=None)
        (await siege.sync()).assert_clean()
        for uid in (1, 2):
            siege.server.inbox.drop(uid)
            assert (await siege.sync()).code == 0
            assert kept(siege) == {digest(mail(uid - 1))}
            shutil.rmtree(siege.state / "quarantine")
