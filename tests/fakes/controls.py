"""A run that goes on in which nothing happens but what the test says."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from postboat.service.bus import Bus
from postboat.service.control.server import serving
from postboat.status import ServiceStatus, learn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from postboat.events import Event


class FakeControls:
    """Notes what is asked of it. `on_now` is called by `now`, to publish what follows from it."""

    def __init__(self, *events: Event) -> None:
        self.bus = Bus()
        self.status = ServiceStatus(os.getpid(), "1.2.3", time.time(), "/etc/boat.toml")
        self.asked: list[Any] = []
        self.problems: Sequence[str] = ()
        self.then: dict[str, Sequence[Event]] = {}
        self.failure: Exception | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        for event in events:
            self.publish(event)

    def publish(self, event: Event) -> None:
        learn(self.status, event, time.time())
        self.bus.publish(event)

    def tell(self, event: Event) -> None:
        """Publish from another thread than the one that serves; when this returns it is done."""
        assert self.loop is not None
        published = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (self.publish(event), published.set()))
        assert published.wait(10)

    def _note(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.failure is not None:
            raise self.failure
        for event in self.then.get(asked[0], ()):
            self.publish(event)

    def now(self, targets: Sequence[Any]) -> None:
        self._note("now", *map(str, targets))

    def pause(self, accounts: Sequence[str]) -> None:
        self._note("pause", *accounts)

    def resume(self, accounts: Sequence[str]) -> None:
        self._note("resume", *accounts)

    async def confirm(self, targets: Sequence[Any], verdict: Any) -> Sequence[str]:
        self._note("confirm", verdict.value, *map(str, targets))
        return [target.account for target in targets]

    def stop(self, *, finish: bool = False) -> None:
        self._note("stop", finish)

    async def reload(self) -> Sequence[str]:
        self._note("reload")
        return self.problems


@contextmanager
def served(path: Path, controls: FakeControls) -> Iterator[None]:
    """Serve in a thread, as another process would."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()
    controls.loop = loop

    async def serve() -> None:
        async with serving(path, controls, controls.bus):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
        assert not thread.is_alive()
