"""What the tables say of a run: ratios and verdicts, and nothing of what was not measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.bench import table
from tests.bench.flights import Traffic
from tests.bench.measure import Usage
from tests.bench.results import Goal, Result, compared, faster, memory, octets, round_trips, sent, within
from tests.bench.rows import ROWS, Row

CARRIED = Traffic(connections=2, up=1500, down=2_000_000, trips=7, most_trips=4)


def ran(*seconds: float, megabytes: int = 40, carried: Traffic | None = CARRIED) -> Result:
    """A program's result with these times."""
    return Result([Usage(each, each / 2, megabytes * 1_000_000) for each in seconds], carried)


def row(*goals: Goal) -> Row:
    return Row("job", "a job", "real", 0.05, goals)


RESULTS = {"job": {"postboat": ran(1.0, 9.0, 2.0), "mbsync": ran(30.0, 31.0, 29.0, megabytes=10)}}


@pytest.mark.parametrize(
    ("goal", "reached", "figure"),
    [
        (faster(15, "mbsync"), True, "15×"),
        (faster(15.1, "mbsync"), False, "15×"),
        (within(2.0), True, "2.00 s"),
        (within(1.9), False, "2.00 s"),
        (memory(40), True, "40 MB"),
        (memory(39), False, "40 MB"),
        (round_trips(4), True, "4"),
        (round_trips(3), False, "4"),
        (sent(2), True, "1.5 kB"),
        (sent(1), False, "1.5 kB"),
    ],
)
def test_a_goal_is_reached_or_missed_by_its_figure(goal, reached, figure):
    verdict = goal.verdict(RESULTS, "job")
    assert (verdict.reached, verdict.figure) == (reached, figure)


def test_the_time_that_counts_is_the_median_and_the_memory_the_most():
    result = Result([Usage(1, 1, 10), Usage(9, 5, 30), Usage(2, 3, 20)])
    assert (result.seconds, result.cpu, result.memory) == (2, 3, 30)


@pytest.mark.parametrize(
    "results",
    [
        {},
        {"job": {"postboat": ran(1.0)}},
        {"job": {"postboat": ran(1.0), "mbsync": Result(ran(1.0).runs, failure="broken")}},
        {"job": {"postboat": Result(), "mbsync": ran(1.0)}},
    ],
    ids=["row left out", "program left out", "peer failed", "never ran"],
)
def test_a_goal_without_figures_is_neither_reached_nor_missed(results):
    verdict = faster(1, "mbsync").verdict(results, "job")
    assert (verdict.reached, verdict.figure) == (None, "not measured")


def test_a_goal_about_octets_is_open_when_they_were_not_counted():
    assert sent(1).verdict({"job": {"postboat": ran(1.0, carried=None)}}, "job").reached is None


def test_a_row_may_be_compared_with_another():
    results = {
        "job": {"postboat": ran(1.0, carried=replace(CARRIED, down=2_100_000))},
        "small": {"postboat": ran(1.0)},
    }
    assert compared("small", octets, 1.05, "no more octets").verdict(results, "job").reached is True
    assert compared("small", octets, 1.04, "no more octets").verdict(results, "job").reached is False


def test_ratios_say_how_many_times_as_long_the_others_took():
    said = table.ratios([row(faster(20, "mbsync"))], RESULTS)
    assert said.splitlines()[2] == "| a job | 15× | 20× faster than mbsync: **missed** (15×) |"


def test_a_program_that_failed_has_no_ratio():
    results = {"job": {"postboat": ran(1.0), "mbsync": Result(ran(5.0).runs, failure="lost a message")}}
    assert "| a job | failed |" in table.ratios([row()], results)


def test_a_row_that_was_not_run_is_not_shown():
    assert "other" not in table.ratios([row(), Row("other", "other job", "real", 0)], RESULTS)


def test_costs_tell_the_longest_connection_and_all_of_them():
    lines = table.costs([row()], RESULTS).splitlines()
    assert lines[2] == "| a job | postboat | 4 (7) | 2 | 1.5 kB | 2 MB | 1× | 40 MB |"
    assert lines[3] == "|  | mbsync | 4 (7) | 2 | 1.5 kB | 2 MB | 15× | 10 MB |"


def test_every_table_has_as_many_cells_in_each_line():
    for text in (table.ratios([row()], RESULTS), table.costs([row()], RESULTS), table.seconds([row()], RESULTS)):
        assert len({line.count("|") for line in text.splitlines()}) == 1


@pytest.mark.parametrize(
    ("octets", "said"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1 kB"), (12_345, "12.3 kB"), (56_000_000, "56 MB"), (4e9, "4 GB")],
)
def test_octets_have_three_digits(octets, said):
    assert table.size(octets) == said


def test_rows_have_names_of_their_own():
    assert len({each.name for each in ROWS}) == len(ROWS)
