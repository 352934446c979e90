"""Points in time as people say them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from postboat.ui import times

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 2, 3, 14, 5, 30, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.fixture(autouse=True)
def in_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (0, "just now"),
        (59, "just now"),
        (-20, "just now"),
        (61, "1 min ago"),
        (5 * MINUTE, "5 min ago"),
        (59 * MINUTE, "59 min ago"),
        (2 * HOUR, "at 12:05"),
        (15 * HOUR, "yesterday at 23:05"),
        (2 * DAY, "on 1 Feb at 14:05"),
        (40 * DAY, "on 25 Dec 2025 at 14:05"),
        (-DAY, "tomorrow at 14:05"),
    ],
)
def test_what_was(passed: float, told: str) -> None:
    assert times.ago(NOW - passed, NOW) == told


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (-5, "now"),
        (0, "now"),
        (40, "in 40 s"),
        (61, "in 1 min"),
        (5 * MINUTE, "in 5 min"),
        (2 * HOUR, "at 16:05"),
        (DAY, "tomorrow at 14:05"),
    ],
)
def test_what_will_be(left: float, told: str) -> None:
    assert times.ahead(NOW + left, NOW) == told


def test_the_clock_tells_the_day_unless_it_is_today() -> None:
    assert times.clock(NOW, NOW) == "14:05"
    assert times.clock(NOW - DAY, NOW) == "yesterday at 14:05"
    assert times.clock(NOW - 9 * DAY, NOW) == "on 25 Jan at 14:05"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(40, "40 s"), (300, "5 min"), (HOUR, "1 hour"), (47 * HOUR, "47 hours"), (12 * DAY, "12 days")],
)
def test_how_long_it_was(seconds: float, told: str) -> None:
    assert times.span(seconds) == told
