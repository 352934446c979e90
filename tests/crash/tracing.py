"""Runs a program under ptrace and kills it before its n-th call that could change something on disk or on the wire.

    python tracing.py HOME MOMENT RECORD command ...

Calls count that concern a file below HOME or a socket. At MOMENT, before that call is made, all threads of the program get SIGKILL; MOMENT
0 never comes. RECORD is a file for the calls that were made, one JSON object a line (`Made`), and how many there were; "" keeps
nothing. What the program unlinks or replaces stays as a hard link in RECORD.attic, so that `power` can bring it back as
the same file. The exit code is the program's, -9 as 137.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[0] = str(Path(__file__).parents[2])  # run as a script

from tests.crash.ptrace import Call, traced  # noqa: E402 - found only now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITES = ("write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range")
SENDS = ("sendto", "sendmsg", "sendfile")
SYNCS = ("fsync", "fdatasync", "syncfs")
CREATES = os.O_CREAT | os.O_TRUNC
_PATHS: dict[str, tuple[tuple[int | None, int], ...]] = {
    # name: for each path, which argument is the directory's descriptor and which the path itself
    "open": ((None, 0),),
    "openat": ((0, 1),),
    "mkdir": ((None, 0),),
    "mkdirat": ((0, 1),),
    "rmdir": ((None, 0),),
    "rename": ((None, 0), (None, 1)),
    "renameat": ((0, 1), (2, 3)),
    "renameat2": ((0, 1), (2, 3)),
    "link": ((None, 0), (None, 1)),
    "linkat": ((0, 1), (2, 3)),
    "symlink": ((None, 1),),
    "symlinkat": ((1, 2),),
    "unlink": ((None, 0),),
    "unlinkat": ((0, 1),),
    "truncate": ((None, 0),),
}
_PLAIN = {"renameat2": "rename", "renameat": "rename", "linkat": "link", "unlinkat": "unlink", "mkdirat": "mkdir"}


@dataclass(slots=True)
class Made:
    """A call that was made: what it concerned when it began, and when it began and ended among all others."""

    kind: str
    paths: list[str]
    files: list[int]
    """Inode numbers of what lay there before, 0 for nothing."""
    began: int
    ended: int = 0
    offset: int = 0
    data: str = ""
    """What was written, in base64."""
    size: int = 0
    """The new length of what was cut to it."""
    new: int = 0
    """The inode number of what lies at the last path afterwards."""


class Recorder:
    """Takes down what calls concern, as they begin and end."""

    def __init__(self, home: str, record: Path | None) -> None:
        self._home, self._clock = home, 0
        self._attic = Path(f"{record}.attic") if record else None
        self._file = record.open("w") if record else None
        self._begun: dict[int, Made] = {}
        if self._attic:
            self._attic.mkdir()

    def concerns(self, call: Call) -> bool:
        """Whether the call could change a file below home, or tell the server something."""
        if call.name in _PATHS:
            if (
                call.name in ("open", "openat")
                and not call.arguments[len(_PATHS[call.name][0]) - (call.name == "open")] & CREATES
            ):
                return False
            return any(self._below(path) for path in _paths(call))
        about = call.descriptor(0)
        return about.startswith("socket:") if call.name in SENDS else about.startswith("socket:") or self._below(about)

    def _below(self, path: str) -> bool:
        return path.startswith(self._home)

    def begin(self, call: Call) -> None:
        """A call is about to be made."""
        self._clock += 1
        if self._file is None:
            return
        paths = _paths(call) if call.name in _PATHS else [call.descriptor(0)]
        made = Made(_PLAIN.get(call.name, call.name), paths, [_number(path) for path in paths], self._clock)
        if call.name == "unlinkat" and call.arguments[2] & 0x200:
            made.kind = "rmdir"
        if call.name in ("write", "writev"):
            made.offset = 0 if paths[0].startswith("socket:") else call.offset()
        elif call.name in ("pwrite64", "pwritev"):
            made.offset = call.arguments[3]
        elif call.name in ("ftruncate", "truncate"):
            made.size = call.arguments[1]
        elif call.name in ("open", "openat"):
            made.kind = "open"
        if made.kind in ("unlink", "rename"):
            self._keep(made)
        self._begun[call.thread] = made

    def _keep(self, made: Made) -> None:
        """Keep what is about to lose its name."""
        assert self._attic is not None
        victim, number = made.paths[-1], made.files[-1]
        if number and not (self._attic / str(number)).exists():
            os.link(victim, self._attic / str(number), follow_symlinks=False)

    def end(self, call: Call) -> None:
        """A call was made."""
        self._clock += 1
        made = self._begun.pop(call.thread, None)
        if made is None or self._file is None or call.result < 0:
            return
        made.ended = self._clock
        made.new = _number(made.paths[-1])
        if call.name in ("write", "pwrite64") and not made.paths[0].startswith("socket:"):
            made.data = base64.b64encode(call.octets(call.arguments[1], call.result)).decode()
        elif call.name in ("writev", "pwritev") and not made.paths[0].startswith("socket:"):
            made.data = base64.b64encode(call.vectors()[: call.result]).decode()
        json.dump(asdict(made), self._file)
        self._file.write("\n")

    def close(self) -> None:
        """End the record."""
        if self._file is not None:
            self._file.close()


def _paths(call: Call) -> list[str]:
    found = []
    for directory, path in _PATHS[call.name]:
        text = call.text(path)
        above = str(Path(f"/proc/{call.thread}/cwd").readlink()) if directory is None else None
        if not text.startswith("/"):
            text = f"{above if directory is None else call.descriptor(directory)}/{text}"
        found.append(os.path.normpath(text))
    return found


def _number(path: str) -> int:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return 0


def run(recorder: Recorder, moment: int, calls: Iterator[Call], told: Callable[[int], None]) -> int:
    """Let the program run to its end or to the moment; return its wait status."""
    passed, seen = 0, set()
    while True:
        try:
            call = next(calls)
        except StopIteration as end:
            told(passed)
            status: int = end.value
            return status
        if id(call) in seen:
            seen.discard(id(call))
            recorder.end(call)
        elif recorder.concerns(call):
            passed += 1
            if passed == moment:
                os.kill(call.thread, signal.SIGKILL)
                continue
            seen.add(id(call))
            recorder.begin(call)


def main(home: str, moment: str, record: str, *command: str) -> int:
    """Trace a program as the command line says."""
    recorder = Recorder(home, Path(record) if record else None)
    told = Path(f"{record}.moments").write_text if record else None
    calls = traced(command, os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    status = run(recorder, int(moment), calls, lambda count: told(str(count)) if told else None)
    recorder.close()
    return os.waitstatus_to_exitcode(status) % 256 if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
