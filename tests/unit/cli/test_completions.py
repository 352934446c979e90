"""Shells complete every command and every option there is, and none that is not."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from postboat.cli.arguments import COMMANDS, DEBUGGED, _parser
from postboat.cli.commands.status import FORMATS
from postboat.ui.faces import NAMES

SHELLS = {
    name: (files("postboat") / "completions" / name).read_text("utf-8") for name in ("_postboat", "postboat.fish")
}
BASH = str(files("postboat") / "completions" / "postboat.bash")
COMPLETE = """
source "$1"; shift
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_postboat
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(line: str, home: Path = Path("/nonexistent")) -> list[str]:
    """What bash offers for the last word of a line, in order."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", BASH, *words],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.split("\n")))


def options_of(command: str) -> set[str]:
    return {name for action in _parser(command)._actions for name in action.option_strings}


def test_bash_completes_commands() -> None:
    assert completed("postboat ") == completed("postboat -c file ") == sorted(COMMANDS)
    assert completed("postboat sto") == ["stop"]


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_completes_all_options_of_a_command_and_no_others(command: str) -> None:
    assert completed(f"postboat {command} -") == sorted(options_of(command))


def test_bash_completes_options_of_sync_where_no_command_is_named() -> None:
    assert completed("postboat -") == sorted(options_of("sync"))


def test_bash_completes_what_options_and_commands_take() -> None:
    assert completed("postboat -d ") == sorted((*DEBUGGED, "all"))
    assert completed("postboat --ui ") == sorted(set(NAMES.values()))
    assert completed("postboat status --format ") == sorted(FORMATS)
    assert completed("postboat service ") == ["install", "status", "uninstall"]


def test_bash_completes_the_accounts_of_either_configuration(tmp_path: Path) -> None:
    (tmp_path / ".offlineimaprc").write_text("[general]\n[Account Old Mail]\n[Repository X]\n")
    assert completed("postboat now ", tmp_path) == ["Old\\ Mail"]
    toml = tmp_path / "mine.toml"
    toml.write_text('[general]\n[account.MyMail]\n[account."Work & more"]\n  [account.Third]\n[repository.R]\n')
    assert completed(f"postboat -c {toml} now ") == ["MyMail", "Third", "Work\\ \\&\\ more"]
    assert completed(f"postboat -c {toml} sync -a M") == ["MyMail"]


def test_a_command_in_another_ones_words_is_none() -> None:
    assert "--follow" not in completed("postboat service status --")


@pytest.mark.parametrize("shell", SHELLS)
def test_other_shells_know_all_commands(shell: str) -> None:
    assert [command for command in COMMANDS if not re.search(rf"\b{command}\b", SHELLS[shell])] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_other_shells_know_all_options_and_no_others(shell: str) -> None:
    text = SHELLS[shell]
    long = re.findall(r"(?<!set) -l ([a-z-]+)" if shell.endswith("fish") else r"[\s,{(']--([a-z-]+)", text)
    there_are = {name[2:] for command in COMMANDS for name in options_of(command) if name.startswith("--")}
    assert set(long) == there_are
