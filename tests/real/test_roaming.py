"""The network of a machine changes, in a network namespace of the test's own: what is told, and that no more is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

OWN_NETWORK = ("unshare", "--net", "--map-root-user")
ROAMING = Path(__file__).with_name("roaming.py")


def possible() -> bool:
    """Say whether this user may make networks here: some machines keep them to root."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    tried = (*OWN_NETWORK, "ip", "link", "add", "a0", "type", "veth", "peer", "name", "a1")
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


if possible():  # what a kernel said is read in the unit tests, wherever they run

    def test_going_from_one_network_to_another_is_told_step_by_step():
        done = subprocess.run(
            (*OWN_NETWORK, sys.executable, ROAMING), capture_output=True, text=True, check=False, timeout=60
        )
        assert done.stderr == ""
        assert [json.loads(line) for line in done.stdout.splitlines()] == [
            ["wifi", [], ["192.0.2.7"], True],
            ["other wifi", ["192.0.2.7"], ["198.51.100.7"], True],
            ["moment", [], [], True],
            ["cable", [], ["203.0.113.7"], True],
            ["far away", ["198.51.100.7"], [], True],
        ]
