"""Which face is taken."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from postboat.errors import ConfigError
from postboat.ui import usable
from postboat.ui.faces import Place, choose, make
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.jsonl import JsonLines
from postboat.ui.plain.quiet import Quiet
from postboat.ui.plain.tty import Tty
from postboat.ui.words import Manner

XTERM = {"TERM": "xterm"}
TERMINAL = Place(XTERM, stdin=True, stdout=True)


@pytest.mark.parametrize(
    ("names", "face"),
    [
        ([], "tty"),
        (["basic"], "basic"),
        (["TTY.TTYUI"], "tty"),
        (["ttyui"], "tty"),
        (["Noninteractive.Basic"], "basic"),
        (["noninteractive.QUIET"], "quiet"),
        (["quiet", "basic"], "quiet"),
        (["JSONL"], "jsonl"),
        (["Machine.MachineUI"], "machineui"),
        (["Tk.Blinkenlights", "Curses.Blinkenlights", "TTY.TTYUI"], "tty"),
        (["blinkenlights", "quiet"], "quiet"),
    ],
)
def test_the_first_name_that_can_run_is_taken(names: list[str], face: str) -> None:
    assert choose(names, place=Place({"TERM": "xterm"})).name == face


@pytest.mark.parametrize(("asked", "option"), [(True, "-u"), (False, "ui")])
def test_a_name_that_is_none_is_refused_though_another_could_run(asked: bool, option: str) -> None:
    with pytest.raises(ConfigError) as refused:
        choose(["basic", "blinkenlight"], place=TERMINAL, asked=asked)
    (problem,) = refused.value.problems
    assert problem.startswith(f"{option}: 'blinkenlight' is no user interface; there are tty, basic, quiet, syslog")
    assert problem.endswith("did you mean blinkenlights?")


def test_when_none_can_run_every_reason_is_told() -> None:
    with pytest.raises(ConfigError) as refused:
        choose(["tk", "Curses.Blinkenlights"], place=Place({}), asked=True)
    heading, tk, blinkenlights, possible = refused.value.problems
    assert "can run here" in heading
    assert tk.startswith("  tk: ")
    assert blinkenlights == "  blinkenlights: standard output is no terminal"
    assert "tty, basic" in possible


def test_the_next_face_is_taken_when_one_apart_does_not_start() -> None:
    choice = choose(["blinkenlights", "tk", "quiet"], place=TERMINAL)
    assert (choice.name, choice.apart) == ("blinkenlights", True)
    after = choice.instead("the window could not be drawn")
    assert after.name == "quiet"
    assert after.passed[0] == "blinkenlights: the window could not be drawn"
    assert after.passed[1].startswith("tk: ")


def test_when_nothing_is_left_to_take_every_reason_is_told() -> None:
    choice = choose(["blinkenlights"], place=TERMINAL)
    with pytest.raises(ConfigError, match="blinkenlights: it fell over"):
        choice.instead("it fell over")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"stdout": False}, "standard output is no terminal"),
        ({"stdin": False}, "standard input is no terminal"),
        ({"env": {}}, "TERM is not set"),
        ({"env": {"TERM": "dumb"}}, "the terminal can only write lines (TERM is dumb)"),
        ({"debug": True}, "details for -d would be written over it; send them to a file with -l"),
    ],
)
def test_the_dashboard_says_why_it_cannot_have_the_terminal(change: dict[str, Any], why: str) -> None:
    assert usable.blinkenlights_reason(replace(TERMINAL, **change)) == why


def test_what_is_not_installed_is_told_by_its_packages_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pip install textual" in usable.blinkenlights_reason(TERMINAL)
    assert "apt install python3-tk" in usable.tk_reason({"DISPLAY": ":0"})


def test_a_window_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usable, "_is_installed", lambda _: True)
    assert usable.tk_reason({}) == "no display (DISPLAY and WAYLAND_DISPLAY are not set)"
    assert usable.tk_reason({"DISPLAY": ":0"}) == usable.tk_reason({"WAYLAND_DISPLAY": "wayland-0"}) == ""


def test_what_a_face_is_made_of_is_not_imported_to_see_whether_it_can_run() -> None:
    heavy = "assert not {'textual', 'tkinter', '_tkinter'} & set(sys.modules)"
    chosen = "choose(['tk', 'blinkenlights'], place=Place({'TERM': 'xterm', 'DISPLAY': ':9'}, True, True))"
    program = f"import sys; from postboat.ui.faces import Place, choose; {chosen}; {heavy}"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("isatty", "env", "live", "colour"),
    [
        (True, {"TERM": "xterm"}, True, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        (True, {"TERM": "dumb"}, False, False),
        (True, {}, False, False),
        (False, {"TERM": "xterm"}, False, False),
    ],
)
def test_lines_are_redrawn_only_on_a_terminal_that_can(
    isatty: bool, env: dict[str, str], live: bool, colour: bool
) -> None:
    choice = choose([], isatty=isatty, env=env)
    assert (choice.live, choice.colour) == (live, colour)


@pytest.mark.parametrize(
    ("names", "isatty", "kind"),
    [
        ([], True, Tty),
        ([], False, Basic),
        (["basic"], True, Basic),
        (["quiet"], True, Quiet),
        (["jsonl"], True, JsonLines),
    ],
)
async def test_the_choice_becomes_a_face(names: list[str], isatty: bool, kind: type) -> None:
    assert type(make(choose(names, isatty=isatty, env=XTERM), Manner())) is kind
