"""How long failures are waited out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.service.staying.backoff import Backoff


def backoff(chance: float = 0.0) -> Backoff:
    return Backoff(1, 300, 60, lambda: chance)


def test_each_failure_waits_twice_as_long_up_to_the_longest():
    failing = backoff()
    assert [failing.failed(0) for _ in range(12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_chance_shortens_a_wait_by_half_at_most():
    assert backoff(0.0).failed(10) == 11
    assert backoff(1.0).failed(10) == 10.5


def test_a_minute_without_a_failure_begins_anew():
    failing = backoff()
    for _ in range(5):
        failing.failed(0)
    failing.succeeded(100)
    failing.succeeded(159)
    assert failing.failed(160) == 161


def test_a_success_that_does_not_last_changes_nothing():
    failing = backoff()
    assert [failing.failed(0), failing.failed(0)] == [1, 2]
    failing.succeeded(100)
    assert failing.failed(159) == 163
    failing.succeeded(200)
    assert failing.failed(259) == 267, "what was well before the last failure does not count"


def test_a_change_of_the_world_begins_anew():
    failing = backoff()
    for _ in range(9):
        failing.failed(0)
    failing.forget()
    assert failing.failed(0) == 1


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=200), st.floats(0, 1))
def test_no_wait_is_longer_than_the_longest_or_shorter_than_half_the_first(steps, chance):
    failing, now = backoff(chance), 0.0
    for fails, passed in steps:
        now += passed
        if fails:
            assert 0.5 - 1e-6 <= failing.failed(now) - now <= 300 + 1e-6
        else:
            failing.succeeded(now)


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_weeks_of_failures_do_no_harm(count):
    failing = backoff()
    for _ in range(count):
        assert failing.failed(0) <= 300
