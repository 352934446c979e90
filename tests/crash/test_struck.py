"""The real program gets SIGKILL at a system call: before any that could change the disk or tell the server something.

It happens on a mixed voyage with Dovecot, and again on the voyage that makes it good. Whatever was done by then, the next undisturbed
run brings the outcome of an unharmed one: nothing lost, nothing doubled.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.trials import ALL, SEED, parts, points_of
from tests.crash.voyages import struck, told
from tests.real.mixed import assert_recovers
from tests.real.program import run_program

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only"),
    pytest.mark.timeout(600),
]

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


def test_the_voyage_has_calls_of_every_kind_to_die_at(calm):
    wanted = {"write", "pwrite64", "renameat2", "fsync", "fdatasync", "syncfs", "mkdirat", "openat"}
    assert wanted <= calm.kinds.keys(), calm.kinds
    assert {"unlink", "unlinkat"} & calm.kinds.keys()
    assert calm.moments > 200


@pytest.mark.parametrize("part", ONCE)
async def test_who_is_killed_at_a_system_call_loses_nothing_and_doubles_nothing(ready, calm, part, tried):
    for point in points_of(part, ONCE, calm.moments):
        voyage = await ready()
        died = await asyncio.to_thread(struck, voyage, point + 1)
        assert_died(died, late=point > calm.moments * 0.9)
        with told(f"killed at call {point + 1} of {calm.moments}"):
            await assert_recovers(voyage, calm.outcome)
        tried("system calls struck", 1)
        shutil.rmtree(voyage.mail.parents[1])


@pytest.mark.parametrize("part", TWICE)
async def test_who_is_killed_at_a_system_call_of_the_recovery_too_loses_nothing(ready, calm, part, tried):
    """The second voyage has fewer moments than the first by what that one did: later ones may not come."""
    for point in points_of(part, TWICE, calm.moments // 10):
        chance = random.Random(f"{SEED} {point}")
        first = 10 * point + chance.randint(1, 10)
        for second in sorted(chance.sample(range(1, calm.moments - first + 20), SECOND_BLOWS)):
            voyage = await ready()
            for moment in (first, second):
                assert_died(await asyncio.to_thread(struck, voyage, moment), late=True)
            with told(f"killed at call {first}, then at {second}"):
                await assert_recovers(voyage, calm.outcome)
            tried("system calls struck in a recovery", 1)
            shutil.rmtree(voyage.mail.parents[1])


def assert_died(died: CompletedProcess[str], *, late: bool) -> None:
    """It was killed; or, when that is allowed, was through before."""
    assert died.returncode == 128 + signal.SIGKILL or (late and died.returncode == 0), died
    assert "Traceback" not in died.stderr, died


if ALL:  # strace need not be installed where only samples are taken

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
