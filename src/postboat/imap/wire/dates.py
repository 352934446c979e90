"""INTERNALDATE in both directions, without regard to any locale (RFC 3501 section 9, `date-time`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

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
    offset = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        zone = timezone(-offset if match[7] == "-" else offset)
        day, year, *clock = (int(match[n]) for n in (1, 3, 4, 5, 6))
        return datetime(year, month, day, clock[0], clock[1], min(clock[2], 59), tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        return None
