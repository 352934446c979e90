"""What a run that goes on is at: its events folded into a snapshot that can be sent (`status_json`) and shown. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from postboat.account_status import (
    IDLE,
    NEEDS_USER,
    SYNCING,
    USERS_TURN,
    WAITING,
    AccountStatus,
    FolderTrouble,
    HeldPlan,
    SecondSide,
    Work,
)
from postboat.events import (
    AccountConnected,
    AccountEvent,
    AccountFailed,
    AccountFinished,
    AccountPaused,
    AccountRecovered,
    AccountRests,
    AccountResumed,
    AccountStarted,
    AccountWaits,
    ConfigReloaded,
    DiskWatched,
    Event,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    MachineSlept,
    MessagesArrived,
    PlanDecided,
    PlanHeld,
    PlanShown,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
    SidesNamed,
)
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

SUBJECTS_KEPT = 5
PLANS_KEPT = 200
"""What waits beyond that in an account is counted only."""


@dataclass(slots=True)
class ServiceStatus:
    """What a run that goes on is at. Only `learn` changes it. Times are seconds since the epoch."""

    pid: int
    version: str
    started: float
    config: str
    """The configuration's file."""
    accounts: dict[str, AccountStatus] = field(default_factory=dict)
    stopping: bool = False
    problems: tuple[str, ...] = ()
    """Why the configuration that was read last is not used."""
    woke: float | None = None
    """When the machine last woke from sleep."""

    def account(self, name: str, now: float) -> AccountStatus:
        """The account's state, begun now if this is the first that is heard of it."""
        if name not in self.accounts:
            self.accounts[name] = AccountStatus(name, since=now)
        return self.accounts[name]

    def keep_only(self, names: Collection[str]) -> None:
        """Forget accounts that the configuration does not have any more."""
        self.accounts = {name: account for name, account in self.accounts.items() if name in names}


# --- what events tell ---------------------------------------------------------------------------------------------


def learn(status: ServiceStatus, event: Event, now: float) -> None:
    """Let the status learn of one event that happened at `now`, in place."""
    match event:
        case FolderEvent():
            _learn_of_folder(status.account(event.account, now), event)
        case AccountEvent():
            _learn_of_account(status.account(event.account, now), event, now)
        case ServiceStarted(accounts=names):
            for name in names:
                status.account(name, now)
        case MachineSlept():
            status.woke = now
        case ConfigReloaded(problems=problems, accounts=names):
            status.problems = problems
            if names and not problems:
                status.accounts = {name: status.account(name, now) for name in names}
        case ServiceStopping():
            status.stopping = True


def _learn_of_account(account: AccountStatus, event: AccountEvent, now: float) -> None:
    match event:
        case AccountStarted():
            account.enter(SYNCING, now)
            account.folders_done, account.listed = 0, False
            account.touched.clear()
            account.working.clear()
        case AccountFinished():
            _finish(account, event, now)
        case AccountFailed(reason=reason, exit_code=code):
            _fail(account, reason, code, None, now)
        case AccountWaits(reason=reason, exit_code=code, until=until):
            _fail(account, reason, code, until, now)
        case AccountRecovered():
            _mend(account, now)
        case AccountRests(until=until):
            account.next_sync = until
            if account.reason:
                _fail(account, account.reason, account.exit_code, until, now)
            else:
                account.enter(IDLE, now)
        case AccountPaused():
            account.paused = True
        case AccountResumed():
            account.paused = False
        case _:
            _take_note(account, event)


def _take_note(account: AccountStatus, event: AccountEvent) -> None:
    """Note what is no step from one phase to another."""
    match event:
        case SidesNamed(sides=sides):
            account.sides = sides
            if sides is None:
                account.second = None
        case AccountConnected(side="local") | ServerWatched(side="local") | DiskWatched(side="remote"):
            account.second = _noted_of_second(account.second or SecondSide(), event)
        case AccountConnected(server=host):
            account.host = host
        case FoldersListed(pairs=pairs):
            account.folders, account.listed = pairs, True
        case FoldersUnchanged(count=count):
            account.folders_done += count
        case ServerWatched(how=how, folders=folders):
            account.server, account.server_folders = how, folders
        case DiskWatched(how=how, reason=reason):
            account.disk, account.disk_reason = how, reason
        case HookRan(hook=hook, status=0):
            account.hooks.pop(hook, None)
        case HookRan(hook=hook, status=status, output=output):
            account.hooks[hook] = _last_line(output) if status is None else f"ended with status {status}"


