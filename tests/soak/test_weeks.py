"""Weeks in minutes: as many looks at everything as a laptop makes in them, one behind the other, and nothing that grows."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.real.staying import Staying, configure
from tests.real.voyage import Voyage, message
from tests.soak.holdings import holdings
from tests.soak.scene import Scene
from tests.soak.servers import FrailDovecot
from tests.soak.soak import at_rest, in_step
from tests.soak.vessel import Liner

if TYPE_CHECKING:
    from tests.soak.holdings import Holdings

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

CYCLES = int(os.environ.get("POSTBOAT_CYCLES", "100"))
"""10,000 of five minutes each are five weeks."""
SEED = int(os.environ.get("POSTBOAT_SEED", random.randrange(1 << 32)))
AT_ONCE = 0.0001
"""Minutes between two cycles."""
OBJECTS, OCTETS = 1500, 1 << 20
"""What may be more at the end than after a fifth: caches of the tests' own clients, and how memory is handed out."""


def objects() -> int:
    """How many of Python's objects there are in this process."""
    gc.collect()
    return len(gc.get_objects())


async def test_no_task_descriptor_or_object_is_left_behind_in_weeks(tmp_path, monkeypatch, tell):
    async with Scene(tmp_path, random.Random(SEED), FrailDovecot) as scene:
        vessel = Liner(scene, monkeypatch, autorefresh=AT_ONCE)
        await vessel.start()
        await in_step(scene, vessel)
        calm = await at_rest(scene)
        await _go_on(scene, vessel, CYCLES // 5)
        early = objects()
        await _go_on(scene, vessel, CYCLES)
        late = objects()
        await _no_more_than(scene, calm)
        await vessel.stop()
        tell(f"{CYCLES} cycles: {early} objects of Python, and {late} at the end")
    assert late - early < OBJECTS


async def test_nothing_grows_in_weeks(tmp_path, dovecot, tell):
    account = dovecot.account()
    voyage = Voyage(tmp_path, account)
    voyage.deliver(*map(message, range(20)))
    config = configure(tmp_path, account.host, account.port, account.user, account.password, autorefresh=AT_ONCE)
    async with await Staying.start(config) as postboat:
        taken = []
        for cycles in (CYCLES // 5, CYCLES):
            while len(postboat.of("AccountFinished")) < cycles:
                voyage.drop(message(1000 + len(postboat.events)))
                await asyncio.sleep(0.2)
                voyage.files()[0].unlink(missing_ok=True)
            taken.append(resident(postboat.pid))
        tell(f"{CYCLES} cycles: {taken[0] / 1e6:.1f} MB, and {taken[1] / 1e6:.1f} MB at the end")
        assert not postboat.of("AccountWaits")
    assert taken[1] - taken[0] < OCTETS


def resident(pid: int) -> int:
    """Octets of memory that a process has now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def _go_on(scene: Scene, vessel: Liner, cycles: int) -> None:
    """Let it make so many cycles in all, in some of which something is to be done."""
    while vessel.told["AccountFinished"] < cycles:
        told = vessel.told["AccountFinished"]
        await scene.do(scene.neighbours.act)
        while vessel.told["AccountFinished"] < min(told + 20, cycles):
            await asyncio.sleep(0.02)
    await in_step(scene, vessel)


async def _no_more_than(scene: Scene, calm: Holdings) -> None:
    """Every cycle has a moment between it and the next in which only what stays is held."""
    for _ in range(1000):
        if not (more := holdings(scene).beyond(calm)):
            return
        await asyncio.sleep(0.003)
    raise AssertionError(f"left behind: {more}")
