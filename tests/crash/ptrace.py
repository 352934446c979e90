"""Stops a program before each of its system calls that could change anything, threads and all: ptrace(2) and seccomp(2).

strace can kill a program at its n-th call as well, but counts each thread and each kind of call by itself, so that
many moments of a program with threads are out of its reach. Here all calls are in one row. A BPF program has
the kernel stop the traced threads at those calls only, so that tracing costs next to nothing.

It lives in a process that has no other children (`tracing`): it waits for all it has.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

NUMBERS = {
    # name: on x86_64, on aarch64
    "write": (1, 64),
    "pwrite64": (18, 68),
    "writev": (20, 66),
    "pwritev": (296, 70),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "syncfs": (306, 267),
    "open": (2, None),
    "openat": (257, 56),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "copy_file_range": (326, 285),
    "sendfile": (40, 71),
}
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_TRACEME, _CONT, _SYSCALL, _SETOPTIONS, _CALL_INFO = 0, 7, 24, 0x4200, 0x420E
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000  # sysgood fork vfork clone exec seccomp exitkill
_CALL_STOP, _SECCOMP_STOP, _EXIT_OF_CALL = signal.SIGTRAP | 0x80, 7, 2
_WALL = 0x40000000
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long] * 4
_libc.ptrace.restype = ctypes.c_long


@dataclass(slots=True)
class Call:
    """A system call that is about to be made."""

    thread: int
    name: str
    arguments: tuple[int, ...]
    result: int = 0
    """What it returned, once it has; below 0: minus an errno."""
    made: bool = False

    def text(self, argument: int) -> str:
        """The string that an argument points to."""
        pieces, at = b"", self.arguments[argument]
        while b"\0" not in pieces:
            pieces += self.octets(at + len(pieces), 4096 - (at + len(pieces)) % 4096)
        return os.fsdecode(pieces.partition(b"\0")[0])

    def octets(self, address: int, size: int) -> bytes:
        """What lies in the program's memory."""
        with Path(f"/proc/{self.thread}/mem").open("rb", buffering=0) as memory:
            memory.seek(address)
            octets = b""
            while len(octets) < size and (more := memory.read(size - len(octets))):
                octets += more
            return octets

    def vectors(self) -> bytes:
        """What the second and third argument of writev(2) stand for."""
        pairs = struct.iter_unpack("QQ", self.octets(self.arguments[1], 16 * self.arguments[2]))
        return b"".join(self.octets(base, length) for base, length in pairs)

    def descriptor(self, argument: int) -> str:
        """What the kernel calls the file, directory or socket that an argument is a descriptor of."""
        fd = ctypes.c_int(self.arguments[argument]).value
        place = "cwd" if fd == -100 else f"fd/{fd}"
        try:
            return str(Path(f"/proc/{self.thread}/{place}").readlink())
        except OSError:
            return ""

    def offset(self) -> int:
        """Where a write(2) to the first argument begins."""
        said = Path(f"/proc/{self.thread}/fdinfo/{self.arguments[0]}").read_text()
        return int(said.split("pos:")[1].split()[0])


def supported() -> bool:
    """Whether programs can be traced on this machine."""
    return platform.system() == "Linux" and platform.machine() in _ARCHITECTURES


def traced(command: Sequence[str], environment: Mapping[str, str]) -> Generator[Call, None, int]:
    """Run a program; yield each call twice, before and after it is made. Returns the wait status.

    Whoever takes no more calls ends the program: the generator's end kills it, as its own process's end does.
    """
    numbers, token = _table()
    program = os.fork()
    if not program:
        _become(command, environment, list(numbers), token)
    os.waitpid(program, 0)
    _ptrace(_SETOPTIONS, program, _OPTIONS)
    _ptrace(_CONT, program, 0)
    pending: dict[int, Call] = {}
    while True:
        thread, status = os.waitpid(-1, _WALL)
        if not os.WIFSTOPPED(status):
            if thread == program:
                return status
            continue
        request, deliver = _CONT, 0
        if status >> 8 == signal.SIGTRAP | _SECCOMP_STOP << 8:
            pending[thread] = call = _call(thread, numbers)
            yield call
            request = _SYSCALL
        elif os.WSTOPSIG(status) == _CALL_STOP:
            operation, result = _outcome(thread)
            if operation != _EXIT_OF_CALL:
                request = _SYSCALL
            elif (made := pending.pop(thread, None)) is not None:
                made.made, made.result = True, result
                yield made
        elif not status >> 16 and os.WSTOPSIG(status) != signal.SIGSTOP:
            deliver = os.WSTOPSIG(status)
        _ptrace(request, thread, deliver, gone=True)


def _table() -> tuple[dict[int, str], int]:
    column, token = _ARCHITECTURES[platform.machine()]
    return {row[column]: name for name, row in NUMBERS.items() if row[column] is not None}, token


def _become(command: Sequence[str], environment: Mapping[str, str], numbers: list[int], token: int) -> None:
    """Turn the child into the program."""
    try:
        _ptrace(_TRACEME, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        code = _filter(numbers, token)
        buffer = ctypes.create_string_buffer(code, len(code))
        program = ctypes.create_string_buffer(struct.pack("H6xQ", len(code) // 8, ctypes.addressof(buffer)))
        if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or _libc.prctl(_SET_SECCOMP, _FILTER, program, 0, 0):
            os._exit(126)
        os.execvpe(command[0], list(command), dict(environment))
    finally:
        os._exit(127)


def _filter(numbers: list[int], token: int) -> bytes:
    """Stop at `numbers`, let all else pass: in the words of struct sock_filter."""
    load, equal, give = 0x20, 0x15, 0x06
    rows = [(load, 0, 0, 4), (equal, 0, len(numbers) + 1, token), (load, 0, 0, 0)]
    rows += [(equal, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    rows += [(give, 0, 0, _ALLOW), (give, 0, 0, _TRACE)]
    return b"".join(struct.pack("HBBI", *row) for row in rows)


def _call(thread: int, numbers: Mapping[int, str]) -> Call:
    number, *arguments = struct.unpack_from("7Q", _information(thread), 24)
    return Call(thread, numbers[number], tuple(arguments))


def _outcome(thread: int) -> tuple[int, int]:
    said = _information(thread)
    return said[0], struct.unpack_from("q", said, 24)[0]


def _information(thread: int) -> bytes:
    buffer = ctypes.create_string_buffer(96)
    _ptrace(_CALL_INFO, thread, ctypes.addressof(buffer), size=len(buffer), gone=True)
    return buffer.raw


def _ptrace(request: int, thread: int, data: int, *, size: int = 0, gone: bool = False) -> None:
    if _libc.ptrace(request, thread, size, data) < 0:
        code = ctypes.get_errno()
        if not (gone and code == 3):  # ESRCH: it was killed meanwhile
            raise OSError(code, os.strerror(code))
