"""Lines cut, servers gone or mute, disks full, ledgers spoiled: told in a sentence, and made good by the next run."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import re
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.real.mixed import (
    Census,
    assert_agreed,
    assert_recovers,
    change,
    prepare,
    reasons,
    sync_while,
)
from tests.real.program import OBEDIENT, finished, run_program, start
from tests.real.voyage import Voyage, digest, digests, message
from tests.servers.dovecot import DovecotServer
from tests.servers.process import free_port
from tests.servers.proxy import LineOver, Proxy

from postboat.config.schema import PasswordSources, Secret
from postboat.events import FolderFailed, FolderPlanned, MessageFailed, MessagesAside, PlanHeld
from postboat.maildir import writer
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

CUTS = int(os.environ.get("POSTBOAT_CUTS", "8"))
NO_UIDPLUS = "IMAP4rev1 LITERAL+ ID NAMESPACE SPECIAL-USE"
QUOTA = """
protocol imap {
  mail_plugins = $mail_plugins quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=100K
}
"""


@pytest.fixture
def voyage(dovecot, tmp_path) -> Voyage:
    return Voyage(tmp_path, dovecot.account())


@pytest.fixture
async def proxy(voyage) -> Iterator[Proxy]:
    """A line to the server, which the voyage takes, on one connection."""
    async with Proxy(voyage.account.host, voyage.account.port) as line:
        voyage.vary(remoteport=line.port, maxconnections=1)
        yield line


def ashore(voyage: Voyage) -> Voyage:
    """The same voyage on the undisturbed line."""
    voyage.vary(remoteport=voyage.account.port)
    return voyage


def planned(folder: str):
    return lambda event: isinstance(event, FolderPlanned) and event.folder == folder


# ---- the line ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def unharmed(dovecot, tmp_path_factory) -> tuple[Census, int, int]:
    """What a mixed voyage comes to, and how many octets go down and up on its one connection."""

    async def sail() -> tuple[Census, int, int]:
        voyage = Voyage(tmp_path_factory.mktemp("unharmed"), dovecot.account(), maxconnections=1)
        await prepare(voyage)
        change(voyage)
        async with Proxy(voyage.account.host, voyage.account.port) as proxy:
            voyage.vary(remoteport=proxy.port)
            (await voyage.sync()).assert_clean()
            return assert_agreed(voyage), proxy.bytes_down, proxy.bytes_up

    return asyncio.run(sail())


@pytest.mark.usefixtures("soon_dealt_with")
@pytest.mark.parametrize("part", range(CUTS))
@pytest.mark.parametrize("direction", ["down", "up"])
async def test_a_line_cut_anywhere_loses_nothing_and_doubles_nothing(voyage, proxy, unharmed, dovecot, direction, part):
    outcome, down, up = unharmed
    await prepare(ashore(voyage))
    change(voyage)
    voyage.vary(remoteport=proxy.port)
    setattr(proxy, f"cut_after_{direction}", place_of_cut(part, down if direction == "down" else up))
    cut = await voyage.sync()
    assert cut.code in (0, 3, 4), cut.events
    assert cut.code == 0 or "connection" in reasons(cut) or "server closed" in reasons(cut), reasons(cut)
    await assert_recovers(ashore(voyage), outcome)


def place_of_cut(part: int, octets: int) -> int:
    """Always the same octet in one of `CUTS` parts: half of them among the talk at both ends, half anywhere."""
    chance = random.Random(part)
    if part % 2:
        return int(octets * (part + chance.random()) / CUTS) + 1
    talk = min(octets // 2, 6000)
    near = int(talk * (part + chance.random()) / CUTS) + 1
    return near if part % 4 else octets - near


@pytest.mark.parametrize("seed", range(max(2, CUTS // 4)))
async def test_lines_torn_again_and_again_lose_nothing_and_double_nothing(voyage, unharmed, seed):
    """All of several connections are reset at once, whatever each of them does, for as long as runs go on."""
    chance = random.Random(seed)
    await prepare(voyage)
    change(voyage)
    async with Proxy(voyage.account.host, voyage.account.port) as proxy:
        voyage.vary(remoteport=proxy.port, maxconnections=3)
        tearing = asyncio.create_task(tear(proxy, chance))
        for _ in range(6):
            torn = await voyage.sync()
            assert torn.code in (0, 3, 4) and "internal" not in reasons(torn), torn.events
        tearing.cancel()
    await assert_recovers(ashore(voyage), unharmed[0])


async def tear(proxy: Proxy, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.02, 0.2))
        proxy.cut()


class Poisonous(Proxy):
    """Ends a connection over which messages of a folder that is called poison are asked for."""

    on = False

    async def _take(self, source: Any, line: Any, note: Any = lambda _: None) -> None:
        await super()._take(Tasted(self, source) if self.on else source, line, note)


class Tasted:
    """What one end sends, until that asks for poison."""

    def __init__(self, proxy: Poisonous, source: Any) -> None:
        self._proxy, self._source = proxy, source

    async def read(self, octets: int) -> bytes:
        data: bytes = await self._source.read(octets)
        if re.search(rb'SELECT "?Poison"?[^\r]*\r\n\S+ UID FETCH [^\r]*BODY', data):
            raise LineOver
        return data


@pytest.mark.parametrize("connections", [1, 2])
async def test_a_folder_that_breaks_every_connection_keeps_no_other_from_its_mail(voyage, connections):
    """The server's process dies of a damaged mailbox, and with it ends what others read over the same connection."""
    healthy = ["INBOX", *(f"Folder {number}" for number in range(6))]
    voyage.create("Poison", *healthy[1:])
    voyage.vary(maxconnections=connections)
    (await voyage.sync()).assert_clean()
    for folder in ("Poison", *healthy):
        voyage.deliver(message(1), message(2), folder=folder)
    async with Poisonous(voyage.account.host, voyage.account.port, delay=0.01) as line:
        line.on = True
        voyage.vary(remoteport=line.port)
        broken = await voyage.sync()
    assert broken.code == 3
    assert {event.folder for event in (*broken.of(MessageFailed), *broken.of(FolderFailed))} == {"Poison"}
    assert all(len(voyage.files(folder)) == 2 for folder in healthy)
    (await ashore(voyage).sync()).assert_clean()
    voyage.assert_same("Poison", *healthy)


