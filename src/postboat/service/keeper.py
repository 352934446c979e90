"""Keeps one account in step for as long as the program runs. START READING HERE for runs that go on.

    wait until something is due → stand at the watch → sync what is due → rest

What is due is on the `Agenda`; the watches of server and disk put it there. A failure puts everything off for a while
and is told once. Nothing here ever gives up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.config.document import did_you_mean
from postboat.errors import ConfigError, ConnectionLost, PostboatError, Retry, ServerUnreachable
from postboat.events import (
    AccountFailed,
    AccountPaused,
    AccountRecovered,
    AccountRests,
    AccountResumed,
    AccountWaits,
    FolderFailed,
)
from postboat.ledger.lock import unlocked
from postboat.model import Side
from postboat.service.agenda import Agenda, Work
from postboat.service.backoff import Backoff
from postboat.service.deletions import Deletions
from postboat.service.disk_watching import DiskWatching
from postboat.service.quick import Quick
from postboat.service.server_watching import ServerWatching
from postboat.service.supervisor import INTERNAL_ERROR, in_words
from postboat.service.turns import Turns
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from postboat.events import Event, Publish
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.hooks import Hooks
    from postboat.service.network import NetworkNews
    from postboat.service.outcome import Outcome
    from postboat.service.pace import Pace
    from postboat.service.tree import Tree
    from postboat.sync.guard import Guard

log = logging.getLogger("postboat.service")
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all accounts of a run share."""

    publish: Publish
    slots: asyncio.Semaphore
    """How many may sync at the same moment."""
    pace: Pace
    now: Callable[[], float]
    """Seconds on a clock that goes on while the machine sleeps."""
    wall: Callable[[], float]
    """Seconds since the epoch."""
    chance: Callable[[], float]
    """A number from 0 to 1."""


