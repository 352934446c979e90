"""Postboat, as a soak steers it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tests.real.voyage import configuration
from tests.soak.scene import HOST

from postboat.config.schema import PasswordSources
from postboat.imap import pulse
from postboat.service.machine.clocks import Clocks
from postboat.service.machine.dbus import NoBus
from postboat.service.machine.network import NetworkNews
from postboat.service.machine.sleep import SleepWatch
from postboat.service.staying import daemon as daemon_module
from postboat.service.staying.daemon import Daemon
from postboat.service.staying.pace import Pace
from postboat.service.supervisor import INTERNAL_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.soak.scene import Scene

    from postboat.config.schema import Config
    from postboat.events import Event

PACE = Pace(
    settle_disk=0.05,
    longest_settle=0.3,
    first_retry=0.05,
    longest_retry=1.0,
    users_turn=1.0,
    healthy=2.0,
    poll_disk=0.3,
    accident=5.0,
)
TICK = 0.2
"""Seconds between two looks at the clocks."""
KEEPALIVE = 1.0
STOPPED = 5.0


class Vessel(Protocol):
    """What can be done to a Postboat that runs on."""

    events: deque[tuple[float, Event]]
    defects: list[Event]

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def now(self) -> None: ...
    def roam(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...
    async def reload(self) -> None: ...


def configured(scene: Scene, *, autorefresh: float = 1.0, **remote: object) -> Config:
    """The account as Postboat sees it: through the bad line, by a name that may be unknown."""
    voyage = scene.neighbours.voyage
    voyage.vary(
        remotehost=HOST,
        remoteport=scene.line.port,
        password=PasswordSources(remotepassfile=scene.password_file),
        **{"timeout": 2, "holdconnectionopen": True, "keepalive": KEEPALIVE} | remote,
    )
    voyage.config = replace(voyage.config, limits=None, autorefresh=autorefresh)
    return configuration([voyage])


class Networks:
    """Stands in for the watch of the machine's own network."""

    def __init__(self) -> None:
        self._changed: Callable[[NetworkNews], None] | None = None

    def __call__(self, changed: Callable[[NetworkNews], None]) -> Networks:
        """Begin to watch."""
        self._changed = changed
        return self

    async def run(self) -> str:
        """Watch until cancelled."""
        await asyncio.Event().wait()
        return ""

    def tell(self) -> None:
        """The address that all connections are from is gone, and another one came."""
        assert self._changed is not None
        self._changed(NetworkNews(frozenset({"127.0.0.1"}), frozenset({"192.0.2.1"}), route_changed=True))


async def _no_bus() -> NoBus:
    return NoBus("not in a soak")


class Liner:
    """A Postboat that stays, in this event loop, so that its clocks can be set and its tasks counted."""

    def __init__(self, scene: Scene, patch: pytest.MonkeyPatch, **options: object) -> None:
        self._config = configured(scene, **options)
        self.events: deque[tuple[float, Event]] = deque(maxlen=200)
        self.told: Counter[str] = Counter()
        """How often each kind of event was."""
        self.defects: list[Event] = []
        self._slept = 0.0
        self._networks = Networks()
        self._daemon: Daemon | None = None
        self._task: asyncio.Task[int] | None = None
        patch.setattr(pulse, "SHORTEST", KEEPALIVE)
        patch.setattr(daemon_module, "NetworkWatch", self._networks)
        patch.setattr(daemon_module, "SleepWatch", partial(SleepWatch, bus=_no_bus, tick=TICK))

    @property
    def daemon(self) -> Daemon:
        """Postboat itself, while it runs."""
        assert self._daemon is not None
        return self._daemon

    async def start(self) -> None:
        """Let it run."""
        clocks = Clocks(wall=lambda: time.time() + self._slept, boot=lambda: time.monotonic() + self._slept)
        self._daemon = Daemon(self._config, self, lambda: self._config, pace=PACE, clocks=clocks)  # type: ignore[arg-type]
        self._task = asyncio.create_task(self._daemon.run(), name="liner")

    def publish(self, event: Event) -> None:
        """Take note of an event, in the place of a bus."""
        self.events.append((time.monotonic(), event))
        self.told[type(event).__name__] += 1
        if getattr(event, "exit_code", 0) == INTERNAL_ERROR:
            self.defects.append(event)

    def watch(self, *_: object) -> None:
        """Nobody looks at connections."""

    def forget(self, account: str) -> None:
        """Nor at those of one that is gone."""

    async def stop(self) -> None:
        """Ask it to end, and wait for that as long as a service manager does."""
        assert self._task is not None
        self.daemon.stop()
        async with asyncio.timeout(STOPPED):
            assert await self._task == 0
        self._daemon = None

    def now(self) -> None:
        """`postboat now`."""
        self.daemon.now([])

    def roam(self) -> None:
        """Tell it of another network, as the kernel does."""
        self._networks.tell()

    def sleep(self, seconds: float) -> None:
        """Let so much time be lost."""
        self._slept += seconds

    async def reload(self) -> None:
        """Let it read its configuration again, in which an option is different."""
        (account,) = self._config.accounts
        remote = replace(account.remote, timeout=account.remote.timeout + 0.1)
        self._config = replace(self._config, accounts=(replace(account, remote=remote),))
        assert not await self.daemon.reload()
