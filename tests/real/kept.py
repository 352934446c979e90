"""A Postboat that stays, in the test's own event loop: what happens to the machine is told to it by the test."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.real.voyage import configuration

from postboat.service.machine.dbus import NoBus
from postboat.service.machine.sleep import SleepWatch
from postboat.service.staying import daemon as daemon_module
from postboat.service.staying.daemon import Daemon
from postboat.service.staying.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import pytest
    from tests.real.crossing import Crossing
    from tests.real.voyage import Voyage

    from postboat.config.schema import Config
    from postboat.events import Event

PATIENCE = 15.0
ENDED = 6.0
LOOK = 0.005


class Kept:
    """A Postboat under way, and what it published."""

    def __init__(self, config: Config, pace: Pace) -> None:
        self.config = config
        self.events: list[Event] = []
        self.daemon = Daemon(config, self, lambda: self.config, pace=pace)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.daemon.run(), name="kept")

    def publish(self, event: Event) -> None:
        """Take note of an event, in the place of a bus."""
        self.events.append(event)

    def watch(self, *_: object) -> None:
        """Nobody looks at connections."""

    def forget(self, account: str) -> None:
        """Nor at those of one that is gone."""

    def of(self, kind: type, since: int = 0) -> list:
        """The events of one kind so far, but for the first `since` of all."""
        return [event for event in self.events[since:] if isinstance(event, kind)]

    async def told(self, kind: type, since: int = 0, times: int = 1) -> Event:
        """Wait for an event of one kind, which may have come before; returns it."""
        await self.until(lambda: len(self.of(kind, since)) >= times)
        return self.of(kind, since)[times - 1]

    async def until(self, true: Callable[[], object]) -> float:
        """Wait for something to be so; returns the seconds it took."""
        began = time.monotonic()
        while not await asyncio.to_thread(_holds, true):
            assert time.monotonic() - began < PATIENCE, f"it does not come to be so: {self.events}"
            await asyncio.sleep(LOOK)
        return time.monotonic() - began

    async def ended(self) -> None:
        """Wait for its end."""
        async with asyncio.timeout(ENDED):
            await asyncio.shield(self.task)


@asynccontextmanager
async def kept(
    patch: pytest.MonkeyPatch, voyages: Sequence[Voyage | Crossing], *, pace: Pace | None = None, **general: object
) -> AsyncIterator[Kept]:
    """Let a Postboat keep accounts in step for the length of the block. It must end in time."""
    patch.setattr(daemon_module, "NetworkWatch", _NoNetwork)
    patch.setattr(daemon_module, "SleepWatch", partial(SleepWatch, bus=_no_bus))
    for voyage in voyages:
        voyage.config = replace(voyage.config, autorefresh=5.0)
    keeping = Kept(configuration(voyages, **general), pace or Pace())
    try:
        yield keeping
    finally:
        keeping.daemon.stop()
        await keeping.ended()


def _holds(true: Callable[[], object]) -> bool:
    """Whether it is so; files may be moved while they are looked at."""
    try:
        return bool(true())
    except FileNotFoundError:
        return False


class _NoNetwork:
    """The network never changes."""

    def __init__(self, _changed: object) -> None: ...

    async def run(self) -> str:
        """Watch until cancelled."""
        await asyncio.Event().wait()
        return ""


async def _no_bus() -> NoBus:
    return NoBus("there is none in tests")
