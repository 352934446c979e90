"""Long looks at a folder are told of a few times a second, short ones never."""

from __future__ import annotations

import asyncio
import threading

from postboat.events import FolderScanned
from postboat.model import Side
from postboat.service.scans import Scans


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def begun() -> tuple[Scans, Clock, list[FolderScanned]]:
    told: list[FolderScanned] = []
    clock = Clock()
    return Scans("A", "INBOX", told.append, clock), clock, told


async def look(scans: Scans, side: Side, clock: Clock, seconds: float, many: int = 10_000) -> None:
    """Look at so many messages in so many seconds."""
    hear = scans.of(side)
    for done in range(0, many, 100):
        clock.now += seconds * 100 / many
        hear(done, many)
    await asyncio.sleep(0)


async def test_a_short_look_is_not_told_of() -> None:
    scans, clock, told = begun()
    await look(scans, Side.LOCAL, clock, 0.4)
    assert told == []


async def test_a_long_look_is_told_of_a_few_times_a_second() -> None:
    scans, clock, told = begun()
    await look(scans, Side.LOCAL, clock, 10.0)
    assert 30 <= len(told) <= 40
    assert told == sorted(told, key=lambda event: event.done)
    assert {(event.account, event.folder, event.side, event.of) for event in told} == {("A", "INBOX", "local", 10_000)}


async def test_each_look_is_measured_by_itself() -> None:
    scans, clock, told = begun()
    hear = scans.of(Side.LOCAL)
    for _ in range(50):
        for done in (0, 100, 200):
            clock.now += 0.1
            hear(done, 300)
    await asyncio.sleep(0)
    assert told == []


async def test_looks_at_both_sides_do_not_take_turns() -> None:
    scans, clock, told = begun()
    here, there = scans.of(Side.LOCAL), scans.of(Side.REMOTE)
    for done in range(0, 5000, 10):
        clock.now += 0.01
        here(done, 10_000)
        there(done, 5000)
    clock.now += 1.5
    there(5000, 5000)
    await asyncio.sleep(0)
    assert [event.side for event in told[:-1]] == ["local"] * (len(told) - 1)
    assert told[-1] == FolderScanned("A", "INBOX", "remote", 5000, 5000)


async def test_a_look_in_a_thread_is_told_of_on_the_loop() -> None:
    told: list[tuple[int, int]] = []
    clock = Clock()
    scans = Scans("A", "INBOX", lambda event: told.append((threading.get_ident(), event.done)), clock)
    hear = scans.of(Side.LOCAL)

    def work() -> None:
        for done in (0, 256, 512):
            clock.now += 0.5
            hear(done, 1000)

    await asyncio.to_thread(work)
    assert told == [(threading.get_ident(), 256), (threading.get_ident(), 512)]