class LosesAnswers(Proxy):
    """Cuts the line when the server says that it stored a message."""

    async def _hand_on(self, line: Any, *others: Any, up: bool) -> None:
        await super()._hand_on(line if up else UntilStored(line), *others, up=up)


class UntilStored:
    """What comes from the server, until it has stored something."""

    def __init__(self, line: Any) -> None:
        self._line = line

    async def get(self) -> tuple[float, bytes]:
        due, data = await self._line.get()
        if b"Append completed" in data:
            raise LineOver
        return due, data


@pytest.mark.parametrize("capability", [None, NO_UIDPLUS])
async def test_messages_stored_whose_answers_are_lost_are_not_stored_twice(tmp_path, capability):
    with DovecotServer(capability=capability) as server:
        voyage = Voyage(tmp_path, server.account(), maxconnections=1)
        await voyage.sync()
        sent = [message(1), message(1), message(2), message(3, size=2 << 20)]
        for number, each in enumerate(sent):
            voyage.drop(each, str(number))
        async with LosesAnswers(voyage.account.host, voyage.account.port) as proxy:
            voyage.vary(remoteport=proxy.port)
            cut = await voyage.sync()
        assert proxy.total >= 2 and cut.code in (0, 3)
        (await ashore(voyage).sync()).assert_clean()
        found = assert_agreed(voyage, "INBOX")["INBOX"]["server"]
        assert sorted(found.values()) == [1, 1, 2]
        assert (await voyage.sync()).done.changes == 0


class LosesMessages(Proxy):
    """Cuts the line for good when a message is sent, and calls back."""

    async def _hand_on(self, line: Any, *others: Any, up: bool) -> None:
        await super()._hand_on(UntilSent(line, self.once_cut) if up else line, *others, up=up)

    once_cut: Any = None


