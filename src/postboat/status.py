"""What a run that goes on is at: its events folded into a snapshot that can be sent (`status_json`) and shown. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

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
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    MachineSlept,
    MessagesArrived,
    PlanDecided,
    PlanHeld,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
)
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

STARTING, SYNCING, IDLE, WAITING, NEEDS_USER, PAUSED = "starting", "syncing", "idle", "waiting", "needs-user", "paused"
USERS_TURN = frozenset({2, 5})
"""Exit codes of failures that trying again does not mend: configuration and sign-in."""


@dataclass(slots=True)
class FolderTrouble:
    """What of a folder is not in step."""

    reason: str = ""
    """Why the folder as a whole failed."""
    failed: int = 0
    """Messages that failed in the last sync."""
    aside: int = 0
    """Messages that failed earlier and are not due yet."""
    held: int = 0
    """Messages whose deletion waits for the user's word."""

    @property
    def is_any(self) -> bool:
        """Whether there is any."""
        return bool(self.reason or self.failed or self.aside or self.held)


@dataclass(slots=True)
class AccountStatus:
    """What an account is at. Times are seconds since the epoch."""

    name: str
    phase: str = STARTING
    """As `state`, but for `paused`."""
    since: float = 0.0
    """When the phase began."""
    paused: bool = False
    """Whether it rests until the user says otherwise; what he asks for is done all the same."""
    reason: str = ""
    """Why it could not be synced of late; "" when it could."""
    exit_code: int = 0
    """What a single run would have ended with for that reason."""
    until: float | None = None
    """When it is tried again, while it waits; None: not before the user acts."""
    host: str = ""
    """The server it is signed in to."""
    server: str = ""
    """How changes on the server are noticed: `notify`, `idle`, `poll`, or "" while they are not."""
    server_folders: tuple[str, ...] = ()
    """With `idle`: of which folders."""
    disk: str = ""
    """How changes on disk are noticed: `inotify`, `poll`, or "" while they are not."""
    disk_reason: str = ""
    """Why the disk is polled."""
    last_sync: float | None = None
    """When a sync last came to its end."""
    next_sync: float | None = None
    """When the next refresh is due though nothing is heard."""
    folders: int = 0
    """How many there are to sync."""
    folders_done: int = 0
    """How many of them the sync under way, or else the last one, is through with."""
    arrived: int = 0
    """New messages since the start; those of a first sync, junk and trash do not count."""
    troubles: dict[str, FolderTrouble] = field(default_factory=dict)
    """By folder; "" stands for all of them."""
    hooks: dict[str, str] = field(default_factory=dict)
    """What went wrong with a command of the user's, by option."""
    touched: set[str] = field(default_factory=set)
    """Folders of which something was told since the sync under way, or else the last one, began."""
    listed: bool = False
    """Whether that sync is one of all folders."""

    @property
    def state(self) -> str:
        """One of `starting`, `syncing`, `idle`, `waiting`, `needs-user` and `paused`."""
        return PAUSED if self.paused and self.phase != SYNCING else self.phase

    @property
    def failed_folders(self) -> int:
        """How many folders could not be synced."""
        return sum(bool(trouble.reason) for trouble in self.troubles.values())

    @property
    def failed(self) -> int:
        """How many messages failed in the last sync of their folders."""
        return sum(trouble.failed for trouble in self.troubles.values())

    @property
    def aside(self) -> int:
        """How many messages failed earlier and are not due yet."""
        return sum(trouble.aside for trouble in self.troubles.values())

    @property
    def held(self) -> int:
        """How many messages' deletion waits for the user's word."""
        return sum(trouble.held for trouble in self.troubles.values())

    @property
    def verdict(self) -> int:
        """What a single run that found all this would end with: an exit code."""
        if self.exit_code:
            return self.exit_code
        if self.held:
            return 6
        return 3 if self.failed_folders or self.failed or self.aside else 0

    def enter(self, phase: str, now: float) -> None:
        """Begin a phase, unless it goes on."""
        if phase != self.phase:
            self.phase, self.since = phase, now


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
        case ConfigReloaded(problems=problems):
            status.problems = problems
        case ServiceStopping():
            status.stopping = True


def _learn_of_account(account: AccountStatus, event: AccountEvent, now: float) -> None:
    match event:
        case AccountStarted():
            account.enter(SYNCING, now)
            account.folders_done, account.listed = 0, False
            account.touched.clear()
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


def _last_line(output: str) -> str:
    """Why a hook failed: that stands below whatever it printed."""
    return next(reversed(output.rstrip().splitlines()), "did not run")


def _finish(account: AccountStatus, finished: AccountFinished, now: float) -> None:
    """Note the end of a sync. One of all folders that did not mention a folder's trouble knows that it is over."""
    if account.listed:
        account.troubles = {name: known for name, known in account.troubles.items() if name in account.touched}
    if finished.failed_folders < max(1, finished.folders):
        account.last_sync = now
        _mend(account, now)
    else:
        account.enter(IDLE, now)


def _mend(account: AccountStatus, now: float) -> None:
    account.reason, account.exit_code, account.until = "", 0, None
    account.enter(IDLE, now)


def _fail(account: AccountStatus, reason: str, code: int, until: float | None, now: float) -> None:
    account.reason, account.exit_code, account.until = reason, code, until
    account.enter(NEEDS_USER if code in USERS_TURN else WAITING, now)


def _learn_of_folder(account: AccountStatus, event: FolderEvent) -> None:
    match event:
        case FolderStarted():
            account.troubles.pop(event.folder, None)
        case FolderFinished(done=done):
            account.folders_done += 1
            _note_trouble(account, event.folder, reason="", failed=done.failed, aside=done.aside)
        case FolderFailed(reason=reason):
            account.folders_done += 1
            _note_trouble(account, event.folder, reason=reason)
        case PlanHeld(count=count):
            before = account.troubles.get(event.folder)
            also = before.held if before is not None and event.folder in account.touched else 0
            _note_trouble(account, event.folder, held=also + count)
        case PlanDecided():
            _note_trouble(account, event.folder, held=0)
        case MessagesArrived(paths=paths, first=False, unwanted=False):
            account.arrived += len(paths)


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
