"""Runs a program under ptrace and kills it before its n-th call that could change something on disk or on the wire.

    python tracing.py HOME MOMENT RECORD command ...

Calls count that concern a file below HOME or a socket. At MOMENT, before that call is made, all threads of the program
get SIGKILL; MOMENT 0 never comes. RECORD is a file for the calls that were made, one JSON object a line (`Made`);
RECORD.moments says how many there were; "" keeps nothing. What the program unlinks or replaces stays as a hard link in
RECORD.attic, so that `power` can bring it back as the same file. The exit code is the program's, after a signal 128 and
its number.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[0] = str(Path(__file__).parents[2])  # run as a script

from tests.crash.ptrace import Call, traced  # noqa: E402 - found only now

if TYPE_CHECKING:
    from collections.abc import Iterator

SENDS = ("sendto", "sendmsg", "sendfile")
OPENS = ("open", "openat")
STREAMS = ("write", "writev")
_CREATES = os.O_CREAT | os.O_TRUNC
_REMOVES_DIRECTORY = 0x200
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
_KINDS = {
    "openat": "open",
    "mkdirat": "mkdir",
    "renameat": "rename",
    "renameat2": "rename",
    "linkat": "link",
    "unlinkat": "unlink",
    "pwrite64": "write",
    "pwritev": "write",
    "writev": "write",
    "ftruncate": "truncate",
    "fdatasync": "fsync",
}


@dataclass(slots=True)
class Made:
    """A call that was made, and when it began and ended among all others."""

    call: str
    kind: str
    """What it does, whichever of several calls for that it was."""
    paths: list[str]
    files: list[int]
    """Inode numbers of what it concerned when it began, 0 for nothing."""
    began: int
    ended: int = 0
    offset: int = 0
    data: str = ""
    """What was written, in base64."""
    size: int = 0
    """The length of what was cut to it."""
    new: int = 0
    """The inode number of what lies at the last path afterwards."""
    times: list[int] = field(default_factory=list)
    """For each path, the mtime that its directory has afterwards, in ns."""

    @property
    def octets(self) -> bytes:
        """What was written."""
        return base64.b64decode(self.data)


class Recorder:
    """Takes down what calls concern, as they begin and end."""

    def __init__(self, home: str, record: Path | None) -> None:
        self._home, self._clock = home, 0
        self._attic = Path(f"{record}.attic")
        self._file = record.open("w") if record else None
        self._begun: dict[int, Made] = {}
        if record:
            self._attic.mkdir()

    def concerns(self, call: Call) -> bool:
        """Whether the call could change a file below home, or tell the server something."""
        if call.name in OPENS and not _flags(call) & _CREATES:
            return False
        if call.name in _PATHS:
            return any(path.startswith(self._home) for path in _paths(call))
        about = call.descriptor(0)
        return about.startswith("socket:") or (call.name not in SENDS and about.startswith(self._home))

    def begin(self, call: Call) -> None:
        """A call is about to be made."""
        self._clock += 1
        if self._file is None:
            return
        kind = _KINDS.get(call.name, call.name)
        if call.name in _PATHS:
            paths = _paths(call)
            made = Made(call.name, kind, paths, [_number(path) for path in paths], self._clock)
        else:
            number = os.stat(f"/proc/{call.thread}/fd/{call.arguments[0]}").st_ino
            made = Made(call.name, kind, [call.descriptor(0)], [number], self._clock)
        self._add_details(call, made)
        self._begun[call.thread] = made

    def _add_details(self, call: Call, made: Made) -> None:
        if call.name in OPENS and made.files[0] and _flags(call) & os.O_TRUNC:
            made.kind = "truncate"
        elif call.name == "unlinkat" and call.arguments[2] & _REMOVES_DIRECTORY:
            made.kind = "rmdir"
        elif call.name in STREAMS and not made.paths[0].startswith("socket:"):
            made.offset = call.offset()
        elif call.name in ("pwrite64", "pwritev"):
            made.offset = call.arguments[3]
        elif call.name in ("ftruncate", "truncate"):
            made.size = call.arguments[1]
        if made.kind in ("unlink", "rename"):
            self._keep(made.paths[-1], made.files[-1])

    def _keep(self, victim: str, number: int) -> None:
        """Keep what is about to lose its name."""
        if number and not (self._attic / str(number)).exists():
            os.link(victim, self._attic / str(number), follow_symlinks=False)

    def end(self, call: Call) -> None:
        """A call was made."""
        self._clock += 1
        made = self._begun.pop(call.thread, None)
        if made is None or self._file is None or call.result < 0:
            return
        made.ended = self._clock
        if call.name in _PATHS:
            made.new = _number(made.paths[-1])
            made.times = [os.stat(Path(path).parent).st_mtime_ns for path in made.paths]
        elif made.kind == "write" and not made.paths[0].startswith("socket:"):
            octets = call.vectors() if call.name.endswith("v") else call.octets(call.arguments[1], call.result)
            made.data = base64.b64encode(octets[: call.result]).decode()
        json.dump(asdict(made), self._file)
        self._file.write("\n")

    def close(self) -> None:
        """End the record."""
        if self._file is not None:
            self._file.close()


def _flags(call: Call) -> int:
    return call.arguments[2 if call.name == "openat" else 1]


def _paths(call: Call) -> list[str]:
    found = []
    for directory, path in _PATHS[call.name]:
        text = call.text(path)
        if not text.startswith("/"):
            above = (
                str(Path(f"/proc/{call.thread}/cwd").readlink()) if directory is None else call.descriptor(directory)
            )
            text = f"{above}/{text}"
        found.append(os.path.normpath(text))
    return found


def _number(path: str) -> int:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return 0


def run(recorder: Recorder, moment: int, calls: Iterator[Call]) -> tuple[int, int]:
    """Let the program run to its end or to the moment; return its wait status and how many moments passed."""
    passed = 0
    begun: set[int] = set()
    while True:
        try:
            call = next(calls)
        except StopIteration as end:
            return end.value, passed
        if call.thread in begun:
            begun.discard(call.thread)
            recorder.end(call)
        elif not call.made and recorder.concerns(call):
            passed += 1
            if passed == moment:
                os.kill(call.thread, signal.SIGKILL)
            else:
                begun.add(call.thread)
                recorder.begin(call)


def main(home: str, moment: str, record: str, *command: str) -> int:
    """Trace a program as the command line says."""
    recorder = Recorder(home, Path(record) if record else None)
    status, passed = run(recorder, int(moment), traced(command, os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}))
    recorder.close()
    if record:
        Path(f"{record}.moments").write_text(str(passed))
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