class UntilSent:
    """What goes to the server, until that is a message."""

    def __init__(self, line: Any, once_cut: Any) -> None:
        self._line, self._once_cut = line, once_cut

    async def get(self) -> tuple[float, bytes]:
        due, data = await self._line.get()
        if b"APPEND" in data:
            self._once_cut()
            raise LineOver
        return due, data


async def test_a_message_that_the_server_stores_long_after_the_line_was_cut_is_not_stored_twice(voyage):
    """A server may be at work on what a broken connection had sent while the next one already looks for it."""
    await voyage.sync()
    file = voyage.drop(message(1), "late")
    os.utime(file, (1_000_000_000, 1_000_000_000))

    def arrive() -> None:
        voyage.deliver(message(1), date='"09-Sep-2001 01:46:40 +0000"')

    async with LosesMessages(voyage.account.host, voyage.account.port) as proxy:
        proxy.once_cut = lambda: asyncio.get_running_loop().call_later(0.4, arrive)
        voyage.vary(remoteport=proxy.port, maxconnections=1)
        (await voyage.sync()).assert_clean()
        assert proxy.total == 2
    assert sum(assert_agreed(voyage, "INBOX")["INBOX"]["server"].values()) == 1
    assert (await ashore(voyage).sync()).done.changes == 0


# ---- the server -------------------------------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_told(voyage):
    voyage.vary(remoteport=free_port())
    done = await asyncio.to_thread(run_program, voyage)
    assert done.returncode == 4
    assert "refused" in done.stderr + done.stdout and "Traceback" not in done.stderr


async def test_a_server_that_restarts_in_the_middle_is_found_again(tmp_path):
    with DovecotServer() as server:
        voyage = Voyage(tmp_path, server.account())
        await prepare(voyage)
        change(voyage)
        interrupted = await sync_while(voyage, planned("INBOX"), server.restart)
        assert interrupted.code in (0, 3, 4), interrupted.events
        (await voyage.sync()).assert_clean()
        assert_agreed(voyage)
        assert (await voyage.sync()).done.changes == 0


async def test_a_server_that_falls_silent_is_given_up(voyage, proxy, unharmed):
    await prepare(ashore(voyage))
    change(voyage)
    voyage.vary(remoteport=proxy.port, timeout=0.5)
    async with asyncio.timeout(10):
        given_up = await sync_while(voyage, planned("INBOX"), proxy.stall)
    assert given_up.code in (3, 4) and "0.5 s" in reasons(given_up)
    proxy.resume()
    voyage.vary(timeout=20)
    await assert_recovers(ashore(voyage), unharmed[0])


async def test_a_server_that_never_greets_is_given_up(voyage, proxy):
    proxy.stall()
    voyage.vary(timeout=0.5)
    async with asyncio.timeout(5):
        given_up = await voyage.sync()
    assert given_up.code == 4 and "greeting" in reasons(given_up)


async def test_a_run_that_waits_for_a_silent_server_ends_when_it_is_told_to(voyage, proxy, unharmed):
    await prepare(ashore(voyage))
    change(voyage)
    voyage.vary(remoteport=proxy.port)
    process = start(voyage)
    while proxy.bytes_up < 100_000:  # in the middle of the large message
        await asyncio.sleep(0.002)
    proxy.stall()
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    done = await asyncio.to_thread(finished, process)
    assert time.monotonic() - began < 5
    assert done.returncode == 128 + signal.SIGTERM and "stopped by SIGTERM" in done.stderr
    assert "Traceback" not in done.stderr
    proxy.cut()
    proxy.resume()
    await assert_recovers(ashore(voyage), unharmed[0])


