"""What a run that goes on makes of failures and of what happens to the machine in the middle of things."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.real.kept import kept
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer
from tests.servers.proxy import Proxy

from postboat.events import AccountFinished, AccountRests, AccountWaits, FolderFailed, PlanHeld
from postboat.model import Limits
from postboat.service.pace import Pace

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
