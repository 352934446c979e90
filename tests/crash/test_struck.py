"""The real program gets SIGKILL at a system call: before any that could change the disk or tell the server something.

It happens on a mixed voyage with Dovecot, and again on the voyage that makes it good. Whatever was done by then, the next undisturbed
run brings the outcome of an unharmed one: nothing lost, nothing doubled.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.trials import SEED, parts, points_of
from tests.real.mixed import Census, assert_agreed, assert_recovers, change, prepare
from tests.real.program import run_program
from tests.real.voyage import Voyage

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only"),
    pytest.mark.timeout(600),
]

TRACING = str(Path(__file__).with_name("tracing.py"))
ONCE, TWICE = parts(14), parts(5, whole=20)
SECOND_BLOWS = 4
"""Moments at which the recovery is struck as well, for each of every tenth moments of the first voyage."""

READS = """
    access accept4 bind brk chdir close connect dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd
    eventfd2 execve faccessat faccessat2 fadvise64 fcntl fgetxattr flock fstat fstatfs getcwd getdents64 getpeername
    getsockname getsockopt getxattr inotify_init1 ioctl io_uring_enter io_uring_setup listen lseek lstat memfd_create
    mmap mprotect newfstatat pipe pipe2 poll ppoll pread64 preadv pselect6 read readlink readlinkat readv recvfrom
    recvmsg select setsockopt shutdown socket socketpair stat statfs statx timerfd_create
"""
"""Calls that change nothing; by io_uring the event loop only says what it waits for."""


@dataclass(frozen=True)
class Unharmed:
    """What the voyage comes to when nobody dies, and at how many moments somebody could."""

    outcome: Census
    moments: int
    kinds: Counter[str]


def struck(voyage: Voyage, moment: int, record: str = "") -> CompletedProcess[str]:
    """Run the program and kill it at a moment; 0: never."""
    return run_program(voyage, under=(sys.executable, TRACING, f"{voyage.mail.parent}/", str(moment), record))


@pytest.fixture(scope="session")
def unharmed(dovecot, tmp_path_factory) -> Unharmed:
    base = tmp_path_factory.mktemp("unharmed")
    (base / "home").mkdir()
    voyage = Voyage(base / "home", dovecot.account())
    asyncio.run(prepare(voyage))
    change(voyage)
    done = struck(voyage, 0, str(base / "record"))
    assert done.returncode == 0, done
    kinds = Counter(json.loads(line)["kind"] for line in (base / "record").read_text().splitlines())
    return Unharmed(assert_agreed(voyage), int((base / "record.moments").read_text()), kinds)


@pytest.fixture
async def ready(dovecot, tmp_path):
    """Makes voyages before which lies a mixed run."""
    numbers = iter(range(1000))

    async def make() -> Voyage:
        voyage = Voyage(tmp_path / str(next(numbers)), dovecot.account())
        voyage.mail.parent.mkdir()
        await prepare(voyage)
        await asyncio.to_thread(change, voyage)
        return voyage

    return make


def test_the_voyage_has_calls_of_every_kind_to_die_at(unharmed):
    wanted = {"write", "pwrite64", "rename", "unlink", "fsync", "fdatasync", "syncfs", "mkdir", "open"}
    assert wanted <= unharmed.kinds.keys(), unharmed.kinds
    assert unharmed.moments > 200


@pytest.mark.parametrize("part", ONCE)
async def test_who_is_killed_at_a_system_call_loses_nothing_and_doubles_nothing(ready, unharmed, part, tried):
    for point in points_of(part, ONCE, unharmed.moments):
        voyage = await ready()
        died = await asyncio.to_thread(struck, voyage, point + 1)
        assert_died(died, late=point > unharmed.moments * 0.9)
        with told(f"killed at call {point + 1} of {unharmed.moments}"):
            await assert_recovers(voyage, unharmed.outcome)
        tried("system calls struck", 1)
        shutil.rmtree(voyage.mail.parent)


@pytest.mark.parametrize("part", TWICE)
async def test_who_is_killed_at_a_system_call_of_the_recovery_too_loses_nothing(ready, unharmed, part, tried):
    """The second voyage has fewer moments than the first by what that one did: later ones may not come."""
    for point in points_of(part, TWICE, unharmed.moments // 10):
        chance = random.Random(f"{SEED} {point}")
        first = 10 * point + chance.randint(1, 10)
        for second in sorted(chance.sample(range(1, unharmed.moments - first + 20), SECOND_BLOWS)):
            voyage = await ready()
            for moment in (first, second):
                assert_died(await asyncio.to_thread(struck, voyage, moment), late=True)
            with told(f"killed at call {first}, then at {second}"):
                await assert_recovers(voyage, unharmed.outcome)
            tried("system calls struck in a recovery", 1)
            shutil.rmtree(voyage.mail.parent)


def assert_died(died: CompletedProcess[str], *, late: bool) -> None:
    """It was killed; or, when that is allowed, was through before."""
    assert died.returncode == 128 + signal.SIGKILL or (late and died.returncode == 0), died
    assert "Traceback" not in died.stderr, died


class told:
    """Says in a failure what was done before."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            error.add_note(self.what)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_strace_sees_no_kind_of_change_that_the_tracer_does_not_know(ready, tmp_path):
    """The tracer has its own list of calls: whatever else strace counts as one about files or sockets only reads."""
    voyage = await ready()
    table = tmp_path / "calls"
    under = ("strace", "-f", "-qq", "-c", "-U", "name", "-o", str(table), "-e", "trace=%file,%desc,%net")
    done = await asyncio.to_thread(run_program, voyage, under=under)
    assert done.returncode == 0, done
    seen = {line.strip() for line in table.read_text().splitlines()} - {"", "syscall", "----------------", "total"}
    assert "renameat2" in seen
    metadata = {"chmod", "fchmod", "fchmodat", "utimensat", "chown", "fchown"}  # lose and double nothing
    unknown = seen - frozenset(READS.split()) - metadata - set(ptrace.NUMBERS)
    assert not unknown
