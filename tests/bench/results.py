"""What a row of the benchmark gave, and what it must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.flights import Traffic
    from tests.bench.measure import Usage


@dataclass
class Result:
    """All runs of one program in one row."""

    runs: list[Usage] = field(default_factory=list)
    traffic: Traffic | None = None
    failure: str = ""

    @property
    def good(self) -> bool:
        """Whether there are figures to speak of."""
        return bool(self.runs) and not self.failure

    @property
    def seconds(self) -> float:
        """The median of the times."""
        return median(run.seconds for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median of the seconds of processor."""
        return median(run.cpu for run in self.runs)

    @property
    def memory(self) -> int:
        """The most octets that any run had."""
        return max(run.memory for run in self.runs)


Results = dict[str, dict[str, Result]]
"""By the name of the row and that of the program."""


class Unknown(Exception):
    """A figure that this run does not give, because a row or a program was left out or failed."""


Figure = Callable[[Results, str], float]
"""Finds a figure of a row; raises Unknown."""


@dataclass(frozen=True)
class Goal:
    """A figure that a row must reach: at least `least`, or at most `most`."""

    words: str
    figure: Figure
    shown: str
    least: float = float("-inf")
    most: float = float("inf")

    def verdict(self, results: Results, row: str) -> Verdict:
        """Judge a row of a run."""
        try:
            figure = self.figure(results, row)
        except Unknown:
            return Verdict(self, "not measured", None)
        return Verdict(self, self.shown.format(figure), self.least <= figure <= self.most)


@dataclass(frozen=True)
class Verdict:
    """A goal, the figure as it is shown, and whether that is enough; None when there is no figure."""

    goal: Goal
    figure: str
    reached: bool | None


def result(results: Results, row: str, program: str = "postboat") -> Result:
    """Find what a program gave in a row; raise Unknown if it gave nothing."""
    found = results.get(row, {}).get(program)
    if found is None or not found.good:
        raise Unknown
    return found


def traffic(results: Results, row: str) -> Traffic:
    """Find what Postboat's connections carried in a row; raise Unknown if it was not counted."""
    if (found := result(results, row).traffic) is None:
        raise Unknown
    return found


def octets(results: Results, row: str) -> float:
    """Octets that Postboat's connections carried, both ways."""
    carried = traffic(results, row)
    return carried.up + carried.down


def faster(times: float, than: str) -> Goal:
    """Postboat takes at most the `times`-th part of the time of another program."""
    return Goal(
        f"{times:g}× faster than {than}" if times > 1 else f"not slower than {than}",
        lambda results, row: result(results, row, than).seconds / result(results, row).seconds,
        "{:.3g}×",
        least=times,
    )


def within(seconds: float) -> Goal:
    """Postboat takes at most so many seconds."""
    return Goal(f"at most {seconds:g} s", lambda r, row: result(r, row).seconds, "{:.2f} s", most=seconds)


def round_trips(most: int) -> Goal:
    """No connection of Postboat's has more round trips."""
    return Goal(f"at most {most} round trips", lambda r, row: traffic(r, row).most_trips, "{:.0f}", most=most)


def sent(kilobytes: int) -> Goal:
    """Postboat sends less than so many thousand octets."""
    return Goal(f"less than {kilobytes} kB sent", lambda r, row: traffic(r, row).up / 1e3, "{:.1f} kB", most=kilobytes)


def received(megabytes: int) -> Goal:
    """Postboat is sent less than so many millions of octets."""
    words = f"less than {megabytes} MB received"
    return Goal(words, lambda r, row: traffic(r, row).down / 1e6, "{:.2f} MB", most=megabytes)


def memory(megabytes: int) -> Goal:
    """Postboat never has more memory than so many millions of octets."""
    words = f"at most {megabytes} MB of memory"
    return Goal(words, lambda r, row: result(r, row).memory / 1e6, "{:.0f} MB", most=megabytes)


def compared(other: str, what: Figure, most: float, words: str) -> Goal:
    """Postboat's figure is at most so many times that in another row."""
    return Goal(words, lambda r, row: what(r, row) / what(r, other), "{:.2f}×", most=most)
