"""The program as people have it on a laptop all day: in a process of its own, over a line with a delay, one or two accounts.

Times are judged by what passed on the wire: round trips, told apart by a delay that is long beside all else.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.real.staying import Staying, configure
from tests.real.voyage import Voyage, message
from tests.servers.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.real

DELAY = 0.1
"""Seconds each way."""
PATIENCE = 15.0
LOOK = 0.002
MUTATING = ("UID STORE", "UID MOVE", "APPEND", "UID EXPUNGE")


class Desk:
    """A voyage on whose Maildir a Postboat stays."""

    def __init__(self, voyage: Voyage, wire: Recorder, config: Path) -> None:
        self.voyage, self.wire, self.config = voyage, wire, config

    async def until(self, true: Callable[[], bool]) -> float:
        """Wait for something to be so; returns the seconds it took."""
        began = time.monotonic()
        while not await asyncio.to_thread(true):
            assert time.monotonic() - began < PATIENCE, "it does not come to be so"
            await asyncio.sleep(LOOK)
        return time.monotonic() - began

    async def in_step(self) -> float:
        """Wait until both sides hold the same."""
        return await self.until(lambda: self.voyage.on_disk() == self.voyage.on_server())

    def trips(self) -> dict[int, int]:
        """Round trips of each connection so far."""
        return {number: each.round_trips for number, each in enumerate(self.wire.connections)}

    def said(self, before: dict[int, int]) -> list[list[list[str]]]:
        """What each connection said since then, flight by flight."""
        return [each.flights[before.get(number, 0) :] for number, each in enumerate(self.wire.connections)]

    def since(self, before: dict[int, int]) -> int:
        """Round trips of the connection that had most since then."""
        return max(count - before.get(number, 0) for number, count in self.trips().items())


@pytest.fixture
async def desk(tmp_path, dovecot) -> AsyncIterator[Desk]:
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.create("Archive")
    voyage.deliver(*map(message, range(6)))
    async with Recorder(voyage.account.host, voyage.account.port) as wire:
        yield Desk(voyage, wire, _configured(tmp_path, voyage, wire))


def _configured(home: Path, voyage: Voyage, wire: Recorder, **options: str) -> Path:
    account = voyage.account
    return configure(home, wire.host, wire.port, account.user, account.password, **options)


async def rested(postboat: Staying) -> None:
    """Wait until all is watched and in step."""
    for name in ("ServerWatched", "DiskWatched", "AccountRests"):
        await postboat.wait_for(name)


async def test_new_mail_is_on_disk_two_round_trips_after_the_servers_word(desk):
    async with await Staying.start(desk.config) as postboat:
        await rested(postboat)
        desk.wire.delay, before = DELAY, desk.trips()
        await asyncio.to_thread(desk.voyage.deliver, message(100))
        await desk.until(lambda: len(desk.voyage.files()) == 7)
        assert desk.since(before) <= 2


@pytest.mark.parametrize(("deed", "trips"), [("flag", 3), ("remove", 3), ("move", 4), ("add", 3)])
async def test_what_is_done_on_disk_is_on_the_server_some_round_trips_later(desk, deed, trips):
    """The last of them only begins: the server has it half a round trip before."""
    async with await Staying.start(desk.config) as postboat:
        await rested(postboat)
        desk.wire.delay, before = DELAY, desk.trips()
        file = desk.voyage.files()[0]
        unique = file.name.partition(":")[0]
        if deed == "flag":
            file.rename(file.parent.parent / "cur" / f"{unique}:2,F")
        elif deed == "remove":
            file.unlink()
        elif deed == "move":
            file.rename(desk.voyage.folder("Archive") / "cur" / f"{unique}:2,")
        else:
            desk.voyage.drop(message(200), flags="S")
        on_server = desk.voyage.on_server()
        await desk.until(lambda: desk.voyage.on_server() != on_server)
        assert desk.since(before) <= trips, desk.said(before)
        desk.wire.delay = 0.0
        await desk.in_step()


async def test_push_and_work_share_the_only_connection(tmp_path, desk):
    config = _configured(tmp_path, desk.voyage, desk.wire, remote="holdconnectionopen = true\nmaxconnections = 1")
    async with await Staying.start(config) as postboat:
        await rested(postboat)
        for number in (300, 301):
            await asyncio.to_thread(desk.voyage.deliver, message(number))
            await desk.in_step()
            desk.voyage.drop(message(number + 50), f"{number}.local")
            await desk.in_step()
        assert desk.wire.most == 1
        assert await postboat.stop() == 128 + signal.SIGTERM


async def test_an_account_that_may_not_sign_in_waits_and_the_other_goes_on(tmp_path, desk):
    text = desk.config.read_text()
    second = (
        text.partition("[account.Test]")[2]
        .replace("[repository.", "[repository.Other")
        .replace('repository = "', 'repository = "Other')
    )
    second = second.replace("mail-Test", "mail-Other").replace(f'"{desk.voyage.account.password}"', '"wrong"')
    text = text.replace('["Test"]', '["Other", "Test"]')
    desk.config.write_text(f"{text}\n[account.Other]{second}")
    async with await Staying.start(desk.config) as postboat:
        waits = await postboat.wait_for("AccountWaits")
        assert (waits["account"], waits["exit_code"]) == ("Other", 5)
        await rested(postboat)
        await asyncio.to_thread(desk.voyage.deliver, message(400))
        await desk.in_step()
        assert len(postboat.of("AccountWaits")) == 1


async def test_it_ends_in_time_though_the_server_says_nothing_any_more(desk):
    async with await Staying.start(desk.config) as postboat:
        await rested(postboat)
        desk.wire.stall()
        desk.voyage.drop(message(500))
        await postboat.wait_for("FolderStarted", len(postboat.events) - 1)
        began = time.monotonic()
        assert await postboat.stop() == 128 + signal.SIGTERM
        assert time.monotonic() - began < 5
        desk.wire.resume()


async def test_one_that_was_killed_leaves_nothing_that_hinders_the_next(desk):
    async with await Staying.start(desk.config) as postboat:
        await rested(postboat)
        await asyncio.to_thread(desk.voyage.deliver, *map(message, range(600, 640)))
        await postboat.wait_for("AccountStarted", len(postboat.events))
        postboat.signal(signal.SIGKILL)
        assert await postboat.ended() == -signal.SIGKILL
    async with await Staying.start(desk.config) as postboat:
        await rested(postboat)
        await desk.in_step()
        assert await postboat.stop() == 128 + signal.SIGTERM
    assert len(desk.voyage.files()) == 46


async def test_a_program_that_was_stopped_for_a_moment_hears_all_that_happened_meanwhile(desk):
    async with await Staying.start(desk.config) as postboat:
        await rested(postboat)
        postboat.signal(signal.SIGSTOP)
        await asyncio.to_thread(desk.voyage.deliver, message(700))
        desk.voyage.drop(message(701))
        desk.voyage.files()[0].unlink()
        postboat.signal(signal.SIGCONT)
        assert await desk.in_step() < 3
