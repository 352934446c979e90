"""Commands to be pasted, whatever the names in them are made of."""

from __future__ import annotations

import os
import subprocess

import pytest

from postboat.ui import shell
from postboat.ui.words import Manner

NAMES = [
    "INBOX",
    "Sent Items",
    "it's",
    'say "hi"',
    "$HOME `id` $(id) !x * ? ~ & ; | <",
    "back\\slash",
    "Entwürfe",
    "草稿 2026",
    "new\nline",
    "\x1b]0;steer\x07",
    "tab\tand 'quote' and \\ and é",
    "\u202eright to left",
    "-dash",
    "=zsh",
    "~user",
    "a:b/c.d",
    "\x0123 digits behind an escape",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_shell_reads_a_quoted_name_as_it_was(name: str, ascii_only: bool) -> None:
    quoted = shell.quoted(name, ascii_only=ascii_only)
    assert quoted.isprintable()
    assert quoted.isascii() or not ascii_only
    script = f"printf %s: {quoted}" if not name.startswith("-") else f"printf %s: x{quoted}"
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env=environment)
    assert done.stdout.decode() == ("x" if name.startswith("-") else "") + name + ":"


def test_plain_words_are_not_quoted() -> None:
    assert shell.quoted("MyMail:Archive/2026") == "MyMail:Archive/2026"
    assert shell.quoted("") == "''"


@pytest.mark.parametrize("name", ["\udcff", "\ud800"])
def test_names_that_are_no_unicode_break_nothing(name: str) -> None:
    assert shell.quoted(name).isprintable()


def test_a_name_that_looks_like_an_option_is_kept_from_being_one() -> None:
    assert shell.command("confirm", "-odd", "Box", Manner()) == "postboat confirm -- -odd:Box"
    assert shell.command("restore", "-odd", "", Manner(), "--deleted") == "postboat restore --deleted -- -odd"
