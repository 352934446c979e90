"""INTERNALDATE in both directions, without regard to any locale (RFC 3501 section 9, `date-time`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER = {name.upper(): number for number, name in enumerate(_MONTHS, 1)}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
_DATE = re.compile(
    r" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2})(?: ?([+-])(\d{2})(\d{2})| (?:UTC|GMT|Z))", re.ASCII
)


def internal_date(seconds: float) -> str:
    """Write seconds since the epoch as `dd-Mmm-yyyy hh:mm:ss +0000`; what lies outside 1970 to 2099 is clamped."""
    kept = min(max(seconds, _EARLIEST), _LATEST) if seconds == seconds else _EARLIEST
    when = datetime.fromtimestamp(int(kept), UTC)
    return f"{when.day:2}-{_MONTHS[when.month - 1]}-{when.year:04} {when:%H:%M:%S} +0000"


def seconds_of(text: str) -> float | None:
    """Seconds since the epoch of an INTERNALDATE; None when it is none, as Domino's `00-Jan-0000 00:00:00 +0000`."""
    match = _DATE.fullmatch(text)
    month = _NUMBER.get(match[2].upper()) if match else None
    if match is None or month is None:
        return None
    midnight = _midnight(int(match[3]), month, int(match[1]), match[7], int(match[8] or 0), int(match[9] or 0))
    hours, minutes, seconds = int(match[4]), int(match[5]), min(int(match[6]), 59)
    if midnight is None or hours > 23 or minutes > 59:
        return None
    return midnight + (hours * 60 + minutes) * 60 + seconds


@lru_cache(maxsize=1024)
def _midnight(year: int, month: int, day: int, sign: str | None, hours: int, minutes: int) -> float | None:
    """When a day begins in a zone; None when there is no such day or zone. Of most days there is more than one mail."""
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        return datetime(year, month, day, tzinfo=timezone(-offset if sign == "-" else offset)).timestamp()
    except (ValueError, OverflowError):
        return None
