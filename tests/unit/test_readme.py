"""What the README says of accidents is shown by tests: every line of its table names one, and all that it names exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.partition("\n## What happens if …\n")[2].partition("\n## ")[0]
NAMED = dict(re.findall(r"^\[(\d+)\]: (\S+)$", SECTION, re.MULTILINE))
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("|")]
ACCIDENTS = [row for row in ROWS[2:] if not row[0].startswith("**")]


@cache
def functions_of(path: Path) -> set[str]:
    """Names of the test functions of a file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, kinds)}


def test_the_table_tells_of_all_kinds_of_accidents() -> None:
    assert len(ACCIDENTS) >= 30
    assert len({row[0] for row in ACCIDENTS}) == len(ACCIDENTS)


@pytest.mark.parametrize("row", ACCIDENTS, ids=lambda row: row[0][:40])
def test_each_accident_is_told_in_words_and_shown_by_a_test(row: list[str]) -> None:
    what, does, shown = row
    assert what.endswith(".") and does.endswith(".")
    numbers = re.findall(r"\[(\d+)\]", shown)
    assert numbers and set(numbers) <= NAMED.keys()


def test_no_test_is_named_that_shows_nothing() -> None:
    used = [number for row in ACCIDENTS for number in re.findall(r"\[(\d+)\]", row[2])]
    assert sorted(used) == sorted(NAMED)


@pytest.mark.parametrize("named", NAMED.values())
def test_each_test_that_is_named_is_there(named: str) -> None:
    path, _, name = named.partition("#")
    assert name.startswith("test_") and name in functions_of(ROOT / path)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_each_file_that_the_readme_leads_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()
