"""The tables: ratios and what was carried for the README, seconds for those who want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.results import Result, Results, Verdict
    from tests.bench.rows import Row

US = "postboat"
NONE = "–"


def ratios(rows: Iterable[Row], results: Results) -> str:
    """How many times as long as Postboat each of the others took, and what the row must reach."""
    done = [row for row in rows if row.name in results]
    others = _others(results[row.name] for row in done)
    lines = [[row.title, *(_times(results[row.name], other) for other in others), _goals(row, results)] for row in done]
    return markdown(["job", *others, "goals"], lines)


def costs(rows: Iterable[Row], results: Results) -> str:
    """What each program put on the wire and took of the machine."""
    head = ["job", "program", "round trips", "connections", "sent", "received", "processor", "memory"]
    lines = []
    for row in rows:
        title = row.title
        for program, result in results.get(row.name, {}).items():
            lines.append([title, program, *_wire(result), *_machine(result, results[row.name].get(US))])
            title = ""
    return markdown(head, lines)


def seconds(rows: Iterable[Row], results: Results) -> str:
    """The time of every run."""
    head = ["job", "program", "seconds (median)", "all runs", "processor seconds", "memory"]
    lines = []
    for row in rows:
        title = row.title
        for program, result in results.get(row.name, {}).items():
            lines.append([title, program, *_absolute(result)])
            title = ""
    return markdown(head, lines)


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; all columns but those of words are set to the right."""
    words = {"job", "program", "goals", "all runs"}
    rule = [":--" if name in words else "--:" for name in head]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def verdicts(row: Row, results: Results) -> list[Verdict]:
    """Judge a row by its goals."""
    return [goal.verdict(results, row.name) for goal in row.goals]


def words(verdict: Verdict) -> str:
    """A verdict in words."""
    said = {True: "reached", False: "**missed**", None: "open"}[verdict.reached]
    return f"{verdict.goal.words}: {said} ({verdict.figure})"


def _goals(row: Row, results: Results) -> str:
    return "<br>".join(words(verdict) for verdict in verdicts(row, results)) or NONE


def _others(results: Iterable[dict[str, Result]]) -> list[str]:
    names = {program for row in results for program in row}
    return [name for name in ("interimap", "mbsync", "mbsync, no fsync", "offlineimap") if name in names]


def _times(row: dict[str, Result], other: str) -> str:
    ours, theirs = row.get(US), row.get(other)
    if theirs is None or ours is None:
        return NONE
    if theirs.failure or not ours.good:
        return "failed"
    return f"{theirs.seconds / ours.seconds:.3g}×"


def _wire(result: Result) -> list[str]:
    if (carried := result.traffic) is None:
        return [NONE] * 4
    trips = f"{carried.most_trips}" if carried.connections == 1 else f"{carried.most_trips} ({carried.trips})"
    return [trips, f"{carried.connections}", size(carried.up), size(carried.down)]


def _machine(result: Result, ours: Result | None) -> list[str]:
    if not result.good:
        return ["failed", "failed"]
    processor = f"{result.cpu / ours.cpu:.2g}×" if ours is not None and ours.good else NONE
    return [processor, size(result.memory)]


def _absolute(result: Result) -> list[str]:
    if not result.good:
        return ["failed", "", "", ""]
    each = " ".join(f"{run.seconds:.2f}" for run in result.runs)
    return [f"{result.seconds:.2f}", each, f"{result.cpu:.2f}", size(result.memory)]


def size(octets: float) -> str:
    """Octets with three digits at most: `950 B`, `12.3 kB`, `56 MB`."""
    for unit in ("B", "kB", "MB"):
        if octets < 999.5:
            return f"{octets:.3g} {unit}"
        octets /= 1000
    return f"{octets:.3g} GB"
