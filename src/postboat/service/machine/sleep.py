"""Suspend: what is to be done before the machine sleeps, and noticing that it slept.

There are two witnesses. logind announces a sleep over the system bus and waits a few seconds for who asks it to; and
the clocks show it afterwards, also where there is no logind, after the program was stopped, or after a virtual machine
was. Whoever sees it first, it is told once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from postboat.service.machine.clocks import Clocks, away
from postboat.service.machine.dbus import DBus, DBusFailed, system_bus
from postboat.service.machine.logind import Logind
from postboat.tasks import together

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postboat.service.machine.clocks import Reading
    from postboat.service.machine.dbus import NoBus

log = logging.getLogger("postboat.service")
TICK = 2.0
"""Seconds between two looks at the clocks where nobody announces a sleep."""
QUIET_TICK = 30.0
"""The same where logind does."""
FIRST_RETRY, LONGEST_RETRY = 5.0, 300.0
"""Seconds until a bus that is missing is looked for again, doubled each time."""


class SleepWatch:
    """Calls `before` when a sleep is announced, and `after` with the seconds that were lost when one is over.

    `before` has a few seconds and is cancelled when they are over; it is not called for sleeps that nobody announced.
    `after` gets 0.0 when the wall clock was set back, and little when an announced sleep did not come about.
    """

    def __init__(
        self,
        before: Callable[[], Awaitable[None]],
        after: Callable[[float], None],
        *,
        clocks: Clocks | None = None,
        bus: Callable[[], Awaitable[DBus | NoBus]] = system_bus,
        tick: float = TICK,
        quiet_tick: float = QUIET_TICK,
    ) -> None:
        self._before, self._after = before, after
        self._clocks, self._bus = clocks or Clocks(), bus
        self._tick, self._quiet_tick = tick, quiet_tick
        self._planned = tick
        self._looked = self._clocks.read()
        self._announced: Reading | None = None
        """When a sleep was announced that is not over."""
        self._told = False
        """Whether `after` was called since then."""

    async def run(self) -> None:
        """Watch until cancelled."""
        self._looked = self._clocks.read()
        await together(self._watch_clocks(), self._watch_bus())

    async def _watch_clocks(self) -> None:
        while True:
            planned = self._planned
            await asyncio.sleep(planned)
            self._look(planned)

    def _look(self, planned: float) -> None:
        now = self._clocks.read()
        lost = away(self._looked, now, planned)
        self._looked = now
        if lost is not None:
            self._tell(lost)

    def _tell(self, lost: float) -> None:
        self._told = True
        self._after(lost)

    async def _watch_bus(self) -> None:
        """Keep to logind as long as there is a bus, and look for one now and then while there is none."""
        retry, told = FIRST_RETRY, ""
        while True:
            began = self._clocks.monotonic()
            bus = await self._bus()
            reason = await self._keep_to(bus) if isinstance(bus, DBus) else bus.reason
            if reason != told:
                log.debug("sleep is told by the clocks alone: %s", reason)
            told = reason
            if self._clocks.monotonic() - began > LONGEST_RETRY:
                retry = FIRST_RETRY
            await asyncio.sleep(retry)
            retry = min(retry * 2, LONGEST_RETRY)

    async def _keep_to(self, bus: DBus) -> str:
        """Heed logind until the bus fails; return why it did."""
        logind, reason = Logind(bus), ""
        try:
            async with bus:
                await together(self._heed(logind), bus.lasting())
        except DBusFailed as failure:
            self._over()
            reason = str(failure)
        finally:
            logind.release()
            self._planned = self._tick
        return reason

    async def _heed(self, logind: Logind) -> None:
        await logind.listen()
        while True:
            said = await logind.next()
            if said is True:
                await self._prepare(logind)
            elif said is False:
                self._over()
                await logind.hold()
            elif said:
                await self._greet(logind)
            else:
                self._miss(logind)

    async def _greet(self, logind: Logind) -> None:
        self._planned = self._quiet_tick
        await logind.hold()

    def _miss(self, logind: Logind) -> None:
        """Logind ended or is restarted: what it announced may never be followed up."""
        self._planned = self._tick
        logind.release()
        self._over()

    async def _prepare(self, logind: Logind) -> None:
        """Have `before` done as far as the time goes, then let the machine sleep, whatever became of it."""
        self._announced, self._told = self._clocks.read(), False
        doing = asyncio.ensure_future(self._before())
        try:
            await asyncio.wait((doing,), timeout=logind.patience)
        finally:
            logind.release()
            doing.cancel()
            (outcome,) = await asyncio.gather(doing, return_exceptions=True)
        if isinstance(outcome, Exception):
            log.debug("what is done before a sleep failed", exc_info=outcome)

    def _over(self) -> None:
        """Tell of a sleep that was announced, unless the clocks told already, and even if it did not come about."""
        announced, self._announced = self._announced, None
        self._look(self._quiet_tick)
        if announced is not None and not self._told:
            self._tell(max(0.0, self._looked.boot - announced.boot))
