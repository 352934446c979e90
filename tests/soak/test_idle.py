"""An hour in which nothing happens, in 200 folders: what it takes of the processor, of memory and of the line.

The events of the hour, its looks at everything and its signs of life, are pressed into fewer seconds; what goes on between
them is measured apart and counted for the whole hour. `make soak` gives it minutes, each run of the tests a few seconds.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.real.staying import Staying, configure
from tests.real.voyage import Voyage, append, message
from tests.servers.proxy import Proxy

pytestmark = pytest.mark.real

SECONDS = float(os.environ.get("POSTBOAT_IDLE", "2"))
HOUR = 3600.0
FOLDERS = 200
REFRESH, KEEPALIVE = 5 * 60.0, 240.0
"""Seconds between looks at everything, and between signs of life, in a real hour."""
LOOKS = int(HOUR / REFRESH)
CPU, MEMORY = 2.0, 90 << 20


def cpu(pid: int) -> float:
    """Seconds of processor that a process had, to a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_threads(pid: int) -> float:
    """The same, to a billionth, but without threads that ended."""
    times = (entry.read_text().split()[0] for entry in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(map(int, times)) / 1e9


def memory(pid: int) -> int:
    """The most memory it had, in octets."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def furnish(voyage: Voyage) -> None:
    with voyage.phone() as phone:
        for number in range(FOLDERS - 1):
            phone.create(f"folder-{number:03}")
            append(phone, f"folder-{number:03}", message(number))


@pytest.mark.timeout(SECONDS * 3 + 120)
async def test_an_idle_hour_costs_next_to_nothing(tmp_path, dovecot, tell):
    account = dovecot.account()
    await asyncio.to_thread(furnish, Voyage(tmp_path / "unused", account))
    async with Proxy(account.host, account.port) as line:
        still = await _spent(tmp_path, line, account, 0, clock=cpu_of_threads, autorefresh=60)
        pressed = SECONDS / HOUR
        options = f"holdconnectionopen = true\nkeepalive = {KEEPALIVE * pressed}"
        busy = await _spent(
            tmp_path, line, account, LOOKS, clock=cpu, autorefresh=REFRESH * pressed / 60, remote=options
        )
    spent = busy.cpu + still.cpu / SECONDS * HOUR
    tell(
        f"an idle hour: {spent:.2f} s of processor (of which {busy.cpu:.2f} s for what is to be done), "
        f"{max(busy.memory, still.memory) >> 20} MB, {busy.octets / 1000:.0f} kB on the line"
    )
    assert spent <= CPU * (1 if SECONDS >= 60 else 2)  # in seconds, a moment counts for minutes
    assert max(busy.memory, still.memory) <= MEMORY


class Spent:
    """What a Postboat took in the seconds it was watched."""

    cpu: float
    memory: int
    octets: int


async def _spent(home: Path, line: Proxy, account, looks: int, *, clock, **options) -> Spent:
    config = configure(home, line.host, line.port, account.user, account.password, **options)
    async with await Staying.start(config) as postboat:
        await postboat.wait_for("ServerWatched")
        await postboat.wait_for("DiskWatched")
        await postboat.wait_for("AccountRests")
        await asyncio.sleep(1)
        since, spent = len(postboat.events), Spent()
        before, octets = clock(postboat.pid), line.bytes_up + line.bytes_down
        await asyncio.sleep(SECONDS)
        while len(postboat.of("AccountFinished", since)) < looks:
            await asyncio.sleep(0.05)
        spent.cpu = clock(postboat.pid) - before
        spent.octets = line.bytes_up + line.bytes_down - octets
        spent.memory = memory(postboat.pid)
        assert not postboat.of("AccountWaits"), postboat.events
        assert await postboat.stop() == 143
    return spent
