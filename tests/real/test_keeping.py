"""What a run that goes on makes of failures and of what happens to the machine in the middle of things."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.real.kept import Kept, kept
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer
from tests.servers.proxy import Proxy

from postboat.errors import FolderError
from postboat.events import (
    AccountFinished,
    AccountRests,
    AccountWaits,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    PlanHeld,
    ServerWatched,
)
from postboat.imap.session import Session
from postboat.ledger.files import lock_file
from postboat.ledger.lock import lock_account
from postboat.maildir.watch import DiskWatch
from postboat.model import Limits
from postboat.service.staying.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.real

IDLE_ONLY = "IMAP4rev1 ENABLE UIDPLUS CONDSTORE QRESYNC ESEARCH UNSELECT NAMESPACE MOVE IDLE"
MANY = 120


@pytest.fixture
def voyage(tmp_path, dovecot) -> Voyage:
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(message(1))
    return voyage


@pytest.fixture
async def line(voyage) -> AsyncIterator[Proxy]:
    async with Proxy(voyage.account.host, voyage.account.port) as line:
        voyage.vary(remotehost=line.host, remoteport=line.port)
        yield line


async def test_waking_while_it_connects_is_no_failure(voyage, line, monkeypatch):
    line.stall()
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.until(lambda: line.now)
        line.resume()
        postboat.daemon._woke(100.0)
        await postboat.told(AccountRests)
        assert not postboat.of(AccountWaits)
    voyage.assert_same()


async def test_a_folder_that_fails_keeps_no_mail_of_others_waiting(voyage, tmp_path, monkeypatch):
    voyage.create("Odd")
    for part in ("cur", "tmp"):
        (voyage.folder("Odd") / part).mkdir(parents=True)
    (voyage.folder("Odd") / "new").symlink_to(tmp_path)
    async with kept(monkeypatch, [voyage], pace=Pace(first_retry=60)) as postboat:
        await postboat.told(AccountRests)
        assert postboat.of(FolderFailed)
        for number in (2, 3):
            await asyncio.to_thread(voyage.deliver, message(number))
            await asyncio.to_thread(voyage.deliver, message(number), folder="Odd")
            await postboat.until(lambda: voyage.on_disk() == voyage.on_server())
        assert len(postboat.of(FolderFailed)) == 1, "what is heard of it waits for the next attempt"


async def test_many_messages_moved_where_nothing_is_heard_of_are_moved_and_not_held(tmp_path, monkeypatch):
    with DovecotServer(capability=IDLE_ONLY) as server:
        voyage = Voyage(tmp_path, server.account())
        voyage.create("Archive")
        voyage.deliver(*map(message, range(MANY)))
        voyage.config = replace(voyage.config, limits=Limits())
        async with kept(monkeypatch, [voyage]) as postboat:
            await postboat.told(AccountRests)
            with voyage.phone("INBOX") as phone:
                assert phone.uid("MOVE", f"1:{MANY - 5}", "Archive")[0] == "OK"
            await postboat.until(lambda: voyage.on_disk() == voyage.on_server())
            await postboat.until(lambda: sum(told.done.moved for told in postboat.of(AccountFinished)) == MANY - 5)
            assert not postboat.of(PlanHeld)
        voyage.assert_same("INBOX", "Archive")


async def test_a_message_moved_where_nothing_is_heard_of_is_moved_at_once(tmp_path, monkeypatch):
    with DovecotServer(capability=IDLE_ONLY) as server:
        voyage = Voyage(tmp_path, server.account())
        voyage.create("Archive")
        voyage.deliver(message(1), message(2))
        async with kept(monkeypatch, [voyage]) as postboat:
            await postboat.told(AccountRests)
            number = voyage.file_of(message(1)).stat().st_ino
            with voyage.phone("INBOX") as phone:
                assert phone.uid("MOVE", "1", "Archive")[0] == "OK"
            await postboat.until(lambda: len(voyage.files("Archive")) == 1)
            assert voyage.file_of(message(1), "Archive").stat().st_ino == number, "renamed, and not fetched again"
        voyage.assert_same("INBOX", "Archive")


async def test_many_messages_deleted_are_held_though_only_one_folder_was_heard_of(voyage, monkeypatch):
    voyage.deliver(*map(message, range(2, MANY)))
    voyage.config = replace(voyage.config, limits=Limits())
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(AccountRests)
        with voyage.phone("INBOX") as phone:
            phone.uid("STORE", f"1:{MANY - 5}", "+FLAGS", "(\\Deleted)")
            phone.expunge()
        await postboat.told(PlanHeld)
        voyage.deliver(message(1000))
        await postboat.until(lambda: len(voyage.files()) == MANY)
        assert len({held.count for held in postboat.of(PlanHeld)}) == 1


def varied(postboat: Kept, timeout: float) -> None:
    """Change the configuration that a reload reads."""
    (account,) = postboat.config.accounts
    account = replace(account, remote=replace(account.remote, timeout=timeout))
    postboat.config = replace(postboat.config, accounts=(account,))


def keepers() -> list[asyncio.Task]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("keeper of")]


async def test_of_two_reloads_at_once_the_later_one_counts_and_each_account_is_kept_once(voyage, monkeypatch):
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(AccountRests)
        reloads = []
        for timeout in (21, 22):
            varied(postboat, timeout)
            reloads.append(asyncio.create_task(postboat.daemon.reload()))
            await asyncio.sleep(0)
        await asyncio.gather(*reloads)
        assert len(keepers()) == 1
        assert postboat.daemon._keepers["Test"].parts.config.remote.timeout == 22


async def test_an_account_that_was_paused_is_so_after_a_reload(voyage, monkeypatch):
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(AccountRests)
        postboat.daemon.pause([])
        varied(postboat, 21)
        await postboat.daemon.reload()
        await postboat.until(lambda: [k.parts.config.remote.timeout for k in postboat.daemon._keepers.values()] == [21])
        assert postboat.daemon._keepers["Test"].paused
        assert postboat.daemon.status.accounts["Test"].paused
        postboat.daemon.resume([])
        voyage.deliver(message(2))
        await postboat.until(lambda: len(voyage.files()) == 2)


@pytest.mark.parametrize("finish", [False, True])
async def test_stopped_during_a_reload_it_ends(voyage, monkeypatch, finish):
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(AccountRests)
        varied(postboat, 21)
        reload = asyncio.create_task(postboat.daemon.reload())
        await asyncio.sleep(0)
        postboat.daemon.stop(finish=finish)
        await postboat.ended()
        await reload


async def test_an_account_that_rests_after_a_defect_ends_with_the_others(voyage, monkeypatch):
    async def defective(_self: DiskWatch) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(DiskWatch, "run", defective)
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(AccountWaits)
        postboat.daemon.stop(finish=True)
        await postboat.ended()


async def test_an_account_that_rests_after_a_defect_begins_anew_when_it_is_asked_for(voyage, monkeypatch):
    runs, sound = [], DiskWatch.run

    async def defective_once(self: DiskWatch) -> None:
        runs.append(self)
        if len(runs) == 1:
            raise RuntimeError("a defect")
        await sound(self)

    monkeypatch.setattr(DiskWatch, "run", defective_once)
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(AccountWaits)
        await postboat.until(lambda: postboat.daemon._resting)
        postboat.daemon.now([])
        await postboat.told(AccountRests)
    voyage.assert_same()


async def test_an_account_that_waits_for_its_turn_is_neither_stuck_nor_keeps_the_machine_awake(
    voyage, line, tmp_path, dovecot, monkeypatch
):
    other = Voyage(tmp_path, dovecot.account(), name="Other")
    line.stall()
    async with kept(monkeypatch, [voyage, other], pace=Pace(stuck=0.1), maxsyncaccounts=1) as postboat:
        await postboat.until(lambda: line.now)
        await asyncio.sleep(0.2)
        first, second = (postboat.daemon._keepers[name] for name in ("Test", "Other"))
        assert first.is_stuck and not second.is_stuck
        async with asyncio.timeout(1):
            await second.doze()


async def test_an_account_that_another_run_has_keeps_no_turn_from_the_others(voyage, tmp_path, dovecot, monkeypatch):
    other = Voyage(tmp_path, dovecot.account(), name="Other")
    voyage.state.mkdir(mode=0o700)
    async with kept(monkeypatch, [voyage, other], maxsyncaccounts=1) as postboat:
        async with lock_account(lock_file(voyage.state, "Test"), wait=True):
            await postboat.told(AccountRests)
            assert {told.account for told in postboat.of(AccountFinished)} == {"Other"}
            assert postboat.daemon.is_healthy
        await postboat.told(AccountRests, times=2)


async def test_it_ends_at_once_in_the_middle_of_a_large_message_on_a_line_that_stands_still(voyage, line, monkeypatch):
    voyage.deliver(message(2, size=30_000_000))
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.told(FolderPlanned)
        await postboat.until(lambda: line.bytes_down > 2_000_000)
        line.stall()
        postboat.daemon.stop()
        await postboat.ended()
        assert not postboat.of(FolderFinished)


async def test_a_folder_that_is_made_later_is_watched_from_the_second_look_at_everything_on(tmp_path, monkeypatch):
    with DovecotServer(capability=IDLE_ONLY) as server:
        voyage = Voyage(tmp_path, server.account())
        voyage.vary(idlefolders=("INBOX", "Later"))
        async with kept(monkeypatch, [voyage]) as postboat:
            await postboat.told(AccountRests)
            voyage.create("Later")
            for looks in (2, 3):
                postboat.daemon.now([])
                await postboat.told(AccountFinished, times=looks)
            watched = postboat.of(ServerWatched)
            assert watched[0].folders == ("INBOX",) and set(watched[-1].folders) == {"INBOX", "Later"}
            voyage.deliver(message(1), folder="Later")
            await postboat.until(lambda: voyage.files("Later"))
            connections = len(watched)
            postboat.daemon.now([])
            await postboat.told(AccountFinished, times=5)
            assert len(postboat.of(ServerWatched)) == connections, "what is watched as wanted is left in peace"


async def test_a_folder_that_cannot_be_watched_is_not_tried_again_and_again(tmp_path, monkeypatch):
    async def refuse(session: Session, name: str, **options: bool) -> object:
        if name == "Odd" and options.get("read_only"):
            raise FolderError("not now")
        return await select(session, name, **options)

    select = Session.select
    monkeypatch.setattr(Session, "select", refuse)
    with DovecotServer(capability=IDLE_ONLY) as server:
        voyage = Voyage(tmp_path, server.account())
        voyage.create("Odd", "Work")
        voyage.vary(idlefolders=("INBOX", "Work", "Odd"), maxconnections=5)
        async with kept(monkeypatch, [voyage]) as postboat:
            await postboat.told(AccountRests)
            await asyncio.sleep(1)
            assert len(postboat.of(AccountFinished)) <= 3
            assert set(postboat.of(ServerWatched)[-1].folders) == {"INBOX", "Work"}
