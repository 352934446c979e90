"""Runs a program and tells what it took of time, processor and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

LAUNCHER = Path(__file__).with_name("launch.py")
LIMIT = 1800
"""Seconds after which a program is ended and has failed."""
WORDS = 1500
"""Characters of what a failed program said that are worth showing."""


class ProgramFailed(Exception):
    """A program ended badly or left something undone; the text says which and how."""


@dataclass(frozen=True)
class Usage:
    """What one run took, the start of the program included: seconds, seconds of processor, octets."""

    seconds: float
    cpu: float
    memory: int


def run(command: Sequence[str | Path], *, home: Path, env: dict[str, str]) -> Usage:
    """Run a program to its end on a disk without unwritten data; raise ProgramFailed unless it ends with 0."""
    os.sync()
    result, said = home / "usage", home / "said"
    launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(result), str(LIMIT))
    with said.open("wb") as output:
        _wait([*launcher, *map(str, command)], cwd=home, env=env, stdout=output, stderr=subprocess.STDOUT)
    seconds, cpu, memory, code = result.read_text().split()
    if code != "0":
        words = said.read_text(errors="replace")[-WORDS:]
        raise ProgramFailed(f"{Path(command[0]).name}: exit status {code} after {float(seconds):.1f} s\n{words}")
    return Usage(float(seconds), float(cpu), int(memory))


def _wait(command: list[str], **options: Any) -> None:
    """Wait for a process, and end it and what it started if anything else ends the wait."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options) as process:
        try:
            process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
