"""Which face is taken."""

from __future__ import annotations

import pytest

from postboat.errors import ConfigError
from postboat.ui.basic import Basic
from postboat.ui.faces import choose, make
from postboat.ui.jsonl import JsonLines
from postboat.ui.quiet import Quiet
from postboat.ui.tty import Tty
from postboat.ui.words import Manner

XTERM = {"TERM": "xterm"}


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
        (["Tk.Blinkenlights", "Curses.Blinkenlights", "TTY.TTYUI"], "tty"),
        (["blinkenlights", "quiet"], "quiet"),
        (["Tk.Blinkenlights"], "tty"),
        (["nonsense"], "tty"),
    ],
)
def test_the_first_name_that_can_run_is_taken(names: list[str], face: str) -> None:
    assert choose(names, isatty=True, env=XTERM).name == face


def test_a_list_on_the_command_line_falls_through_too() -> None:
    assert choose(["Curses.Blinkenlights", "basic"], isatty=True, env=XTERM, asked=True).name == "basic"


@pytest.mark.parametrize(("name", "why"), [("Tk.Blinkenlights", "not here yet"), ("nonsense", "no user interface")])
def test_a_face_asked_for_that_cannot_run_is_refused_with_those_there_are(name: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        choose([name], isatty=True, env=XTERM, asked=True)
    (problem,) = refused.value.problems
    assert why in problem
    assert "tty, basic, quiet and jsonl" in problem


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
