"""Weeks in minutes: as many looks at everything as a laptop makes in them, one behind the other, and nothing that grows."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.soak.holdings import holdings
from tests.soak.scene import Scene
from tests.soak.servers import FrailDovecot
from tests.soak.soak import at_rest, in_step
from tests.soak.vessel import Liner

if TYPE_CHECKING:
    from tests.soak.holdings import Holdings

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

CYCLES = int(os.environ.get("POSTBOAT_CYCLES", "300"))
"""10,000 of five minutes each are five weeks."""
SEED = int(os.environ.get("POSTBOAT_SEED", random.randrange(1 << 32)))
AT_ONCE = 0.0001
"""Minutes between two cycles."""
OBJECTS, OCTETS = 1500, 4 << 20
"""What may be more at the end than after a fifth: caches of the tests' own clients, and how memory is handed out."""


@dataclass(frozen=True)
class Room:
    """What this process takes."""

    objects: int
    octets: int

    @classmethod
    def now(cls) -> Room:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(len(gc.get_objects()), pages * os.sysconf("SC_PAGESIZE"))


async def test_nothing_grows_in_weeks(tmp_path, monkeypatch, capsys):
    async with Scene(tmp_path, random.Random(SEED), FrailDovecot) as scene:
        vessel = Liner(scene, monkeypatch, autorefresh=AT_ONCE)
        await vessel.start()
        await in_step(scene, vessel)
        calm = await at_rest(scene)
        await _go_on(scene, vessel, CYCLES // 5)
        early = Room.now()
        await _go_on(scene, vessel, CYCLES)
        late = Room.now()
        await _no_more_than(scene, calm)
        await vessel.stop()
        with capsys.disabled():
            print(f"\n{CYCLES} cycles: {early} -> {late}, {scene.line.bytes_up} + {scene.line.bytes_down} octets")
    assert late.objects - early.objects < OBJECTS
    assert late.octets - early.octets < OCTETS


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
