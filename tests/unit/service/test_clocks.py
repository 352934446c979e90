"""What the clocks tell of lost time, and sleeping by the wall."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.service.clocks import BACKWARD, FORWARD, Clocks, Reading, away, sleep_until

BEGIN = Reading(wall=1_800_000_000.0, boot=500.0, monotonic=400.0)
TICK = 2.0


def later(*, ran: float = TICK, suspended: float = 0.0, set_by: float = 0.0) -> Reading:
    """A look after the program ran so long, the machine slept so long, and somebody set the wall clock."""
    passed = ran + suspended
    return Reading(BEGIN.wall + passed + set_by, BEGIN.boot + passed, BEGIN.monotonic + ran)


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (later(), None),
        (later(ran=TICK + FORWARD - 1), None),  # a slow machine
        (later(suspended=FORWARD - 1), None),
        (later(suspended=28_800.0), 28_800.0),
        (later(ran=TICK + 300.0), 300.0),  # SIGSTOP
        (later(suspended=60.0, ran=TICK + 30.0), 90.0),
        (later(set_by=3600.0), 3600.0),  # a virtual machine that was paused shows no other trace
        (later(set_by=-3600.0), 0.0),
        (later(set_by=1 - BACKWARD), None),
        (later(suspended=28_800.0, set_by=-28_800.0), 28_800.0),  # the clock that keeps the time in suspend has stopped
    ],
)
def test_time_is_lost_when_clocks_part_or_a_look_is_late(now, lost):
    assert away(BEGIN, now, TICK) == (None if lost is None else pytest.approx(lost))


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-59, 9))
def test_what_is_told_is_what_passed_without_us(stopped, suspended, set_by):
    lost = away(BEGIN, later(ran=TICK + stopped, suspended=suspended, set_by=set_by), TICK)
    if lost is None:
        assert stopped <= FORWARD + 1e-3 and suspended <= FORWARD + 1e-3
    else:
        assert lost == pytest.approx(stopped + max(suspended, suspended + set_by), abs=1e-2)


def test_looks_shortly_after_one_another_tell_of_nothing():
    clocks = Clocks()
    assert away(clocks.read(), clocks.read(), TICK) is None


class Wall:
    """A wall clock that a test sets, and that notes how often it was read."""

    def __init__(self) -> None:
        self.now, self.looks = 1_800_000_000.0, 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


async def test_sleeping_until_a_moment_that_is_over_takes_no_time():
    wall = Wall()
    async with asyncio.timeout(1):
        await sleep_until(wall.now - 5, wall=wall)
        await sleep_until(wall.now, wall=wall)


async def test_a_sleep_ends_at_the_first_look_after_the_machine_slept_past_its_end():
    wall = Wall()
    sleeping = asyncio.create_task(sleep_until(wall.now + 300, wall=wall, glance=0.01))
    while wall.looks < 3:
        await asyncio.sleep(0.005)
    assert not sleeping.done()
    wall.now += 28_800
    async with asyncio.timeout(1):
        await sleeping


async def test_a_sleep_is_no_longer_than_wanted_though_looks_are_rare():
    began = time.monotonic()
    await sleep_until(time.time() + 0.05, glance=30.0)
    assert 0.03 < time.monotonic() - began < 5
