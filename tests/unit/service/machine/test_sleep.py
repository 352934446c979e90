"""Sleep, announced by logind and shown by the clocks: told once, whoever sees it, and never slept through."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from tests.fakes.logind import FakeLogind
from tests.servers.private_bus import PrivateBus

from postboat.service.machine import sleep
from postboat.service.machine.clocks import Clocks
from postboat.service.machine.dbus import NoBus, system_bus
from postboat.service.machine.logind import Logind
from postboat.service.machine.sleep import SleepWatch

HOURS = 28_800.0


class Machine:
    """A machine whose clocks a test moves, and what its program is told of it."""

    def __init__(self) -> None:
        self._suspended = self._set_by = 0.0
        self.clocks = Clocks(
            wall=lambda: time.time() + self._suspended + self._set_by,
            boot=lambda: time.monotonic() + self._suspended,
        )
        self.told: list[str | float] = []
        self.heard = asyncio.Event()

    def sleep(self, seconds: float) -> None:
        """Stand still so long, but for the clocks that do not."""
        self._suspended += seconds

    def set_clock(self, by: float) -> None:
        """Set the wall clock."""
        self._set_by += by

    async def before(self) -> None:
        self._note("before")

    def after(self, seconds: float) -> None:
        self._note(round(seconds))

    def _note(self, what: str | float) -> None:
        self.told.append(what)
        self.heard.set()

    async def tells(self, *what: str | float) -> None:
        """Wait until just this was told."""
        async with asyncio.timeout(5):
            while len(self.told) < len(what):
                self.heard.clear()
                await self.heard.wait()
        assert self.told == list(what)


async def nobody() -> NoBus:
    return NoBus("no bus here")


@asynccontextmanager
async def running(watch: SleepWatch):
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0)  # it looks at the clocks
    try:
        yield task
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture(scope="module")
def bus():
    with PrivateBus() as bus:
        yield bus


def watching(machine, bus=None, *, tick=0.01, quiet_tick=0.01, before=None) -> SleepWatch:
    async def connect():
        return await system_bus({"DBUS_SYSTEM_BUS_ADDRESS": bus.address}) if bus else await nobody()

    return SleepWatch(
        before or machine.before, machine.after, clocks=machine.clocks, bus=connect, tick=tick, quiet_tick=quiet_tick
    )


NEVER = 3600.0
"""A tick that does not come: what is told then is told by logind."""


async def test_without_a_bus_the_clocks_tell_of_a_sleep_once(machine):
    async with running(watching(machine)):
        machine.sleep(HOURS)
        await machine.tells(HOURS)
        await asyncio.sleep(0.05)
        await machine.tells(HOURS)


async def test_every_sleep_is_told(machine):
    async with running(watching(machine)):
        machine.sleep(HOURS)
        await machine.tells(HOURS)
        machine.sleep(60)
        await machine.tells(HOURS, 60)


async def test_a_clock_that_is_set_back_voids_moments_but_took_no_time(machine):
    async with running(watching(machine)):
        machine.set_clock(-7200)
        await machine.tells(0)


async def test_nothing_is_told_while_nothing_happens(machine):
    async with running(watching(machine)):
        await asyncio.sleep(0.1)
        machine.sleep(3)
        machine.set_clock(-10)
        await asyncio.sleep(0.05)
    assert machine.told == []


async def test_time_before_the_watch_began_is_no_sleep(machine):
    watch = watching(machine)
    machine.sleep(HOURS)
    async with running(watch):
        await asyncio.sleep(0.05)
    assert machine.told == []


async def test_logind_waits_until_all_is_done_before_a_sleep_and_will_wait_again_after_it(machine, bus):
    done = asyncio.Event()

    async def before() -> None:
        await machine.before()
        await done.wait()

    async with (
        FakeLogind(bus.address) as logind,
        running(watching(machine, bus, tick=NEVER, quiet_tick=NEVER, before=before)),
    ):
        lock = await logind.locks.get()
        assert (lock.what, lock.who, lock.mode) == ("sleep", "Postboat", "delay")
        await logind.announce(True)
        await machine.tells("before")
        assert not lock.released.is_set()
        done.set()
        await lock.released.wait()
        machine.sleep(HOURS)
        await logind.announce(False)
        await machine.tells("before", HOURS)
        again = await logind.locks.get()
        await logind.announce(True)
        await again.released.wait()
        assert logind.open_locks == 0


async def test_a_sleep_is_held_up_no_longer_than_we_were_granted(machine, bus):
    cancelled = asyncio.Event()

    async def before() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with (
        FakeLogind(bus.address, delay=0.2) as logind,
        running(watching(machine, bus, tick=NEVER, quiet_tick=NEVER, before=before)),
    ):
        lock = await logind.locks.get()
        await logind.said_delay.wait()
        await logind.announce(True)
        async with asyncio.timeout(3):
            await lock.released.wait()
            await cancelled.wait()
        await logind.announce(False)
        await machine.tells(0)


@pytest.mark.parametrize(("delay", "patience"), [(5.0, 4.0), (60.0, 4.0), (1.0, 0.8)])
async def test_we_take_less_than_logind_grants_and_never_more_than_four_seconds(bus, delay, patience):
    async with FakeLogind(bus.address, delay=delay):
        made = await system_bus({"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
        async with made:
            logind = Logind(made)
            await logind.hold()
            assert logind.patience == pytest.approx(patience)
            logind.release()


async def test_a_watch_that_ends_gives_its_lock_back(machine, bus):
    async with FakeLogind(bus.address) as logind:
        async with running(watching(machine, bus)):
            lock = await logind.locks.get()
            await logind.said_delay.wait()  # it was received
        async with asyncio.timeout(1):
            await lock.released.wait()


async def test_what_fails_before_a_sleep_does_not_hold_it_up(machine, bus):
    async def before() -> None:
        raise OSError("nothing works")

    async with FakeLogind(bus.address) as logind, running(watching(machine, bus, before=before)):
        lock = await logind.locks.get()
        await logind.announce(True)
        async with asyncio.timeout(1):
            await lock.released.wait()
        await logind.announce(False)
        await machine.tells(0)


async def test_a_sleep_that_clocks_and_logind_both_see_is_told_once(machine, bus):
    async with FakeLogind(bus.address) as logind, running(watching(machine, bus)):
        await logind.locks.get()
        await logind.announce(True)
        await machine.tells("before")
        machine.sleep(HOURS)
        await machine.tells("before", HOURS)  # the clocks were first
        await logind.announce(False)
        await logind.locks.get()
        await asyncio.sleep(0.05)
        await machine.tells("before", HOURS)


async def test_an_announced_sleep_that_does_not_come_about_is_over_all_the_same(machine, bus):
    async with FakeLogind(bus.address) as logind, running(watching(machine, bus)):
        machine.sleep(HOURS)
        await machine.tells(HOURS)
        await logind.announce(True)
        await logind.announce(False)
        await machine.tells(HOURS, "before", 0)


async def test_the_end_of_a_sleep_whose_beginning_was_not_heard_counts_by_the_clocks(machine, bus):
    async with FakeLogind(bus.address) as logind, running(watching(machine, bus, tick=NEVER, quiet_tick=60.0)):
        await logind.locks.get()
        await logind.announce(False)
        await logind.locks.get()
        assert machine.told == []
        assert logind.open_locks == 1
        machine.sleep(HOURS)
        await logind.announce(False)
        await machine.tells(HOURS)


async def test_a_logind_that_refuses_to_wait_still_announces(machine, bus):
    async with FakeLogind(bus.address, refuses=True) as logind, running(watching(machine, bus)):
        await logind.refused.wait()
        await logind.announce(True)
        await machine.tells("before")
        await logind.announce(False)
        await machine.tells("before", 0)


async def test_a_restart_of_logind_is_survived(machine, bus):
    async with running(watching(machine, bus)):
        async with FakeLogind(bus.address) as first:
            lock = await first.locks.get()
            assert not lock.released.is_set()
        async with FakeLogind(bus.address) as second:
            await second.locks.get()
            await second.announce(True)
            await machine.tells("before")
            await second.announce(False)
            await machine.tells("before", 0)
            await second.locks.get()
            assert second.open_locks == 1


async def test_a_logind_that_ends_between_announcement_and_sleep_leaves_nobody_waiting(machine, bus):
    async with running(watching(machine, bus)):
        async with FakeLogind(bus.address) as first:
            await first.locks.get()
            await first.announce(True)
            await machine.tells("before")
        await machine.tells("before", 0)


async def test_a_bus_that_ends_leaves_nobody_waiting_and_is_looked_for_again(machine, monkeypatch):
    monkeypatch.setattr(sleep, "FIRST_RETRY", 0.01)
    with PrivateBus() as own:
        async with running(watching(machine, own)):
            async with FakeLogind(own.address) as logind:
                await logind.locks.get()
                await logind.announce(True)
                await machine.tells("before")
                await asyncio.to_thread(own.kill)
            await machine.tells("before", 0)
            machine.sleep(HOURS)
            await machine.tells("before", 0, HOURS)
            await asyncio.to_thread(own.start)
            async with FakeLogind(own.address) as logind:
                await logind.locks.get()
                await logind.announce(True)
                await machine.tells("before", 0, HOURS, "before")


async def test_a_bus_that_is_missing_is_looked_for_less_and_less_often(machine, monkeypatch):
    monkeypatch.setattr(sleep, "FIRST_RETRY", 0.01)
    asked: list[float] = []

    async def none() -> NoBus:
        asked.append(time.monotonic())
        return NoBus("no bus here")

    async with running(SleepWatch(machine.before, machine.after, clocks=machine.clocks, bus=none)):
        await asyncio.sleep(0.2)
    assert 3 <= len(asked) <= 5


async def test_a_watch_that_ends_in_the_midst_of_all_lets_the_machine_sleep_and_tells_nothing_more(machine, bus):
    async def before() -> None:
        await machine.before()
        await asyncio.Event().wait()

    async with FakeLogind(bus.address) as logind:
        async with running(watching(machine, bus, before=before)):
            lock = await logind.locks.get()
            await logind.announce(True)
            await machine.tells("before")
        async with asyncio.timeout(1):
            await lock.released.wait()
        assert machine.told == ["before"]
