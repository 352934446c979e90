"""What a real sync lets be seen of its connections."""

from __future__ import annotations

import asyncio

import pytest
from tests.real.voyage import Voyage, message

from postboat.events import ConnectionsSeen, FolderScanned, Light
from postboat.service import lights as module
from postboat.service.bus import Bus
from postboat.service.run_options import RunOptions
from postboat.service.supervisor import run

pytestmark = pytest.mark.real


async def test_a_sync_shows_what_its_connections_do(tmp_path, dovecot, monkeypatch):
    monkeypatch.setattr(module, "QUICK", 0.002)
    voyage = Voyage(tmp_path, dovecot.account(), maxconnections=2)
    voyage.create("Entwürfe")
    voyage.deliver(*(message(number, size=100_000) for number in range(60)), folder="Entwürfe")
    bus = Bus()

    async def looks() -> list[ConnectionsSeen]:
        return [event async for event in bus.subscribe(lights=True) if isinstance(event, ConnectionsSeen)]

    looking = asyncio.create_task(looks())
    await asyncio.sleep(0)
    assert await run(voyage.whole, RunOptions(), bus.publish, None, bus.watch) == 0
    bus.close()
    seen = await looking
    told = {light for event in seen for light in event.lights}
    assert {Light("connecting"), Light("copying", "Entwürfe")} <= told
    assert seen[-1].lights == ()
    assert seen[-1].received > 60 * 100_000 > seen[-1].sent > 0
    assert [event.received for event in seen] == sorted(event.received for event in seen)


async def test_long_looks_at_both_sides_are_told_of(tmp_path, dovecot, monkeypatch):
    """As if all looks were long: what is new on both sides is listed, and matched by what it holds."""
    for bound in ("LONG", "EVERY", "OVER"):
        monkeypatch.setattr(f"postboat.service.scans.{bound}", 0.0)
    voyage = Voyage(tmp_path, dovecot.account())
    messages = [message(number) for number in range(600)]
    voyage.deliver(*messages)
    for number, each in enumerate(messages):
        voyage.drop(each, f"local.{number}", flags="")
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert sailed.done.adopted == 600
    told = [(event.side, event.done, event.of) for event in sailed.of(FolderScanned)]
    assert {("remote", 256, 600), ("remote", 512, 600), ("local", 0, 600), ("local", 512, 600)} <= set(told)
    names = [type(event).__name__ for event in sailed.events]
    assert "FolderScanned" not in names[names.index("FolderPlanned") :]
