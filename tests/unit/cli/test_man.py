"""The man pages know every option there is, and are sound."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from postboat.cli.arguments import COMMANDS, _parser
from postboat.config import known
from postboat.ui.faces import NAMES

if TYPE_CHECKING:
    import argparse

MAN = files("postboat") / "man"


def page(name: str) -> str:
    return (MAN / name).read_text("utf-8").replace("\\-", "-")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_the_command_line_is_described(command: str) -> None:
    text = page("postboat.1")
    assert command in text
    actions: list[argparse.Action] = _parser(command)._actions
    missing = [name for action in actions for name in action.option_strings if name not in text]
    assert missing == []


def test_every_option_of_the_configuration_is_described() -> None:
    words = set(page("postboat.5").replace(",", " ").split())
    options = known.GENERAL | known.ACCOUNT | known.MAILDIR | known.IMAP
    assert sorted(options - words) == []


def test_every_face_is_described() -> None:
    text = page("postboat.1")
    assert [name for name in set(NAMES.values()) if name not in text] == []


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
@pytest.mark.parametrize("name", ["postboat.1", "postboat.5"])
def test_pages_render_without_a_warning(name: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-z"], input=(MAN / name).read_bytes(), capture_output=True, check=True
    )
    assert done.stderr == b""
