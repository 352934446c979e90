"""Keeps one account in step for as long as the program runs. START READING HERE for runs that go on.

    wait until something is due → stand at the watch → sync what is due → rest

What is due is on the `Agenda`; the watches of servers and disks put it there. A failure puts everything off for a while
and is told once. Nothing here ever gives up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from postboat.errors import ConnectionLost, PostboatError, Retry, ServerUnreachable
from postboat.events import (
    AccountFailed,
    AccountPaused,
    AccountRecovered,
    AccountRests,
    AccountResumed,
    AccountWaits,
)
from postboat.ledger.lock import unlocked
from postboat.service.staying.agenda import Agenda, Work
from postboat.service.staying.backoff import Backoff
from postboat.service.staying.deletions import Deletions
from postboat.service.staying.syncs import Syncs
from postboat.service.staying.turns import Turns
from postboat.service.staying.watches import Watches
from postboat.service.supervisor import INTERNAL_ERROR, in_words
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from postboat.events import Event, Publish
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName, Side
    from postboat.service.assemble import AccountParts
    from postboat.service.hooks.hooks import Hooks
    from postboat.service.machine.network import NetworkNews
    from postboat.service.outcome import Outcome
    from postboat.service.staying.pace import Pace

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
        self._publish = surroundings.publish if hooks is None else hooks.publish
        self._spoke = surroundings.now()
        self._watches = Watches(parts, self._tell, self, pace)
        self._syncs = Syncs(
            parts, self._tell, watches=self._watches, deletions=Deletions(pace.accident), now=surroundings.now
        )
        self._alarm = asyncio.Event()
        self._errands: set[asyncio.Future[None]] = set()
        self._finishing = False
        self._turns = Turns(surroundings.slots, lambda: unlocked(parts.lock_path))
        self._is_syncing = False
        self._lost: Exception | None = None
        """Why the watch of a server ended during the sync that is under way."""
        self._needs_user = False
        """Whether what failed last is for the user to mend."""
        self._is_told = False
        """Whether the user was told of a failure that is not over."""
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
        self.parts.forget_passwords()
        if folders and self._syncs.knows(folders):
            self._agenda.ask_for(folders)
        else:
            self._agenda.ask()
            if self._hooks is not None:
                self._hooks.asked()
        self._alarm.set()

    def refuse_unknown(self, folders: Iterable[str]) -> None:
        """Raise `ConfigError` for folders that were not synced when all were last looked at."""
        self._syncs.refuse_unknown(folders)

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
        """Prepare for the machine's sleep: let what is under way end, begin nothing, leave the servers.

        May be cancelled: the connections are cut when the machine wakes.
        """
        self._turns.awake.clear()
        self._alarm.set()
        await self._turns.at_rest.wait()
        await self._watches.stop()

    def woke(self, why: str) -> None:
        """Make all connections anew and look at everything: they may be dead, and nobody listened."""
        self._turns.awake.set()
        self._watches.anew(why)
        self._look_anew()

    def _look_anew(self) -> None:
        self._agenda.look_at_everything()
        self.hurry()

    def network_changed(self, news: NetworkNews) -> None:
        """Try again what failed, unless only the user can mend it, and find out which connections live.

        To those from an address that is gone, no answer will ever come.
        """
        if self._agenda.is_put_off and not self._needs_user:
            self.hurry()
        if self._watches.lose(news.gone, "this machine has no longer the address that it had"):
            self._look_anew()
        if news.gone or news.route_changed:
            errand = asyncio.ensure_future(self._watches.probe())
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)

    # What the watches tell (`watches.Hearer`)

    def heard(self, side: Side, mailboxes: frozenset[str]) -> None:
        """Something happened in mailboxes of a server."""
        self._agenda.heard_server(side, mailboxes, self._around.now())
        self._alarm.set()

    def touched(self, side: Side, folder: FolderName, what: Touched | None) -> None:
        """Files of a Maildir changed; None: it is not known which."""
        self._agenda.heard_disk(side, folder, what, self._around.now())
        self._alarm.set()

    def gap(self) -> None:
        """Nobody listened for a while, or folders came and went."""
        self._agenda.look_at_everything()
        self._alarm.set()

    def lost(self, failure: Exception) -> None:
        """The watch of a server ended: a failure, unless it is told as part of another, as when a network is gone."""
        if self._is_syncing:
            self._lost = failure
        elif not self._agenda.waits:
            self._fails(failure)
        self._alarm.set()

    # The loop

    async def run(self) -> None:
        """Keep the account in step until `finish`, or until cancelled; then leave the servers."""
        try:
            async with asyncio.TaskGroup() as group:
                works = self._watches.works().items()
                watches = [group.create_task(work, name=f"{what} of {self.name}") for what, work in works]
                try:
                    await self._go_on()
                finally:
                    for watch in watches:
                        watch.cancel()
        finally:
            for errand in self._errands:
                errand.cancel()
            await asyncio.gather(*self._errands, return_exceptions=True)
            await self._watches.close()
            await self.parts.close()
            if self._hooks is not None:
                await self._hooks.close()

    async def _go_on(self) -> None:
        while await self._due():
            self._spoke = self._around.now()
            with self._turns.work():
                await self._cycle(self._agenda.take(self._around.now()))

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

    async def _cycle(self, work: Work) -> None:
        """Do what is due, and see to what comes of it; a failure is no reason to end."""
        began = time.monotonic()
        if self._hooks is not None and work.everything:
            await self._hooks.before()
        outcome: Outcome | None = None
        self._is_syncing, self._lost = True, None
        try:
            async with self._turns.slot():
                self._spoke = self._around.now()
                work, outcome = await self._syncs.do(work)
        except Exception as failure:
            self._fails(failure)
        else:
            if self._lost is None:
                self._succeeds(work, outcome)
            else:
                self._fails(self._lost)
        finally:
            self._is_syncing = False
            await self._watches.rest()
        if self._hooks is not None:
            await self._hooks.after(work.everything, outcome, time.monotonic() - began)

    def _succeeds(self, work: Work, outcome: Outcome) -> None:
        now = self._around.now()
        if outcome.failed:
            self._agenda.failed_in(self._syncs.failed, self._backoff.failed(now))
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
            self.parts.forget_passwords()
        self._agenda.failed(until)
        reason, code = in_words(failure)
        if code == INTERNAL_ERROR:
            log.error("account %s: a sync ended by a defect", self.name, exc_info=failure)
        if self._hooks is not None:
            self._hooks.learn(AccountFailed(self.name, reason, code))
        passing = code in (ConnectionLost.exit_code, ServerUnreachable.exit_code)
        passing = passing and self._backoff.failures == 1 and self._syncs.tree is not None
        self._tell(AccountWaits(self.name, reason, code, self._around.wall() + until - now, passing=passing))
        self._is_told = self._is_told or not passing

    def _tell(self, event: Event) -> None:
        self._spoke = self._around.now()
        self._publish(event)
