"""Points in time as people say them. The zone is the system's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postboat.ui import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

MINUTE, HOUR = 60.0, 3600.0


def ago(then: float, now: float) -> str:
    """Tell when something was: "just now", "5 min ago", "at 14:05", "yesterday at 14:05", "on 3 Feb at 14:05"."""
    passed = now - then
    if -MINUTE < passed < MINUTE:
        return "just now"
    return f"{passed / MINUTE:.0f} min ago" if 0 < passed < HOUR - 30 else _at(then, now)


def ahead(then: float, now: float) -> str:
    """Tell when something will be: "now", "in 40 s", "in 5 min", "at 14:05", "tomorrow at 14:05"."""
    left = then - now
    if left < 1:
        return "now"
    if left < MINUTE:
        return f"in {left:.0f} s"
    return f"in {left / MINUTE:.0f} min" if left < HOUR - 30 else _at(then, now)


def clock(then: float, now: float) -> str:
    """Tell when something was or will be by the clock, with the day unless it is today."""
    return _at(then, now).removeprefix("at ")


def time_of_day(then: float) -> str:
    """Write a moment as a clock on the wall shows it, in eight columns: "14:05:09"."""
    return time.strftime("%H:%M:%S", time.localtime(then))


def hour(then: float) -> str:
    """Write a moment of today, or of the next hours, in five columns: "14:05"."""
    return time.strftime("%H:%M", time.localtime(then))


def day(then: float) -> str:
    """Write the day of a moment: "2024-02-03"."""
    from datetime import datetime, timedelta

    moment = datetime(1970, 1, 1) + timedelta(seconds=then)  # as far back as mail claims to come from
    return f"{moment:%Y-%m-%d}"


def dated(lines: Iterable[str], now: Callable[[], datetime] | None = None) -> list[str]:
    """Put the local time before each line: weeks later nobody knows any more when it was written."""
    from datetime import datetime

    stamp = (now or datetime.now)().strftime("%Y-%m-%d %H:%M:%S")
    return [f"{stamp} {line}" for line in lines]


def _at(then: float, now: float) -> str:
    day, today = time.localtime(then), time.localtime(now)
    at = time.strftime("at %H:%M", day)
    apart = _days(day) - _days(today)
    if apart in (-1, 0, 1):
        return ("yesterday ", "", "tomorrow ")[apart + 1] + at
    year = f" {day.tm_year}" if day.tm_year != today.tm_year else ""
    return f"on {day.tm_mday} {_MONTHS[day.tm_mon - 1]}{year} {at}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _days(day: time.struct_time) -> int:
    """Days on the calendar, which summer time does not shift."""
    from datetime import date

    return date(day.tm_year, day.tm_mon, day.tm_mday).toordinal()


def span(seconds: float) -> str:
    """Tell how long something takes or took: "40 s", "5 min", "3 hours", "12 days"."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    hours = seconds / HOUR
    return words.plural(round(hours), "hour") if hours < 48 else words.plural(round(hours / 24), "day")
