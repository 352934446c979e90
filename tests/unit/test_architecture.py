"""Rules of the house that no linter knows: one home for each dependency, short files, docstrings that say who may."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "postboat"
FILES = sorted(SOURCE.rglob("*.py"))
HOMES = {
    "aioimaplib": "imap/protocol.py",
    "aiofiles": "maildir/writer.py",
    "asyncinotify": "maildir/watch.py",
    "dbus_fast": "service/machine/dbus.py",
    "platformdirs": "config/paths.py",
    "sqlite3": "ledger/database.py",
    "uvloop": "cli/main.py",
}


def imported(path: Path) -> set[str]:
    """Top-level names of everything a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize(("dependency", "home"), HOMES.items())
def test_each_dependency_has_one_home(dependency, home):
    users = [path.relative_to(SOURCE).as_posix() for path in FILES if dependency in imported(path)]
    assert users == [home]


@pytest.mark.parametrize(
    ("dependency", "room"),
    [("textual", "ui/blinkenlights/"), ("rich", "ui/blinkenlights/"), ("tkinter", "ui/window/")],
)
def test_what_draws_is_known_only_in_its_room(dependency, room):
    users = [path.relative_to(SOURCE).as_posix() for path in FILES if dependency in imported(path)]
    assert users and all(user.startswith(room) for user in users)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_file_is_longer_than_a_newcomer_reads_in_one_go(path):
    assert len(path.read_text().splitlines()) <= 400


def test_values_are_made_by_our_own_decorator():
    """The standard one costs each start 0.4 ms for every class."""
    home = SOURCE / "values.py"
    made_elsewhere = [
        path.relative_to(SOURCE).as_posix()
        for path in FILES
        if path != home
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        if node.module == "dataclasses"
        if "dataclass" in {alias.name for alias in node.names}
    ]
    assert not made_elsewhere
