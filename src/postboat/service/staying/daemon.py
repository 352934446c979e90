"""A run that goes on until it is stopped: a keeper for each account, and what tells all of them to hurry or end."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from postboat import __version__
from postboat.errors import ConfigError
from postboat.events import (
    AccountWaits,
    ConfigReloaded,
    MachineSlept,
    NetworkChanged,
    RunFinished,
    ServiceStarted,
    ServiceStopping,
    Warned,
)
from postboat.service.assemble import assemble, name_sides
from postboat.service.machine.clocks import Clocks
from postboat.service.machine.network import NetworkWatch
from postboat.service.machine.sleep import SleepWatch
from postboat.service.staying.keeper import Keeper, Surroundings
from postboat.service.staying.pace import Pace
from postboat.service.supervisor import DEFECT, INTERNAL_ERROR, show
from postboat.service.systemd.notifier import feed
from postboat.status import ServiceStatus, learn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from pathlib import Path

    from postboat.config.schema import AccountConfig, Config
    from postboat.config.secrets import Prompter
    from postboat.events import Event, Publish
    from postboat.model import Verdict
    from postboat.service.bus import Bus
    from postboat.service.hooks.hooks import Hooks
    from postboat.service.known_folders import Target
    from postboat.service.machine.network import NetworkNews
    from postboat.service.systemd.notifier import Notifier

log = logging.getLogger("postboat.service")
SHARED = ("metadata", "fsync", "maxsyncaccounts", "mbnames")
"""Options of the configuration that all accounts go by."""


class Daemon:
    """Keeps all accounts of a configuration in step (`control.Controls`).

    `load` reads the configuration again, and raises `ConfigError`. `socket` is where it is watched and told what to
    do; without one it is not. `in_short` puts how things are into a line for the `notifier`.
    """

    def __init__(
        self,
        config: Config,
        bus: Bus,
        load: Callable[[], Config],
        prompter: Prompter | None = None,
        *,
        socket: Path | None = None,
        notifier: Notifier | None = None,
        in_short: Callable[[ServiceStatus], str] = lambda _: "",
        pace: Pace | None = None,
        clocks: Clocks | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._config, self._bus, self._load, self._prompter = config, bus, load, prompter
        self._socket, self._notifier, self._in_short = socket, notifier, in_short
        self._pace, self._clocks, self._chance = pace or Pace(), clocks or Clocks(), chance
        self._status = ServiceStatus(os.getpid(), __version__, self._clocks.wall(), str(config.source))
        self._slots = asyncio.Semaphore(config.maxsyncaccounts)
        self._prompting = asyncio.Lock()
        self._keepers: dict[str, Keeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()
        self._over = asyncio.Event()
        self._paused: set[str] = set()
        """Accounts that rest because the user wants so, whatever becomes of their keepers."""
        self._resting: dict[str, asyncio.Event] = {}
        """Accounts that wait after a defect; set to end that."""
        self._ending = asyncio.Event()
        """Whether no account is begun any more."""
        self._adopting = asyncio.Lock()

    @property
    def status(self) -> ServiceStatus:
        """What it is at."""
        return self._status

    @property
    def is_healthy(self) -> bool:
        """Whether no account is stuck."""
        return not any(keeper.is_stuck for keeper in self._keepers.values())

    def publish(self, event: Event) -> None:
        """Learn of an event, and tell all that listen."""
        learn(self._status, event, self._clocks.wall())
        self._bus.publish(event)
        if self._notifier is not None:
            self._notifier.status(self._in_short(self._status))

    async def run(self) -> int:
        """Keep all accounts in step until `stop`, or until cancelled; return the exit code."""
        async with AsyncExitStack() as stack:
            if self._socket is not None:
                from postboat.service.control.server import serving

                await stack.enter_async_context(serving(self._socket, self, self._bus))
            self.publish(ServiceStarted(tuple(account.name for account in self._config.accounts)))
            try:
                await self._keep_all()
            finally:
                self.publish(ServiceStopping())
                if self._notifier is not None:
                    self._notifier.stopping()
        self.publish(RunFinished(0))
        return 0

    async def _keep_all(self) -> None:
        async with self._group as group:
            watches = [group.create_task(watch, name=name) for name, watch in self._watches().items()]
            for account in self._config.accounts:
                self._begin(account)
            if self._notifier is not None:
                self._notifier.ready()
            try:
                await self._over.wait()
            finally:
                self._ending.set()
            for task in (*watches, *self._tasks.values()):
                task.cancel()

    def _watches(self) -> Mapping[str, Coroutine[object, object, None]]:
        watches: dict[str, Coroutine[object, object, None]] = {
            "sleep": SleepWatch(self._doze, self._woke, clocks=self._clocks).run(),
            "network": self._watch_network(),
        }
        if self._notifier is not None:
            watches["service manager"] = feed(self._notifier, lambda: self.is_healthy)
        return watches

    async def _watch_network(self) -> None:
        reason = await NetworkWatch(self._network_changed).run()
        log.debug("%s", reason)

    # Accounts

    def _begin(self, account: AccountConfig) -> None:
        task = self._group.create_task(self._keep(account), name=f"keeper of {account.name}")
        self._tasks[account.name] = task
        task.add_done_callback(lambda _: self._end_with_last())

    def _end_with_last(self) -> None:
        """When the last account was let end, all is over."""
        if (self._tasks or self._ending.is_set()) and all(task.done() for task in self._tasks.values()):
            self._over.set()

    async def _keep(self, account: AccountConfig) -> None:
        """Keep one account in step; a defect of ours ends neither the others nor, for good, this one."""
        while not self._ending.is_set():
            try:
                return await self._keeper(account).run()
            except Exception as defect:
                log.error("account %s ended by a defect", account.name, exc_info=defect)
                until = self._clocks.wall() + self._pace.longest_retry
                self.publish(AccountWaits(account.name, f"{DEFECT}: {defect!r}", INTERNAL_ERROR, until))
            await self._rested(account.name)

    async def _rested(self, name: str) -> None:
        """Wait until an account that ended by a defect is to begin anew: after a while, or when it is asked for."""
        self._resting[name] = asyncio.Event()
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._ending, self._resting[name])]
        try:
            await asyncio.wait(waiting, timeout=self._pace.longest_retry, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._resting[name]
            for event in waiting:
                event.cancel()

    def _keeper(self, account: AccountConfig) -> Keeper:
        parts = assemble(account, self._config, self.publish, self._prompter, self._prompting, dry_run=False)
        name_sides(account, self.publish, before=self._status.account(account.name, self._clocks.wall()).sides)
        show(parts, self._bus.watch)
        surroundings = Surroundings(
            self.publish, self._slots, self._pace, self._clocks.boot, self._clocks.wall, self._chance
        )
        keeper = self._keepers[account.name] = Keeper(parts, surroundings, _hooks(account, self.publish))
        if account.name in self._paused:
            keeper.pause()
        return keeper

    def _named(self, accounts: Iterable[str]) -> list[Keeper]:
        """Keepers of these accounts; of all when none is named."""
        wanted = set(accounts) or self._keepers.keys()
        return [keeper for name, keeper in self._keepers.items() if name in wanted]

    # What can be asked for

    def now(self, targets: Sequence[Target]) -> None:
        """Sync at once, even what is paused or waits; no target means all accounts."""
        folders: dict[str, list[str]] = {}
        for target in targets:
            folders.setdefault(target.account, []).append(target.folder)
        for keeper in self._named(folders):
            keeper.refuse_unknown(filter(None, folders.get(keeper.name, ())))
        for keeper in self._named(folders):
            named = folders.get(keeper.name, [""])
            keeper.sync_now(() if "" in named else named)
            if keeper.name in self._resting:
                self._resting[keeper.name].set()

    def pause(self, accounts: Sequence[str]) -> None:
        """Let accounts rest once their sync under way is done; none named means all."""
        for keeper in self._named(accounts):
            self._paused.add(keeper.name)
            keeper.pause()

    def resume(self, accounts: Sequence[str]) -> None:
        """Let accounts go on; none named means all."""
        for keeper in self._named(accounts):
            self._paused.discard(keeper.name)
            keeper.resume()

    async def confirm(self, targets: Sequence[Target], verdict: Verdict) -> Sequence[str]:
        """Give the user's word on held deletions, and sync; return the accounts in which something was held."""
        from postboat.service.confirm import decide

        decided = await decide(self._config, targets, verdict, self.publish)
        for keeper in self._named(decided) if decided else ():
            keeper.sync_now()
        return decided

    def stop(self, *, finish: bool = False) -> None:
        """End within seconds, or once the syncs under way are done."""
        self._ending.set()
        if not finish:
            self._over.set()
        for keeper in self._keepers.values():
            keeper.finish()

    async def reload(self) -> Sequence[str]:
        """Read the configuration again; return what is wrong with it, in which case the one before stays."""
        if self._notifier is not None:
            self._notifier.reloading()
        try:
            config = self._load()
        except ConfigError as error:
            self.publish(ConfigReloaded(tuple(error.problems)))
            return error.problems
        else:
            async with self._adopting:
                await self._adopt(config)
            self.publish(ConfigReloaded(accounts=tuple(account.name for account in config.accounts)))
            return ()
        finally:
            if self._notifier is not None:
                self._notifier.ready()

    async def _adopt(self, config: Config) -> None:
        """Go on by another configuration: accounts that are in it as before are left in peace."""
        same = all(getattr(config, option) == getattr(self._config, option) for option in SHARED)
        before = {account.name: account for account in self._config.accounts if same}
        changed = [account for account in config.accounts if before.get(account.name) != account]
        kept = {account.name for account in config.accounts} - {account.name for account in changed}
        self._config = config
        if not same:
            self._slots = asyncio.Semaphore(config.maxsyncaccounts)
        gone = {name: self._tasks.pop(name) for name in list(self._tasks) if name not in kept}
        self._keepers = {name: keeper for name, keeper in self._keepers.items() if name in kept}
        for task in gone.values():
            task.cancel()
        await asyncio.gather(*gone.values(), return_exceptions=True)
        for name in gone:
            self._bus.forget(name)
        self._status.keep_only({account.name for account in config.accounts})
        for warning in config.warnings:
            self.publish(Warned(warning))
        for account in changed if not self._ending.is_set() else ():
            self._begin(account)
        self._end_with_last()

    # What happens to the machine

    async def _doze(self) -> None:
        await asyncio.gather(*(keeper.doze() for keeper in self._keepers.values()))

    def _woke(self, seconds: float) -> None:
        self.publish(MachineSlept(seconds))
        for keeper in self._keepers.values():
            keeper.woke("the machine slept, or its clock was set")

    def _network_changed(self, news: NetworkNews) -> None:
        self.publish(NetworkChanged())
        for keeper in self._keepers.values():
            keeper.network_changed(news)


def _hooks(account: AccountConfig, publish: Publish) -> Hooks | None:
    if not account.has_hooks:
        return None
    from postboat.service.hooks.hooks import Hooks  # here, since few have any

    return Hooks(account, publish)
