"""Quick runs on a server without CONDSTORE: only folders in which messages came or went are opened."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer
from tests.servers.recorder import Recorder

from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.real

PLAIN = "IMAP4rev1 LITERAL+ UIDPLUS IDLE LIST-EXTENDED LIST-STATUS"
QUICK = RunOptions(quick=True)


@pytest.fixture(scope="module")
def plain() -> Iterator[DovecotServer]:
    with DovecotServer(capability=PLAIN) as server:
        yield server


@pytest.fixture
async def wire(plain, tmp_path) -> AsyncIterator[tuple[Voyage, Recorder]]:
    """A voyage in step, two folders of one message each, and what it says from now on."""
    account = plain.account()
    async with Recorder(account.host, account.port) as recorder:
        voyage = Voyage(tmp_path, account, remoteport=recorder.port)
        voyage.create("Archive")
        for folder in ("INBOX", "Archive"):
            voyage.deliver(message(1), folder=folder)
        await voyage.sync()
        await asyncio.to_thread(let_settle, voyage)
        await voyage.sync()
        yield voyage, recorder


def let_settle(voyage: Voyage) -> None:
    """Make the directories look as if nothing had happened in them of late."""
    for folder in ("INBOX", "Archive"):
        for sub in ("new", "cur"):
            os.utime(voyage.folder(folder) / sub, (1e9, 1e9))


async def opened(voyage: Voyage, recorder: Recorder, options: RunOptions) -> list[str]:
    before = len(recorder.commands_sent("SELECT", "EXAMINE"))
    await voyage.sync(options)
    return recorder.commands_sent("SELECT", "EXAMINE")[before:]


async def test_a_quick_run_opens_no_folder_in_which_nothing_came_or_went(wire) -> None:
    voyage, recorder = wire
    assert len(await opened(voyage, recorder, RunOptions())) >= 2
    assert not await opened(voyage, recorder, QUICK)


@pytest.mark.parametrize("change", ["came", "went"])
async def test_what_came_or_went_is_seen_by_a_quick_run(wire, change) -> None:
    voyage, recorder = wire
    if change == "came":
        voyage.deliver(message(2))
    else:
        with voyage.phone("INBOX") as phone:
            phone.store("1", "+FLAGS", "(\\Deleted)")
            phone.expunge()
    assert any("INBOX" in command for command in await opened(voyage, recorder, QUICK))
    assert len(voyage.files("INBOX")) == (2 if change == "came" else 0)


async def test_a_changed_flag_waits_for_a_run_that_is_not_quick(wire) -> None:
    voyage, _ = wire
    with voyage.phone("INBOX") as phone:
        phone.store("1", "+FLAGS", "(\\Flagged)")
    await voyage.sync(QUICK)
    assert not any("F" in name.partition(":2,")[2] for name in map(str, voyage.files("INBOX")))
    await voyage.sync()
    assert all("F" in name.partition(":2,")[2] for name in map(str, voyage.files("INBOX")))


async def test_a_file_that_changed_is_seen_by_a_quick_run(wire) -> None:
    voyage, _ = wire
    (path,) = voyage.files("Archive")
    path.unlink()
    await voyage.sync(QUICK)
    with voyage.phone("Archive") as phone:
        assert phone.search(None, "ALL")[1] == [b""]