def _noted_of_second(second: SecondSide, event: AccountConnected | ServerWatched | DiskWatched) -> SecondSide:
    match event:
        case AccountConnected(server=host):
            second.host = host
        case ServerWatched(how=how, folders=folders):
            second.how, second.folders = how, folders
        case DiskWatched(how=how, reason=reason):
            second.how, second.reason = how, reason
    return second


def _last_line(output: str) -> str:
    """Why a hook failed: that stands below whatever it printed."""
    return next(reversed(output.rstrip().splitlines()), "did not run")


def _finish(account: AccountStatus, finished: AccountFinished, now: float) -> None:
    """Note the end of a sync. One of all folders that did not mention a folder's trouble knows that it is over."""
    account.working.clear()
    if account.listed:
        account.troubles = {name: known for name, known in account.troubles.items() if name in account.touched}
        account.plans = [plan for plan in account.plans if plan.folder in account.troubles]
    if finished.failed_folders < max(1, finished.folders):
        account.last_sync = now
        _mend(account, now)
    else:
        account.enter(IDLE, now)


def _mend(account: AccountStatus, now: float) -> None:
    account.reason, account.exit_code, account.until = "", 0, None
    account.enter(IDLE, now)


def _fail(account: AccountStatus, reason: str, code: int, until: float | None, now: float) -> None:
    account.working.clear()
    account.reason, account.exit_code, account.until = reason, code, until
    account.enter(NEEDS_USER if code in USERS_TURN else WAITING, now)


def _learn_of_folder(account: AccountStatus, event: FolderEvent) -> None:
    match event:
        case FolderPlanned() | FolderProgressed() | FolderScanned():
            _go_on(account.working.setdefault(event.folder, Work()), event)
        case FolderStarted():
            account.troubles.pop(event.folder, None)
            _forget_plans(account, event.folder)
            account.working[event.folder] = Work()
        case FolderFinished(done=done):
            _end_work(account, event.folder)
            _note_trouble(account, event.folder, reason="", failed=done.failed, aside=done.aside)
        case PlanShown():
            _end_work(account, event.folder)
        case FolderFailed(reason=reason):
            _end_work(account, event.folder)
            _note_trouble(account, event.folder, reason=reason)
        case PlanHeld():
            _hold(account, event)
        case PlanDecided():
            _forget_plans(account, event.folder)
            _note_trouble(account, event.folder, held=0)
        case MessagesArrived(paths=paths, first=False, unwanted=False):
            account.arrived += len(paths)


def _go_on(work: Work, event: FolderPlanned | FolderProgressed | FolderScanned) -> None:
    match event:
        case FolderPlanned(counts=counts):
            work.planned, work.scanned = counts, None
        case FolderProgressed(done=done):
            work.done = done
        case FolderScanned(done=done, of=of):
            work.scanned = done, of


def _end_work(account: AccountStatus, folder: str) -> None:
    account.working.pop(folder, None)
    account.folders_done += 1


def _hold(account: AccountStatus, held: PlanHeld) -> None:
    """Note what waits in a folder. What an earlier sync told of it is told anew, if it still waits."""
    before = account.troubles.get(held.folder) if held.folder in account.touched else None
    if before is None:
        _forget_plans(account, held.folder)
        _note_trouble(account, held.folder, reason="")
    _note_trouble(account, held.folder, held=(before.held if before else 0) + held.count)
    if len(account.plans) < PLANS_KEPT:
        subjects = held.subjects[:SUBJECTS_KEPT]
        account.plans.append(HeldPlan(held.folder, held.on, held.suspicion, held.count, held.of, subjects))


def _forget_plans(account: AccountStatus, folder: str) -> None:
    account.plans = [plan for plan in account.plans if plan.folder != folder]


def _note_trouble(account: AccountStatus, folder: str, **facts: Any) -> None:
    """Change what is known of a folder's trouble; of none at all nothing is kept."""
    account.touched.add(folder)
    trouble = account.troubles.get(folder) or FolderTrouble()
    for name, value in facts.items():
        setattr(trouble, name, value)
    if trouble.is_any:
        account.troubles[folder] = trouble
    else:
        account.troubles.pop(folder, None)
