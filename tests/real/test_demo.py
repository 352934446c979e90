"""`make demo` plays through, and leaves what it promises to leave."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

DEMO = Path(__file__).resolve().parent.parent / "demo.py"
FOLDERS = {"INBOX": 5, "Sent": 3, "Lists/Postboat": 2, "Travel/Tickets": 2, "Entwürfe": 1}
AGREED = re.compile(r"^  (\S+) +(\d+) on the server, (\d+) on disk: the same$", re.MULTILINE)


@pytest.mark.timeout(120)
def test_the_demonstration_ends_in_step_and_leaves_its_mail(tmp_path):
    before = b"left by an earlier demonstration"
    (tmp_path / "demo-mail").mkdir()
    (tmp_path / "demo-mail" / "old").write_bytes(before)
    played = subprocess.run(
        [sys.executable, "-X", "utf8", str(DEMO), "--in", str(tmp_path)],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    parts = {heading: text for heading, _, text in (part.partition("\n") for part in played.stdout.split("\n== ")[1:])}
    assert_agreed(parts["Do both sides agree?"])
    third = parts["postboat, for the third time: there is nothing left to do"]
    assert "in step, 5 folders, nothing new" in third
    assert "nothing new" not in parts["postboat, for the second time"], "the second run had something to do"
    assert {left.name for left in tmp_path.iterdir()} == {"demo-mail", "demo-state"}
    assert not (tmp_path / "demo-mail" / "old").exists(), "an earlier demonstration's mail was left"
    assert on_disk(tmp_path / "demo-mail") == FOLDERS


def assert_agreed(verdicts: str) -> None:
    agreed = {name: (int(remote), int(local)) for name, remote, local in AGREED.findall(verdicts)}
    assert agreed == {name: (count, count) for name, count in FOLDERS.items()}, verdicts
    assert "DIFFERENT" not in verdicts


def on_disk(mail: Path) -> dict[str, int]:
    """How many messages each Maildir folder holds."""
    return {
        folder.name.replace(".", "/"): sum(1 for part in ("cur", "new") for _ in (folder / part).iterdir())
        for folder in mail.iterdir()
        if folder.is_dir()
    }
