"""Postboat, as a soak steers it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from tests.real.voyage import configuration
from tests.soak.scene import HOST

from postboat.config.schema import PasswordSources
from postboat.service.supervisor import RunOptions, run

if TYPE_CHECKING:
    from tests.soak.scene import Scene

    from postboat.config.schema import Config
    from postboat.events import Event


class Vessel(Protocol):
    """What can be done to a Postboat that runs on."""

    events: list[Event]

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def now(self) -> None: ...
    def roam(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...
    async def reload(self) -> None: ...


def configured(scene: Scene) -> Config:
    """The account as Postboat sees it: through the bad line, by a name that may be unknown."""
    voyage = scene.neighbours.voyage
    voyage.vary(
        remotehost=HOST,
        remoteport=scene.line.port,
        password=PasswordSources(remotepassfile=scene.password_file),
        timeout=2,
        holdconnectionopen=True,
    )
    voyage.config = replace(voyage.config, limits=None, autorefresh=1.0)
    return configuration([voyage])


class Ferry:
    """Single runs, one after the other: what any soak of a Postboat that stays can be compared with."""

    def __init__(self, scene: Scene) -> None:
        self._config = configured(scene)
        self.events: list[Event] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._sail(), name="ferry")

    async def _sail(self) -> None:
        while True:
            await run(self._config, RunOptions(), self.events.append, None)
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def now(self) -> None: ...
    def roam(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...
    async def reload(self) -> None: ...