async def test_a_wrong_password_is_tried_once(tmp_path):
    with DovecotServer() as server:
        account = server.account()
        voyage = Voyage(tmp_path, account, password=PasswordSources(remotepass=Secret("0815-mistyped")))
        done = await asyncio.to_thread(run_program, voyage)
        assert done.returncode == 5 and "Traceback" not in done.stderr
        assert "0815-mistyped" not in done.stderr + done.stdout
        failed = [line for line in server.log().splitlines() if "auth failed" in line]
        assert len(failed) == 1 and "1 attempts" in failed[0], failed


async def test_a_message_beyond_the_quota_is_set_aside_and_the_rest_goes_on(tmp_path):
    with DovecotServer(extra=QUOTA) as server:
        voyage = Voyage(tmp_path, server.account())
        voyage.deliver(message(1), message(2))
        await voyage.sync()
        voyage.drop(message(3), "small.1")
        large = voyage.drop(message(4, size=200_000), "large.1")
        voyage.drop(message(5), "small.2")
        voyage.file_of(message(1)).unlink()
        voyage.deliver(message(6))
        for kind in (MessageFailed, MessagesAside):
            full = await voyage.sync()
            assert full.code == 3
            [failure] = full.of(kind)
            assert "quota" in failure.reason.lower()
            assert voyage.on_server().keys() == digests([message(n) for n in (2, 3, 5, 6)])
            assert voyage.on_disk().keys() == digests([*(message(n) for n in (2, 3, 5, 6)), message(4, size=200_000)])
        large.unlink()
        (await voyage.sync()).assert_clean()
        assert_agreed(voyage, "INBOX")


@pytest.mark.parametrize("fate", ["deleted", "renamed"])
async def test_a_folder_that_goes_away_on_the_server_in_the_middle_keeps_its_mail_on_disk(voyage, fate):
    voyage.create("Archive")
    voyage.deliver(message(1), folder="Archive")
    await voyage.sync()
    voyage.deliver(message(2), folder="Archive")
    voyage.drop(message(3), folder="Archive")
    voyage.deliver(message(4))

    def act() -> None:
        with voyage.phone() as phone:
            assert (phone.delete("Archive") if fate == "deleted" else phone.rename("Archive", "Renamed"))[0] == "OK"

    sailed = await sync_while(voyage, planned("Archive"), act)
    assert sailed.code in (0, 3), sailed.events
    assert "internal" not in reasons(sailed)
    assert_agreed(voyage, "INBOX")
    again = await voyage.sync()
    assert again.code == 6, "it waits for the user's word"
    assert [event.folder for event in again.of(PlanHeld)] == ["Archive"]
    assert {digest(message(1)), digest(message(3))} <= voyage.on_disk("Archive").keys()
    if fate == "renamed":
        assert {digest(message(1)), digest(message(2))} <= voyage.on_disk("Renamed").keys()
    assert (await voyage.sync()).done.changes == 0


async def test_a_uidvalidity_that_changes_in_the_middle_mixes_nothing_up(voyage, dovecot):
    voyage.deliver(*map(message, range(6)))
    await voyage.sync()
    voyage.drop(message(10), "up")
    voyage.deliver(message(11))
    voyage.file_of(message(1)).unlink()

    def act() -> None:
        dovecot.doveadm("mailbox", "update", "-u", voyage.account.user, "--uid-validity", "777777", "INBOX")

    sailed = await sync_while(voyage, planned("INBOX"), act)
    assert sailed.code in (0, 3), sailed.events
    (await voyage.sync()).assert_clean()
    found = assert_agreed(voyage, "INBOX")["INBOX"]["server"]
    assert set(found.values()) == {1}
    kept = digests(message(n) for n in (0, 2, 3, 4, 5, 10, 11))
    assert kept <= {key for key, _ in found}
    assert (await voyage.sync()).done.changes == 0


