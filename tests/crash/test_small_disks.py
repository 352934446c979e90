"""The whole program on disks that are full or read-only, and a program that is held up in the middle.

The disks are real file systems, small ones: what the kernel says is what the program hears. What could not be done is told
in a sentence, nothing is lost, and once there is room the next run brings the outcome of an unharmed one.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.crash.small_disk import SmallDisk
from tests.crash.trials import SEED, parts, points_of
from tests.crash.voyages import told
from tests.real.mixed import assert_recovers, change, prepare
from tests.real.program import finished, run_program, start
from tests.real.voyage import Voyage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import CompletedProcess, Popen

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

KB = 1 << 10
FULL, FULL_LEDGER = parts(5, whole=10), parts(3, whole=10)
MOST = 4500
"""kB that the mixed voyage needs at most."""
PAUSES = parts(4, whole=20)


@pytest.fixture
def disk(tmp_path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", "16m") as disk:
        yield disk


async def laden(dovecot, home, disk: SmallDisk, *aboard: str) -> Voyage:
    """A mixed voyage of which `mail`, `state` or both lie on the small disk."""
    voyage = Voyage(home, dovecot.account())
    if "mail" in aboard:
        voyage.mail = home / "mail"
        voyage.mail.symlink_to(disk.path / "mail")
        (disk.path / "mail").mkdir()
        voyage.config = replace(voyage.config, local=replace(voyage.config.local, localfolders=voyage.mail))
    if "state" in aboard:
        voyage.state = disk.path / "state"
    await prepare(voyage)
    change(voyage)
    return voyage


async def sync_program(voyage: Voyage, *options: str) -> CompletedProcess[str]:
    done = await asyncio.to_thread(run_program, voyage, *options)
    assert "Traceback" not in done.stderr + done.stdout and "internal" not in done.stderr + done.stdout, done
    return done


@pytest.mark.parametrize("aboard", [("mail",), ("mail", "state")], ids=["mail", "mail and state"])
@pytest.mark.parametrize("part", FULL)
async def test_a_disk_that_gets_full_anywhere_on_the_way_loses_nothing(
    dovecot, tmp_path, disk, calm, part, aboard, tried
):
    for point in points_of(part, FULL, 40):
        home = tmp_path / str(point)
        home.mkdir()
        voyage = await laden(dovecot, home, disk, *aboard)
        room = random.Random(f"{SEED} {point}").choice((point, MOST * point // 40)) * KB
        disk.fill(leaving=room)
        with told(f"{room} octets of room"):
            full = await sync_program(voyage)
            assert full.returncode in (0, 3), full
            assert full.returncode == 0 or "full" in full.stdout + full.stderr, full
            disk.empty()
            await assert_recovers(voyage, calm.outcome)
        tried("amounts of room on a full disk", 1)
        clear(voyage)


@pytest.mark.parametrize("part", FULL_LEDGER)
async def test_no_room_for_ledger_and_quarantine_deletes_nothing(dovecot, tmp_path, disk, calm, part, tried):
    """The mail lies on another disk, which has room: what is to be quarantined must be copied."""
    for point in points_of(part, FULL_LEDGER, 30):
        home = tmp_path / str(point)
        home.mkdir()
        voyage = await laden(dovecot, home, disk, "state")
        disk.fill(leaving=4 * KB * point)
        with told(f"{4 * point} kB of room for the state"):
            full = await sync_program(voyage)
            assert full.returncode in (0, 3), full
            disk.empty()
            await assert_recovers(voyage, calm.outcome)
        tried("amounts of room on a full disk", 1)
        clear(voyage)


@pytest.mark.parametrize("aboard", ["mail", "state"])
async def test_a_file_system_that_turned_read_only_is_told_and_loses_nothing(dovecot, tmp_path, disk, calm, aboard):
    voyage = await laden(dovecot, tmp_path, disk, aboard)
    disk.protect()
    for _ in range(2):
        refused = await sync_program(voyage)
        assert refused.returncode == 3, refused
        assert "read-only" in (refused.stdout + refused.stderr).lower() or "written" in refused.stdout + refused.stderr
    disk.unprotect()
    await assert_recovers(voyage, calm.outcome)


@pytest.mark.parametrize("aboard", ["mail", "state"])
async def test_a_file_system_that_turns_read_only_in_the_middle_loses_nothing(dovecot, tmp_path, disk, calm, aboard):
    voyage = await laden(dovecot, tmp_path, disk, aboard)
    process = start(voyage)
    await asyncio.sleep(0.2)
    protected = await asyncio.to_thread(protect_soon, disk, process)
    done = await asyncio.to_thread(finished, process)
    assert done.returncode in (0, 3) and "Traceback" not in done.stderr, done
    disk.unprotect()
    assert protected or aboard == "state", "the ledger is open all the time"
    await assert_recovers(voyage, calm.outcome)


def protect_soon(disk: SmallDisk, process: Popen[str]) -> bool:
    """Make the disk read-only at the first moment at which no file on it is being written."""
    while process.poll() is None:
        if disk.protect():
            return True
    return disk.protect()


@pytest.mark.parametrize("part", PAUSES)
async def test_who_is_stopped_and_goes_on_later_loses_nothing(ready, calm, part, tried):
    """As a laptop that sleeps: at several moments, longer than the program waits for its server."""
    for point in points_of(part, PAUSES, 40):
        chance = random.Random(f"{SEED} {point}")
        voyage = await ready()
        voyage.vary(timeout=0.5)
        process = start(voyage)
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGSTOP)
                await asyncio.sleep(0.7)
                os.kill(process.pid, signal.SIGCONT)
        with told(f"stopped as seed {SEED} {point} says"):
            done = await asyncio.to_thread(finished, process)
            assert done.returncode in (0, 3, 4) and "Traceback" not in done.stderr, done
            voyage.vary(timeout=20)
            await assert_recovers(voyage, calm.outcome)
        tried("programs stopped and continued", 1)
        shutil.rmtree(voyage.mail.parents[1])


def clear(voyage: Voyage) -> None:
    """Make room for the next."""
    shutil.rmtree(voyage.mail.resolve())
    shutil.rmtree(voyage.state)
