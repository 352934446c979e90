"""What a face in a process of its own can ask of the run beside it, and which face comes when one cannot start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.apart_face import command
from tests.fakes.controls import FakeControls

from postboat.cli.foreground import Foreground
from postboat.config.schema import Config
from postboat.errors import ConfigError, PostboatError
from postboat.events import ServiceStarted
from postboat.ui.faces import Choice, Place
from postboat.ui.words import Manner


def foreground(*, goes_on: bool) -> Foreground:
    return Foreground(
        Config(source=Path("/x"), metadata=Path("/x"), accounts=()), Manner(program="postboat -c x"), goes_on=goes_on
    )


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({"do": "now", "targets": ["A"]}, ("now", "A")),
        ({"do": "pause", "targets": ["A"]}, ("pause", "A")),
        ({"do": "resume"}, ("resume",)),
        ({"do": "confirm", "targets": ["A:Sent"]}, ("confirm", "confirmed", "A:Sent")),
        ({"do": "restore", "targets": ["A"]}, ("confirm", "restore", "A")),
        ({"do": "reload"}, ("reload",)),
        ({"do": "stop", "finish": True}, ("stop", True)),
    ],
)
async def test_a_run_that_goes_on_does_what_it_does_over_its_socket(facts: dict[str, Any], asked: Any) -> None:
    run = foreground(goes_on=True)
    run.controls = controls = FakeControls(ServiceStarted(("A",)))
    await run.ask({"ask": 1, **facts})
    assert controls.asked == [asked]


async def test_it_refuses_in_words() -> None:
    run = foreground(goes_on=True)
    with pytest.raises(PostboatError, match="only just beginning"):
        await run.ask({"do": "now"})
    run.controls = controls = FakeControls(ServiceStarted(("A",)))
    with pytest.raises(PostboatError, match="no account B"):
        await run.ask({"do": "now", "targets": ["B"]})
    controls.problems = ["line 3 is wrong"]
    with pytest.raises(PostboatError, match="line 3"):
        await run.ask({"do": "reload"})


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"do": "now"}, "syncs every account once"),
        ({"do": "pause"}, "only a run that goes on (autorefresh) can pause"),
        ({"do": "confirm", "targets": ["A:Old Mail"]}, "when this run is over: postboat -c x confirm 'A:Old Mail'"),
        ({"do": "restore", "targets": ["A"]}, "postboat -c x restore A"),
    ],
)
async def test_a_single_run_says_what_can_be_done_instead(facts: dict[str, Any], told: str) -> None:
    with pytest.raises(PostboatError) as refusal:
        await foreground(goes_on=False).ask(facts)
    assert told in str(refusal.value)


async def test_a_single_run_is_stopped_as_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("postboat.cli.run.end", ended.append)
    await foreground(goes_on=False).ask({"do": "stop"})
    assert ended == [15]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What the process of each face does."""
    scripts: dict[str, str] = {}
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setattr("postboat.ui.apart.apart.command_of", lambda name: command(scripts[name]))
    monkeypatch.setattr("postboat.ui.usable.reason", lambda *_: "")
    return scripts


PLACE = Place({"TERM": "xterm"})


async def test_when_a_face_cannot_start_the_next_does(commands: dict[str, str]) -> None:
    commands |= {"tk": "raise CannotShow('no display')", "blinkenlights": "link.take(); list(lines())"}
    run = foreground(goes_on=False)
    choice = Choice("tk", rest=("blinkenlights", "tty"), place=PLACE)
    with run.begun(choice):
        choice, apart = await run.face(choice)
        assert apart is not None
        assert (choice.name, apart.name) == ("blinkenlights", "blinkenlights")


async def test_a_face_whose_process_cannot_be_started_is_passed_over(
    commands: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postboat.ui.apart.apart.command_of", lambda name: ("/nowhere/python", name))
    run = foreground(goes_on=False)
    choice = Choice("tk", rest=("blinkenlights", "basic"), place=PLACE)
    with run.begun(choice):
        choice, apart = await run.face(choice)
    assert (choice.name, apart, len(choice.passed)) == ("basic", None, 2)
    assert "No such file" in choice.passed[0]


async def test_one_of_our_own_process_is_the_last_resort(commands: dict[str, str]) -> None:
    commands["tk"] = "raise CannotShow('no display')"
    run = foreground(goes_on=False)
    choice = Choice("tk", rest=("basic",), place=PLACE)
    with run.begun(choice):
        choice, apart = await run.face(choice)
    assert (choice.name, apart) == ("basic", None)


async def test_where_none_is_left_every_reason_is_told(commands: dict[str, str]) -> None:
    commands["tk"] = "raise CannotShow('no display')"
    run = foreground(goes_on=False)
    choice = Choice("tk", passed=("blinkenlights: no terminal",), place=PLACE)
    with run.begun(choice), pytest.raises(ConfigError) as refusal:
        await run.face(choice)
    assert [line.strip() for line in refusal.value.problems[1:3]] == ["blinkenlights: no terminal", "tk: no display"]