# ---- the disk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [1, 4])
async def test_a_full_disk_is_told_and_leaves_nothing_half_written(voyage, monkeypatch, unharmed, nth):
    await prepare(voyage)
    change(voyage)
    real, calls = os.write, iter(range(1, 10_000))

    def write(fd: int, data: bytes) -> int:
        if str(voyage.mail) in os.readlink(f"/proc/self/fd/{fd}") and next(calls) >= nth:
            real(fd, bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        full = await voyage.sync()
    assert full.code == 3 and "the disk is full" in reasons(full)
    assert not list(voyage.mail.rglob("tmp/*"))
    await assert_recovers(voyage, unharmed[0])


async def test_a_disk_that_gets_full_under_a_large_message_is_told(voyage, monkeypatch, unharmed):
    await prepare(voyage)
    change(voyage)

    async def pour(file: Any, chunks: Any) -> int:
        async for chunk in chunks:
            await file.write(chunk[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_pour", pour)
        full = await voyage.sync()
    assert full.code == 3 and "the disk is full" in reasons(full)
    assert not list(voyage.mail.rglob("tmp/*"))
    await assert_recovers(voyage, unharmed[0])


@pytest.mark.parametrize("pages", [1, 2, 3, 5])
async def test_a_disk_too_full_for_the_ledger_stops_the_account(voyage, monkeypatch, unharmed, pages):
    """SQLite may use a few pages more than the ledger has."""
    await prepare(voyage)
    change(voyage)
    for number in range(300, 500):
        voyage.drop(message(number), f"{number}.{'long' * 40}.disk", folder="Archive")
    connect = sqlite3.connect

    def connect_to_small_disk(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {used + pages}")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", connect_to_small_disk)
        full = await voyage.sync()
    assert full.code == 3 and "the disk is full" in reasons(full), full.events
    (await voyage.sync()).assert_clean()
    found = assert_agreed(voyage)
    assert found["INBOX"] == unharmed[0]["INBOX"]
    assert len(found["Archive"]["server"]) == len(unharmed[0]["Archive"]["server"]) + 200
    assert (await voyage.sync()).done.changes == 0


async def test_a_maildir_that_may_not_be_written_is_told(voyage):
    voyage.deliver(message(1))
    await voyage.sync()
    voyage.deliver(message(2))
    voyage.drop(message(3))
    parts = [voyage.folder() / part for part in ("cur", "new", "tmp")]
    for part in parts:
        part.chmod(0o500)
    try:
        refused = await asyncio.to_thread(run_program, voyage, under=OBEDIENT)
    finally:
        for part in parts:
            part.chmod(0o700)
    assert refused.returncode == 3, refused
    assert "ermission denied" in refused.stdout + refused.stderr and "Traceback" not in refused.stderr
    (await voyage.sync()).assert_clean()
    found = assert_agreed(voyage, "INBOX")["INBOX"]["server"]
    assert sorted(found.values()) == [1, 1, 1]


async def test_a_message_that_may_not_be_read_is_set_aside_and_the_rest_goes_on(voyage):
    await voyage.sync()
    secret = voyage.drop(message(1), "secret")
    voyage.drop(message(2), "open")
    secret.chmod(0)
    refused = await asyncio.to_thread(run_program, voyage, under=OBEDIENT)
    assert refused.returncode == 3, refused
    assert "Traceback" not in refused.stderr
    assert voyage.on_server().keys() == digests([message(2)])
    secret.chmod(0o600)
    (await voyage.sync(RunOptions(retry=True))).assert_clean()
    assert_agreed(voyage, "INBOX")


# ---- the ledger -------------------------------------------------------------------------------------------------


async def test_a_second_run_at_once_is_refused_or_waits(voyage, proxy):
    await prepare(ashore(voyage))
    change(voyage)
    voyage.vary(remoteport=proxy.port)
    first = start(voyage)
    while proxy.bytes_up < 10_000:
        await asyncio.sleep(0.002)
    proxy.stall()
    second = await asyncio.to_thread(run_program, voyage)
    assert second.returncode == 7 and f"process {first.pid}" in second.stderr + second.stdout, second
    waiting = start(voyage, "--wait")
    await asyncio.sleep(0.5)
    assert waiting.poll() is None
    proxy.resume()
    for process in (first, waiting):
        done = await asyncio.to_thread(finished, process)
        assert done.returncode == 0, done
    assert_agreed(voyage)
