"""One soak: fault after fault, and after each of them both sides in step again, in time, with nothing left behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.soak.faults import FAULTS, lasting
from tests.soak.holdings import holdings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.soak.holdings import Holdings
    from tests.soak.scene import Scene
    from tests.soak.vessel import Vessel

IN_STEP = 20.0
"""Seconds in which both sides must come to agree on a machine that may be busy; what is usual is told at the end."""
LOOK = 0.05
MOMENTS = 10
CALM = 0.3
"""Seconds of soundness between two faults, at most."""


@dataclass
class Log:
    """How long it took to be in step again, by fault."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{'fault':28}{'times':>6}{'median':>9}{'longest':>9}"]
        for name, taken in sorted(self.seconds.items()):
            ordered = sorted(taken)
            lines.append(f"{name:28}{len(taken):6}{ordered[len(ordered) // 2]:8.2f}s{ordered[-1]:8.2f}s")
        return "\n".join(lines)


async def soak(scene: Scene, vessel: Vessel, count: int, names: Sequence[str] = (), longest: float = 1.2) -> Log:
    """Do `count` faults of up to `longest` seconds to a vessel under way, of those named or all that can be had here."""
    log = Log()
    lacking = scene.server.lacks if scene.disks else scene.server.lacks | {"disk_full"}
    possible = [name for name in names or FAULTS if name not in lacking]
    await in_step(scene, vessel)
    calm = await at_rest(scene)
    for number in range(count):
        # All of them come in each round, so that a short soak has seen most of them.
        if number % len(possible) == 0:
            scene.dice.shuffle(possible)
        name = possible[number % len(possible)]
        scene.neighbours.note(f"--- {name}")
        async with FAULTS[name](scene, vessel):
            await lasting(scene, longest)
        scene.neighbours.note(f"--- over: {name}")
        await scene.do(scene.neighbours.write)
        taken = await in_step(scene, vessel)
        log.seconds.setdefault(name, []).append(taken)
        scene.line.bury()
        await nothing_more_than(scene, calm)
        await lasting(scene, CALM)
    return log


async def in_step(scene: Scene, vessel: Vessel) -> float:
    """Wait until both sides agree; return the seconds it took. Nobody else does anything meanwhile."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while left := await scene.do(scene.neighbours.difference):
        assert not vessel.defects, vessel.defects
        if loop.time() - began > IN_STEP:
            raise AssertionError(f"not in step after {IN_STEP:g} s: {left}\n{_story(scene, vessel)}")
        await asyncio.sleep(LOOK)
    taken = loop.time() - began
    await scene.do(scene.neighbours.assert_none_lost_or_doubled)
    return taken


def _story(scene: Scene, vessel: Vessel) -> str:
    """What happened last, in order."""
    told = [f"{moment:.3f}   {event}" for moment, event in vessel.events]
    done = scene.neighbours.journal[-60:]
    return "\n".join(sorted([*told[-100:], *done]))


async def at_rest(scene: Scene) -> Holdings:
    """What is held when everything that was to be done is done: the least of some moments."""
    found = holdings(scene)
    for _ in range(MOMENTS):
        await asyncio.sleep(LOOK)
        now = holdings(scene)
        found = found if now.beyond(found) else now
    return found


async def nothing_more_than(scene: Scene, calm: Holdings) -> None:
    """Wait until no more is held than before, anywhere."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while more := holdings(scene).beyond(calm) or await _too_many_connections(scene):
        assert loop.time() - began < IN_STEP, f"left behind: {more}"
        await asyncio.sleep(LOOK)


async def _too_many_connections(scene: Scene) -> str:
    """What is said of connections if there are more than there may be, here or on the server."""
    most = scene.neighbours.voyage.config.remote.maxconnections
    there = await scene.do(scene.server.connections, scene.user) - scene.neighbours.is_calling
    return f"connections: {scene.line.now}, on the server {there}" if max(there, scene.line.now) > most else ""