class Keeper:
    """One account of a run that goes on. All methods but `run` return at once."""

    def __init__(self, parts: AccountParts, surroundings: Surroundings, hooks: Hooks | None = None) -> None:
        self.parts, self._around, self._hooks = parts, surroundings, hooks
        pace, account = surroundings.pace, parts.config
        interval = None if account.autorefresh is None else account.autorefresh * MINUTE
        self._agenda = Agenda(interval, pace)
        self._backoff = Backoff(pace.first_retry, pace.longest_retry, pace.healthy, surroundings.chance)
        self._deletions = Deletions(pace.accident)
        self._quick = Quick(account.quick)
        self._publish = surroundings.publish if hooks is None else hooks.publish
        self._spoke = surroundings.now()
        self._server = ServerWatching(
            parts,
            self._tell,
            heard=self._heard,
            gap=self._gap,
            ended=self._server_lost,
            keepalive=account.remote.keepalive or pace.keepalive,
        )
        self._tree: Tree | None = None
        """The account's folders as the last look at everything found them."""
        self._alarm = asyncio.Event()
        self._errands: set[asyncio.Future[None]] = set()
        self._finishing = False
        self._turns = Turns(surroundings.slots, lambda: unlocked(parts.lock_path))
        self._needs_user = False
        """Whether what failed last is for the user to mend."""
        self._is_told = False
        """Whether the user was told of a failure that is not over."""
        self._failed: set[str] = set()
        """Folders that failed in the sync under way, as events name them."""
        self._rests_until: float | None = None

    @property
    def name(self) -> str:
        """The account's name."""
        return self.parts.name

    @property
    def paused(self) -> bool:
        """Whether it rests because the user wants so."""
        return self._agenda.paused

    @property
    def is_stuck(self) -> bool:
        """Whether a sync is under way of which nothing was heard for longer than anything takes."""
        return not self._turns.at_rest.is_set() and self._around.now() - self._spoke > self._around.pace.stuck

    # What others ask of it

    def sync_now(self, folders: Sequence[str] = ()) -> None:
        """Sync at once: these folders, named as events name them, or all. Passwords are looked for anew."""
        self.parts.passwords.forget()
        wires = self._wire_names(folders) if folders else None
        if wires is not None:
            self._agenda.ask_for(wires)
        else:
            self._agenda.ask()
            if self._hooks is not None:
                self._hooks.asked()
        self._alarm.set()

    def refuse_unknown(self, folders: Iterable[str]) -> None:
        """Raise `ConfigError` for folders that were not synced when all were last looked at."""
        synced = set() if self._tree is None else self._tree.synced_names
        for name in folders:
            if synced and name not in synced:
                hint = (
                    did_you_mean(name, synced)
                    or "; `postboat folders` lists all there are, and why some are not synced"
                )
                raise ConfigError([f"{self.name}:{name}: account {self.name} syncs no folder {name}{hint}"])

    def pause(self) -> None:
        """Rest until `resume`, but for what is asked."""
        if not self._agenda.paused:
            self._agenda.pause()
            self._tell(AccountPaused(self.name))
            self._alarm.set()

    def resume(self) -> None:
        """Go on, with a look at everything."""
        if self._agenda.paused:
            self._agenda.resume()
            self._tell(AccountResumed(self.name))
            self._alarm.set()

    def finish(self) -> None:
        """End once the sync that is under way is done."""
        self._finishing = True
        self._alarm.set()

    def hurry(self) -> None:
        """Try again at once what failed: something changed that may have been the reason."""
        self._backoff.forget()
        self._agenda.hurry()
        self._alarm.set()

    async def doze(self) -> None:
        """Prepare for the machine's sleep: let what is under way end, begin nothing, leave the server.

        May be cancelled: the connections are cut when the machine wakes.
        """
        self._turns.awake.clear()
        self._alarm.set()
        await self._turns.at_rest.wait()
        await self._server.stop()
        await self.parts.pool.release()

    def woke(self, why: str) -> None:
        """Make all connections anew and look at everything: they may be dead, and nobody listened."""
        self._turns.awake.set()
        self._connect_anew(why)

    def _connect_anew(self, why: str) -> None:
        self._server.cancel()
        self.parts.pool.cut(why)
        self._agenda.look_at_everything()
        self.hurry()

    def network_changed(self, news: NetworkNews) -> None:
        """Try again what failed, unless only the user can mend it, and find out which connections live.

        To those from an address that is gone, no answer will ever come.
        """
        if self._agenda.is_put_off and not self._needs_user:
            self.hurry()
        if self.parts.pool.has_any_from(news.gone):
            self._connect_anew("this machine has no longer the address that it had")
        elif news.gone or news.route_changed:
            errand = asyncio.ensure_future(self.parts.pool.probe())
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)

    # What the watches tell

    def _heard(self, mailboxes: frozenset[str]) -> None:
        self._agenda.heard_server(mailboxes, self._around.now())
        self._alarm.set()

    def _gap(self) -> None:
        """Nobody listened for a while, or folders came and went."""
        self._agenda.look_at_everything()
        self._alarm.set()

    def _server_lost(self, failure: Exception) -> None:
        """The watch of the server ended."""
        self._fails(failure)
        self._alarm.set()

    def touched(self, folder: FolderName, what: Touched | None) -> None:
        """Files of a local folder changed; None: it is not known which."""
        self._agenda.heard_disk(folder, what, self._around.now())
        self._alarm.set()

    def disk_gap(self) -> None:
        """Local folders came and went, or nobody listened for a while."""
        self._gap()

    # The loop

    async def run(self) -> None:
        """Keep the account in step until `finish`, or until cancelled; then leave the server."""
        pace, every = self._around.pace, self.parts.config.remote.keepalive
        disk = DiskWatching(self.parts, self._tell, self, pace)
        try:
            async with asyncio.TaskGroup() as group:
                watches = []
                if self.parts.config.autorefresh is not None:
                    watches.append(group.create_task(disk.run(), name=f"disk watch of {self.name}"))
                if self._holds:
                    keeping = self.parts.pool.keep_alive(every or pace.keepalive)
                    watches.append(group.create_task(keeping, name=f"keepalive of {self.name}"))
                try:
                    await self._go_on(disk)
                finally:
                    for watch in watches:
                        watch.cancel()
        finally:
            for errand in self._errands:
                errand.cancel()
            await asyncio.gather(*self._errands, return_exceptions=True)
            await self._server.stop()
            await self.parts.pool.close()
            if self._hooks is not None:
                await self._hooks.close()

    @property
    def _holds(self) -> bool:
        return self.parts.config.remote.holdconnectionopen and self.parts.config.autorefresh is not None

    async def _go_on(self, disk: DiskWatching) -> None:
        while await self._due():
            self._spoke = self._around.now()
            with self._turns.work():
                await self._cycle(self._agenda.take(self._around.now()), disk)

    async def _due(self) -> bool:
        """Wait until something is to be done; False when the end has come."""
        while not self._finishing:
            due, now = self._agenda.due_at(), self._around.now()
            if due is not None and due <= now and self._turns.awake.is_set():
                return True
            self._rest(due, now)
            self._alarm.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(due - now if due is not None and self._turns.awake.is_set() else None):
                    await self._alarm.wait()
        return False

    def _rest(self, due: float | None, now: float) -> None:
        """Tell when the account is looked at next, if that is news."""
        until = self._agenda.refresh_at
        if until is not None and until != self._rests_until and due is not None:
            self._rests_until = until
            self._tell(AccountRests(self.name, self._around.wall() + until - now))

    async def _cycle(self, work: Work, disk: DiskWatching) -> None:
        """Do what is due, and see to what comes of it; a failure is no reason to end."""
        began = time.monotonic()
        if self._hooks is not None and work.everything:
            await self._hooks.before()
        outcome: Outcome | None = None
        try:
            async with self._turns.slot():
                self._spoke = self._around.now()
                work, outcome = await self._synced(work, disk)
        except Exception as failure:
            self._fails(failure)
        else:
            self._succeeds(work, outcome)
        finally:
            if not self._holds:
                await self.parts.pool.release()
        if self._hooks is not None:
            await self._hooks.after(work.everything, outcome, time.monotonic() - began)

    async def _synced(self, work: Work, disk: DiskWatching) -> tuple[Work, Outcome]:
        """Do the work; returns what was done, which may be more, and what became of it."""
        parts = self.parts
        parts.pool.renew()
        self._failed.clear()
        guard = self._deletions.guard(parts.config.limits, self._around.now())
        try:
            if self._tree is not None and not work.everything:
                from postboat.service.some_folders import sync_some

                options = self._quick.options(asked=True)
                outcome = await sync_some(
                    parts, options, self._tell, self._tree, work, guard=guard, untouched=disk.untouched
                )
                if outcome is not None:
                    return work, outcome
            return replace(work, everything=True), await self._synced_everything(work, disk, guard)
        finally:
            self._deletions.remember(guard, self._around.now())

    async def _synced_everything(self, work: Work, disk: DiskWatching, guard: Guard) -> Outcome:
        from postboat.service.account import sync_everything

        if self._holds:
            existing = () if self._tree is None else self._tree.wire_names.values()
            await self._server.stand(existing)  # before the list, so that nothing falls between
        options = self._quick.options(asked=work.asked)
        outcome = await sync_everything(
            self.parts, options, self._tell, listed=lambda tree: self._listed(tree, disk), guard=guard
        )
        self._quick.done(options)
        await self._follow_made(disk)
        return outcome

    async def _listed(self, tree: Tree, disk: DiskWatching) -> None:
        self._tree = tree
        await disk.follow([task.local for task in tree.plan.tasks if task.create is not Side.LOCAL])

    async def _follow_made(self, disk: DiskWatching) -> None:
        """Watch also the folders that were made on disk."""
        tasks = self._tree.plan.tasks if self._tree is not None else ()
        if any(task.create is Side.LOCAL for task in tasks):
            await disk.follow([task.local for task in tasks])

    def _succeeds(self, work: Work, outcome: Outcome) -> None:
        now = self._around.now()
        if outcome.failed:
            assert self._tree is not None, "folders are listed before any fails"
            self._agenda.failed_in(self._tree.halves(self._failed), self._backoff.failed(now))
        elif work.everything or not self._agenda.is_put_off:
            self._backoff.succeeded(now)
        self._agenda.done(work, now)
        if self._is_told:
            self._is_told = False
            self._tell(AccountRecovered(self.name))

    def _fails(self, failure: Exception) -> None:
        """Put everything off."""
        now, pace = self._around.now(), self._around.pace
        until = self._backoff.failed(now)
        self._needs_user = isinstance(failure, PostboatError) and failure.retry is Retry.NEVER
        if self._needs_user:
            until = now + pace.users_turn
            self.parts.passwords.forget()
        self._agenda.failed(until)
        reason, code = in_words(failure)
        if code == INTERNAL_ERROR:
            log.error("account %s: a sync ended by a defect", self.name, exc_info=failure)
        if self._hooks is not None:
            self._hooks.learn(AccountFailed(self.name, reason, code))
        passing = code in (ConnectionLost.exit_code, ServerUnreachable.exit_code)
        passing = passing and self._backoff.failures == 1 and self._tree is not None
        self._tell(AccountWaits(self.name, reason, code, self._around.wall() + until - now, passing=passing))
        self._is_told = self._is_told or not passing

    def _tell(self, event: Event) -> None:
        self._spoke = self._around.now()
        if isinstance(event, FolderFailed):
            self._failed.add(event.folder)
        self._publish(event)

    def _wire_names(self, folders: Sequence[str]) -> frozenset[str] | None:
        """Wire names of folders named as events name them; None when one is not known."""
        names = {} if self._tree is None else self._tree.wire_names
        return frozenset(names[name] for name in folders) if names.keys() >= set(folders) else None
