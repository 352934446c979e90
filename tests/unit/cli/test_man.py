"""The man pages know every option there is, and are sound."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from tests.servers.install import SERVERS, library_path

from postboat.cli.arguments import COMMANDS, _parser
from postboat.config import known
from postboat.ui.faces import NAMES

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

MAN = files("postboat") / "man"
GROFF = SERVERS / "groff"
SHARED = next((GROFF / "usr/share/groff").glob("1.*"), GROFF)


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
    options = known.GENERAL | known.ACCOUNT | known.MAILDIR | known.IMAP | known.MBNAMES
    assert sorted(options - words) == []


def test_every_face_is_described() -> None:
    text = page("postboat.1")
    assert [name for name in set(NAMES.values()) if name not in text] == []


@pytest.mark.parametrize("name", ["postboat.1", "postboat.5"])
def test_pages_render_without_a_warning(name: str, tmp_path: Path) -> None:
    (tmp_path / "man.local").touch()  # where a site would put its own macros
    done = subprocess.run(
        [GROFF / "usr/bin/groff", "-man", "-ww", "-Tutf8"],
        input=(MAN / name).read_bytes(),
        capture_output=True,
        check=True,
        env={
            "LD_LIBRARY_PATH": library_path(GROFF),
            "GROFF_BIN_PATH": f"{GROFF}/usr/bin",
            "GROFF_TMAC_PATH": f"{SHARED}/tmac:{tmp_path}",
            "GROFF_FONT_PATH": f"{SHARED}/font",
        },
    )
    assert done.stderr == b""
    assert b"postboat" in done.stdout
