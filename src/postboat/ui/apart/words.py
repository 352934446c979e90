"""What is said of a face that runs apart, when it leaves before the run does. Pure."""

from __future__ import annotations

NAMES = {"blinkenlights": "the dashboard", "tk": "the window"}


def ended(name: str, how: str, *, goes_on: bool) -> str:
    """Say that the face is gone, but not what it showed."""
    work = "keeping your mail in step" if goes_on else "the sync"
    return f"postboat: {NAMES.get(name, name)} {how}; {work} goes on, told in lines"


def left(*, goes_on: bool) -> str:
    """Say what goes on without the face, as its user wanted."""
    return f"postboat: {'keeping your mail in step' if goes_on else 'the sync'} goes on, told in lines (Ctrl+C ends it)"


def how_it_ended(code: int | None, said: str) -> str:
    """Tell of a process that ended by itself, by its exit code and what it said of that."""
    if said:
        return f"broke ({said})"
    if code is None or code == 0:
        return "was closed"
    return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"


STANDS_STILL = "stood still"
TOO_LATE = "did not start in time"


def only_when_it_goes_on(do: str, command: str) -> str:
    """Refuse what only a run can do that goes on until it is stopped."""
    match do:
        case "now":
            return "this run syncs every account once and is at it"
        case "pause" | "resume":
            return f"only a run that goes on (autorefresh) can {do}; this one ends by itself"
    return f"when this run is over: {command}"
