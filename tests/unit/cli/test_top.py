"""`postboat top` where it can show nothing, and what it shows where it can."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from postboat.cli.arguments import parse
from postboat.cli.main import main
from postboat.ui.link import CannotShow

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.toml"
    file.write_text("this is read by nobody")
    return str(file)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a dashboard that is drawn nowhere was called with."""
    calls: list[Any] = []

    def run(link: Any, look: Any) -> int:
        calls.append((link, look))
        return 0

    monkeypatch.setattr("postboat.ui.usable.blinkenlights_reason", lambda _: "")
    monkeypatch.setattr("postboat.ui.blinkenlights.run", run, raising=False)
    return calls


def test_without_a_terminal_it_says_what_tells_the_same_in_lines(config: str, capfd: Any) -> None:
    assert main(["top", "-c", config]) == 2
    told = capfd.readouterr().err.splitlines()
    assert told[0].startswith("top: standard ")
    assert told[1] == f"what a run is at is told in lines by: postboat -c {config} status --follow"


def test_it_shows_a_run_that_goes_on_now_or_later(config: str, shown: list[Any]) -> None:
    assert main(["top", "-c", config]) == 0
    ((link, _),) = shown
    assert (link.goes_on, link.owned, link.replay) == (True, False, False)
    assert link.manner.program == f"postboat -c {config}"


def test_it_shows_a_recording_which_needs_no_configuration(tmp_path: Path, shown: list[Any]) -> None:
    file = tmp_path / "run.ndjson"
    file.write_text(json.dumps({"event": "AccountStarted", "time": "2026-01-02T03:04:05+00:00", "account": "A"}))
    assert main(["top", "--replay", str(file), "--speed", "4"]) == 0
    ((link, _),) = shown
    assert (link.replay, link.speed) == (True, 4.0)


def test_what_is_no_recording_is_told(tmp_path: Path, shown: list[Any], capfd: Any) -> None:
    (tmp_path / "empty").touch()
    assert main(["top", "--replay", str(tmp_path / "empty")]) == 2
    assert f"{tmp_path}/empty: there is no line in it" in capfd.readouterr().err
    assert shown == []


def test_its_look_can_be_asked_for(config: str, shown: list[Any]) -> None:
    main(["top", "-c", config, "--ascii", "--still"])
    ((_, look),) = shown
    assert (look.unicode, look.motion) == (False, False)


def test_why_it_does_not_start_is_told(config: str, shown: list[Any], monkeypatch: Any, capfd: Any) -> None:
    def run(*_: Any) -> int:
        raise CannotShow("the terminal went away")

    monkeypatch.setattr("postboat.ui.blinkenlights.run", run)
    assert main(["top", "-c", config]) == 2
    assert capfd.readouterr().err.startswith("top: the terminal went away\n")


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast", "1e9"])
def test_a_speed_is_a_number_that_makes_sense(speed: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        parse(["top", "--speed", speed])
    assert "must be a number" in capsys.readouterr().err
