"""What the clocks tell of lost time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.service.machine.clocks import BACKWARD, FORWARD, Clocks, Reading, away

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
