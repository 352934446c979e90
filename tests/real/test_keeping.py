"""What a run that goes on makes of failures and of what happens to the machine in the middle of things."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.real.kept import kept
from tests.real.voyage import Voyage, message
from tests.servers.proxy import Proxy

from postboat.events import AccountRests, AccountWaits, FolderFailed
from postboat.service.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.real


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
