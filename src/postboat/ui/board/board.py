"""Everything the dashboard and the window show of a run, folded from the lines of a link. Pure."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat import status as run
from postboat.account_status import SYNCING
from postboat.events import (
    AccountEvent,
    AccountFailed,
    AccountFinished,
    AccountStarted,
    AccountWaits,
    ConfigReloaded,
    ConnectionsSeen,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FolderStarted,
    PlanShown,
    RunFinished,
    SidesNamed,
)
from postboat.ui import life, times
from postboat.ui.board import words as told
from postboat.ui.board.bays import Bays
from postboat.ui.board.errors import Errors
from postboat.ui.board.lights import by_server
from postboat.ui.board.log import Log
from postboat.ui.board.traffic import Traffic
from postboat.ui.link import Happened, Lost, Over, Snapshot
from postboat.ui.view import NO_COUNTS, FolderView, View, fold, note_sides
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.account_status import AccountStatus, HeldPlan
    from postboat.counts import Counts
    from postboat.events import Event, Light
    from postboat.ui.board.log import LogLine
    from postboat.ui.link import Line
    from postboat.ui.words import Manner


FRESH = 60.0
"""Seconds for which it is told that events were missed."""


@dataclass(slots=True)
class Desk:
    """What is kept of an account beside its status and its view."""

    lights: tuple[Light, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)
    wired: bool = False
    """Whether its connections tell how much went over them."""
    bays: Bays = field(default_factory=Bays)
    looked_at: dict[str, list[HeldPlan]] = field(default_factory=dict)
    """What was held in folders that are looked at again: whether it still is will be told."""


class Board:
    """A run as it is shown. Only `learn` changes it. Times are seconds since the epoch."""

    def __init__(
        self,
        manner: Manner,
        *,
        goes_on: bool = True,
        replay: bool = False,
        clock: Callable[[float], str] = times.time_of_day,
    ) -> None:
        self.manner, self.goes_on, self.replay = manner, goes_on, replay
        self.clock = clock
        """Writes a moment as eight columns of local time."""
        self.status = run.ServiceStatus(0, "", 0.0, "")
        self.view = View()
        self.desks: dict[str, Desk] = {}
        self.traffic = Traffic()
        """Of all accounts together."""
        self.errors = Errors(manner, goes_on=goes_on)
        self.missed = 0
        """Events that were not seen, because the face was too slow."""
        self._missed_at = 0.0
        self._missed_before = 0
        self.most_lights = 0
        """Connections that an account had at a time at most: room is kept for so many."""
        self.lost: str | None = None
        """Why the run cannot be heard; None while it can."""
        self.over = False
        """Whether nothing more will come."""
        self._log = Log()

    # --- what is known ------------------------------------------------------------------------------------------

    @property
    def log(self) -> list[LogLine]:
        """What was told, oldest first."""
        return list(self._log.lines)

    @property
    def accounts(self) -> list[str]:
        """The accounts' names, in the order of their keys."""
        return list(self.status.accounts)

    @property
    def exit_code(self) -> int | None:
        """What a single run ended with; None while it goes on."""
        return self.view.exit_code

    def desk(self, account: str) -> Desk:
        """Give what is kept of an account."""
        known = self.desks.get(account)
        if known is None:
            known = self.desks[account] = Desk()
        return known

    def plans(self, account: str = "") -> list[told.Held]:
        """Give the deletions that wait for the user's word: of an account, or of all."""
        return [
            told.held(name, plan)
            for name, status in self.status.accounts.items()
            if not account or name == account
            for plan in (*status.plans, *self._looked_at(name))
        ]

    def _looked_at(self, account: str) -> list[HeldPlan]:
        desk = self.desks.get(account)
        return [plan for plans in desk.looked_at.values() for plan in plans] if desk else []

    def done(self, account: str) -> Counts:
        """Tell what was done in an account since this began to listen."""
        view = self.view.accounts.get(account)
        if view is None:
            return NO_COUNTS
        if view.life is None:
            return view.done
        return view.life.total + sum((folder.done for folder in view.working.values()), NO_COUNTS)

    @property
    def arrived(self) -> int:
        """New messages since the run began; in a single one, all that were copied from the servers."""
        if self.goes_on:
            return sum(account.arrived for account in self.status.accounts.values())
        return sum(view.done.down for view in self.view.accounts.values())

    def missed_lately(self, now: float) -> int:
        """Events that were not seen of late; what came of them is known since, and the log tells of them all."""
        return self.missed - self._missed_before if now - self._missed_at < FRESH else 0

    # --- what is learnt -----------------------------------------------------------------------------------------

    def learn(self, line: Line, now: float) -> None:
        """Learn of a line of the link, which was taken from it at `now`."""
        match line:
            case Happened(event=event, when=when):
                self._happened(event, when)
            case Snapshot(status=status, dropped=dropped):
                self._begin_anew(deepcopy(status), now)
                self._note_missed(dropped, now)
            case Lost(reason=reason):
                if self.lost is None:
                    self._log.tell((f"{told.LOST}: {told.failure(reason)[0]}",), now, "attention")
                self.lost = reason
                for desk in self.desks.values():
                    desk.lights = ()
            case Over():
                self.over = True

    def _happened(self, event: Event, when: float) -> None:
        if isinstance(event, FolderEvent | AccountStarted | AccountFinished | AccountFailed | AccountWaits):
            self._note_work(event, when)
        run.learn(self.status, event, when)
        fold(self.view, event, when)
        match event:
            case FolderProgressed() | FolderStarted() | FolderPlanned() | FolderScanned():
                return
            case ConnectionsSeen():
                self._note_lights(event, when)
                return
            case SidesNamed():
                self._speak_of_sides()
            case ConfigReloaded(problems=(), accounts=names) if names:
                self.desks = {name: desk for name, desk in self.desks.items() if name in names}
            case RunFinished():
                for desk in self.desks.values():
                    desk.lights = ()
        self.errors.learn(event, when)
        if isinstance(event, AccountFinished):
            self.errors.keep(self.status.account(event.account, when), when)
        self._log.learn(event, self.view, self.manner, when)

    def _speak_of_sides(self) -> None:
        self.manner = self.errors.manner = replace(self.manner, sides=dict(self.view.sides))

    def _note_work(self, event: AccountEvent, when: float) -> None:
        desk = self.desk(event.account)
        match event:
            case FolderPlanned(folder=folder, counts=counts) if counts.changes:
                desk.bays.take(folder, when)
            case FolderScanned(folder=folder):
                desk.bays.take(folder, when)
            case FolderProgressed(folder=folder, done=done):
                desk.bays.take(folder, when)
                self._note_octets(desk, event.account, folder, done, when)
            case FolderStarted(folder=folder):
                self._look_again(desk, event.account, folder)
            case FolderFinished(folder=folder) | FolderFailed(folder=folder) | PlanShown(folder=folder):
                self._leave(desk, event, folder, when)
            case AccountStarted():
                desk.bays.begin()
            case AccountFinished() | AccountFailed() | AccountWaits():
                desk.bays.end(when)
                desk.looked_at.clear()
            case FolderEvent(folder=folder):
                desk.looked_at.pop(folder, None)

    def _look_again(self, desk: Desk, account: str, folder: str) -> None:
        """A sync tells anew what is held in a folder: until it does, what was held counts."""
        known = self.status.accounts.get(account)
        plans = [plan for plan in known.plans if plan.folder == folder] if known else []
        if plans:
            desk.looked_at[folder] = plans

    def _leave(self, desk: Desk, event: AccountEvent, folder: str, when: float) -> None:
        desk.looked_at.pop(folder, None)
        view = self.view.accounts.get(event.account)
        working = view.working.get(folder) if view else None
        desk.bays.leave(folder, working.planned if working else None, failed=isinstance(event, FolderFailed))
        if isinstance(event, FolderFinished):
            self._note_octets(desk, event.account, folder, event.done, when)

    def _note_octets(self, desk: Desk, account: str, folder: str, done: Counts, when: float) -> None:
        """Where connections do not tell how much went over them, the messages' sizes stand for it."""
        if desk.wired:
            return
        view = self.view.accounts.get(account)
        working = view.working.get(folder) if view else None
        before = working.done if working else NO_COUNTS
        down, up = max(0, done.bytes_down - before.bytes_down), max(0, done.bytes_up - before.bytes_up)
        if down or up:
            desk.traffic.add(down, up, when)
            self.traffic.add(down, up, when)

    def _note_lights(self, event: ConnectionsSeen, when: float) -> None:
        desk = self.desk(event.account)
        desk.lights, desk.wired = by_server(event.lights, self.view.sides.get(event.account)), True
        gap = event.account in self.view.sides
        self.most_lights = max(self.most_lights, len(event.lights) + gap)
        down, up = desk.traffic.learn(event.received, event.sent, when)
        if down or up:
            self.traffic.add(down, up, when)

    # --- a snapshot ---------------------------------------------------------------------------------------------

    def _begin_anew(self, status: run.ServiceStatus, now: float) -> None:
        """Forget what was known but for the log, the errors and what was on the wire."""
        if self.lost is not None:
            self._log.tell(("connected to the service again",), now, "ok")
        elif self.status.pid not in (0, status.pid):
            self._log.tell(("the service was started anew",), now)
        self.lost, self.over = None, False
        self.status, self.view = status, View()
        self.desks = {name: desk for name, desk in self.desks.items() if name in status.accounts}
        if status.accounts and self.goes_on:
            life.begin(self.view, status.accounts, now)
        self.errors.end_all(now)
        for account in status.accounts.values():
            note_sides(self.view, account.name, account.sides)
        self._speak_of_sides()
        for account in status.accounts.values():
            self._take_over(account, now)
            self.errors.seen(account, now)

    def _take_over(self, account: AccountStatus, now: float) -> None:
        desk, view = self.desk(account.name), self.view.account(account.name, now)
        desk.lights, desk.bays = (), Bays()
        desk.looked_at.clear()
        if view.life is not None:
            view.life.syncs = view.life.ended = int(account.last_sync is not None)
            view.life.syncs += account.phase == SYNCING
            view.life.paused, view.life.rests = account.paused, account.next_sync
        view.server, view.pairs = account.host, account.folders if account.listed else None
        for name, work in account.working.items():
            view.working[name] = folder = FolderView(name, now, planned=work.planned, done=work.done)
            if work.planned is not None:
                folder.note(now)
            if work.scanned or (work.planned is not None and work.planned.changes):
                desk.bays.take(name, account.since)

    def _note_missed(self, dropped: int, now: float) -> None:
        if dropped > self.missed:
            if now - self._missed_at >= FRESH:
                self._missed_before = self.missed
            self._missed_at = now
            self._log.tell((told.missed(dropped - self.missed),), now, "attention")
        self.missed = max(dropped, self.missed)
