"""What a run imports: Python's own start is most of what a sync without changes costs, and grows with every module."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from tests.real.program import run_program
from tests.real.voyage import Voyage, message

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.real

TELLING = """
import sys
from postboat.cli.main import main
code = main()
print(*sorted(sys.modules))
sys.exit(code)
"""
"""Runs the program, which says nothing with `-u quiet`, and tells every module that it imported."""

NEVER_BY_DEFAULT = frozenset(
    {"postboat.imap.tunnel", "postboat.config.offlineimaprc", "postboat.service.inspect"}
    | {f"postboat.ui.plain.{face}" for face in ("tty", "jsonl", "logfile", "syslog", "machineui", "progress")}
    | {f"postboat.ui.{room}" for room in ("prompt", "life", "sentences.lasting", "reports.inspection")}
    | {f"postboat.ui.{room}" for room in ("apart", "board", "blinkenlights", "window", "links", "link")}
    | {"postboat.cli.foreground", "textual", "rich", "tkinter", "postboat.service.control.server"}
    | {"aiofiles", "tempfile", "shlex", "getpass", "email", "multiprocessing", "importlib.metadata"}
)
ONLY_FOR_CHANGES = frozenset(
    {"postboat.imap.mailbox", "postboat.imap.appending", "postboat.imap.uploads", "postboat.imap.reading"}
    | {"postboat.maildir.mailbox", "postboat.maildir.writer", "postboat.maildir.reader"}
    | {"postboat.service.changed_folders", "postboat.sync.folder_pair", "postboat.sync.execute"}
)


@pytest.fixture
def voyage(tmp_path: Path, dovecot) -> Voyage:
    """An account on loopback without TLS, with two folders."""
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.create("Work")
    voyage.deliver(message(1), message(2))
    return voyage


def imported(voyage: Voyage) -> set[str]:
    """Sync by a program of its own and return what it imported."""
    ran = run_program(voyage, "-u", "quiet", program=("-c", TELLING))
    assert (ran.returncode, ran.stderr) == (0, "")
    return set(ran.stdout.split())


def let_settle(folders: Iterable[Path]) -> None:
    """Let it be long ago that anything changed on disk: what has just changed may change again unseen."""
    for folder in folders:
        for part in ("new", "cur"):
            os.utime(folder / part, (1_600_000_000, 1_600_000_000))


def test_a_run_imports_only_what_its_work_needs(voyage: Voyage) -> None:
    first = imported(voyage)
    assert first >= {"postboat.imap.mailbox", "postboat.maildir.writer"}, "there was mail to copy"
    let_settle([voyage.folder(), voyage.folder("Work")])
    imported(voyage)
    unchanged = imported(voyage)
    assert not first & NEVER_BY_DEFAULT
    assert not unchanged & (NEVER_BY_DEFAULT | ONLY_FOR_CHANGES)
    voyage.assert_same("INBOX", "Work")


@pytest.mark.parametrize("module", sorted(NEVER_BY_DEFAULT | ONLY_FOR_CHANGES))
def test_what_is_not_imported_is_there(module: str) -> None:
    """Else the rule above would hold for a name that nobody uses any more."""
    assert find_spec(module)
