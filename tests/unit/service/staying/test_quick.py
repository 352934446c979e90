"""Which refreshes are quick."""

from __future__ import annotations

import pytest

from postboat.service.staying.quick import Quick


def refreshes(quick: int, asked: tuple[int, ...] = ()) -> str:
    """Seven refreshes in a row: q for a quick one."""
    counting, told = Quick(quick), ""
    for number in range(7):
        options = counting.options(asked=number in asked)
        counting.done(options)
        told += "q" if options.quick else "F"
    return told


@pytest.mark.parametrize(("quick", "told"), [(0, "FFFFFFF"), (1, "FqFqFqF"), (3, "FqqqFqq"), (-1, "qqqqqqq")])
def test_so_many_are_quick_between_two_that_are_not(quick, told):
    assert refreshes(quick) == told


def test_what_is_asked_for_is_not_quick():
    assert refreshes(3, asked=(2,)) == "FqFqqqF"
