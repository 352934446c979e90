"""What the faces know: events folded into accounts and their folders. Pure: the clock comes in as `now`.

A view grows with what is worth telling, not with the mailbox: a folder that finishes without a change leaves only a
count behind, so an account of ten thousand folders costs its working ones. In a run that goes on it does not grow with
time either: each sync of an account begins anew, and what outlasts it is `life.Life`.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeVar

from postboat.events import (
    AccountConnected,
    AccountEvent,
    AccountFailed,
    AccountFinished,
    AccountStarted,
    AccountWaits,
    ConfigReloaded,
    Counts,
    Event,
    FolderCreated,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    MessageCameBack,
    MessageFailed,
    MessagesArrived,
    MessagesAside,
    MessagesPutBack,
    Mirrored,
    PlanDecided,
    PlanHeld,
    PlanShown,
    RunFinished,
    ServiceStarted,
    SidesNamed,
    StepReached,
    Warned,
)
from postboat.ui.speed import Speed
from postboat.values import dataclass

if TYPE_CHECKING:
    from typing import Literal

    from postboat.ui.life import Life
    from postboat.ui.steps import Step
    from postboat.values import Sides

    Heard = Literal["new", "again", "mended"]

_T = TypeVar("_T")

NO_COUNTS = Counts()
KEPT = 200
"""How many failures, warnings and names of created folders an account keeps; beyond that they are only counted."""


@dataclass(slots=True)
class FolderView:
    """A folder while it is worked on, and afterwards if there is something to tell of it."""

    name: str
    started: float
    planned: Counts | None = None
    """None until it was looked at."""
    done: Counts = NO_COUNTS
    messages_failed: int = 0
    failure: str = ""
    """Why the folder as a whole failed."""
    looks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By side: with how many messages a long look is through, and of how many (0: not known), until there is a plan."""
    speed: Speed = field(default_factory=Speed)
    """Of messages, looked at or worked on, and octets."""

    @property
    def scanned(self) -> tuple[int, int] | None:
        """With how many messages long looks at both sides are through, of how many; None when there are none."""
        of = sum(of for _, of in self.looks.values()) if all(of for _, of in self.looks.values()) else 0
        return (sum(done for done, _ in self.looks.values()), of) if self.looks else None

    @property
    def total(self) -> int:
        """Messages to work on; 0 until it was looked at."""
        return self.planned.changes if self.planned else 0

    @property
    def octets(self) -> int:
        """Octets transferred so far, both ways."""
        return self.done.bytes_down + self.done.bytes_up

    def rate(self, now: float) -> float:
        """Messages per second of late; 0.0 while it cannot be told."""
        return self.speed.rate(now, self._at()[0])

    def octet_rate(self, now: float) -> float:
        """Octets per second of late; 0.0 while it cannot be told."""
        return self.speed.rate(now, self.octets, nth=1)

    def eta(self, now: float) -> float | None:
        """Seconds to go at the present rate; None while it cannot be told."""
        return self.speed.eta(now, *self._at())

    def note(self, now: float) -> None:
        """Note what is done by now, so that rates can be told later."""
        self.speed.note(now, self._at()[0], self.octets)

    def _at(self) -> tuple[int, int]:
        return self.scanned or (self.done.changes, self.total)


@dataclass(slots=True)
class AccountView:
    """An account's sync so far."""

    name: str
    started: float
    server: str = ""
    """Of two, the remote one; empty until the first connection to it is signed in."""
    user: str = ""
    pairs: int | None = None
    """How many folders there are to sync; None until they are listed."""
    working: dict[str, FolderView] = field(default_factory=dict)
    told: list[FolderView] = field(default_factory=list)
    """Finished folders in which something changed or failed."""
    folders_done: int = 0
    folders_failed: int = 0
    settled: Counts = NO_COUNTS
    """What was done in folders that are finished."""
    would: Counts = NO_COUNTS
    """What a dry run found to do."""
    created: list[FolderCreated] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    """Names of the folders that were created on one side."""
    held: list[PlanHeld] = field(default_factory=list)
    """Deletions that wait for the user's word."""
    decided: int = 0
    """How many folders' held deletions the user had a word for."""
    aside: int = 0
    """How many folders have messages that are put aside."""
    came_back: int = 0
    held_anew: bool = False
    """Whether deletions wait in this sync that did not before."""
    finished: AccountFinished | None = None
    mirrored: Mirrored | None = None
    """The last line of a run one way."""
    failed: AccountFailed | None = None
    life: Life | None = None
    """In a run that goes on: what outlasts this sync."""

    @property
    def done(self) -> Counts:
        """What was done so far, in finished and working folders."""
        return sum((folder.done for folder in self.working.values()), self.settled)

    @property
    def held_folders(self) -> list[str]:
        """Names of the folders in which something is held, each once; "" stands for all of them."""
        return list(dict.fromkeys(event.folder for event in self.held))

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to the account in this run, or in this sync of one that goes on."""
        return self.finished is not None or self.failed is not None

    @property
    def is_first(self) -> bool:
        """Whether this is the first sync of the run that comes to its end, or did."""
        return self.life is None or self.life.ended <= bool(self.finished)

    @property
    def at_work(self) -> bool:
        """Whether something is done for the account now."""
        return bool(self.working) or not (self.over or (self.life is not None and self.life.idle))


@dataclass(slots=True)
class View:
    """A run so far, as every face sees it. Only `fold` changes it."""

    accounts: dict[str, AccountView] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    """By account: work that is no sync."""
    sides: dict[str, Sides] = field(default_factory=dict)
    """Of accounts whose sides are both of one kind: what those are called."""
    failures: list[MessageFailed | FolderFailed | AccountFailed] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    exit_code: int | None = None
    """None while the run goes on."""
    lasting: bool = False
    """Whether the run goes on until it is stopped."""
    heard: Heard = "new"
    """What the event that was folded last is to one who heard all before it: `again` is not worth telling once more,
    and `mended` ends something that was told."""

    def account(self, name: str, now: float) -> AccountView:
        """The account's view, begun now if this is the first that is heard of it."""
        if name not in self.accounts:
            self.accounts[name] = AccountView(name, started=now)
        return self.accounts[name]


def fold(view: View, event: Event, now: float) -> View:
    """Let the view learn of one event that was heard at `now` (seconds on any clock that only goes forward).

    Changes the view in place, as a copy of thousands of folders for each event would be felt, and returns it.
    """
    if view.lasting:
        from postboat.ui.life import follow  # only runs that go on pay for it

        follow(view, event, now)
    match event:
        case FolderEvent():
            _fold_folder(view, view.account(event.account, now), event, now)
        case SidesNamed(account=name, sides=sides):
            note_sides(view, name, sides)
        case StepReached():
            from postboat.ui.steps import learn  # no sync pays for it

            learn(view.steps, event, now)
        case AccountEvent():
            _fold_account(view, view.account(event.account, now), event, now)
        case Warned():
            _keep(view.warnings, event)
        case ServiceStarted(accounts=names) | ConfigReloaded(problems=(), accounts=names) if names:
            from postboat.ui.life import begin

            begin(view, names, now)
        case RunFinished(exit_code=code):
            view.exit_code = code
    return view


def note_sides(view: View, account: str, sides: Sides | None) -> None:
    """Know from now on what an account's sides are called."""
    if sides is not None:
        view.sides[account] = sides
    else:
        view.sides.pop(account, None)


def _fold_account(view: View, account: AccountView, event: AccountEvent, now: float) -> None:
    match event:
        case AccountStarted() if not view.lasting:
            view.accounts[event.account] = AccountView(event.account, started=now)
        case AccountConnected(server=server, user=user, side="remote"):
            account.server, account.user = server, user
        case FoldersListed(pairs=pairs):
            account.pairs = pairs
        case FoldersUnchanged(count=count):
            account.folders_done += count
        case AccountFinished():
            account.finished = event
            account.working.clear()
        case Mirrored():
            account.mirrored = event
        case AccountFailed():
            account.failed = event
            settle_all(account)
            _keep(view.failures, event)
        case AccountWaits():
            settle_all(account)


def _fold_folder(view: View, account: AccountView, event: FolderEvent, now: float) -> None:
    if _noted(account, event):
        return
    match event:
        case PlanShown(operations=operations):
            account.working.pop(event.folder, None)
            account.folders_done += 1
            from postboat.ui.sentences.dry_run import would  # only dry runs pay for it

            account.would += would(operations)
            return
        case FolderStarted():
            if event.folder in account.working:  # begun anew, as its connection broke: what it did counts
                _count(account, account.working[event.folder])
            account.working[event.folder] = FolderView(event.folder, started=now)
            return
    folder = account.working.get(event.folder) or FolderView(event.folder, started=now)
    match event:
        case FolderFinished(done=done):
            folder.done = done
            account.working.pop(event.folder, None)
            account.folders_done += 1
            _settle(account, folder)
        case FolderFailed(reason=reason):
            folder.failure = reason
            account.working.pop(event.folder, None)
            account.folders_failed += 1
            _settle(account, folder)
            _keep(view.failures, event)
        case _:
            account.working[event.folder] = folder
            _progress(view, folder, event, now)


def _noted(account: AccountView, event: FolderEvent) -> bool:
    """Take note of what is no step in the work on a folder; False when it is one."""
    match event:
        case FolderCreated():
            _keep(account.created, event)
            account.made.add(event.folder)
        case MessageCameBack():
            account.came_back += 1
        case PlanHeld():
            account.held.append(event)
        case PlanDecided():
            account.decided += 1
        case MessagesAside():
            account.aside += 1
        case MessagesPutBack() | MessagesArrived():
            pass
        case _:
            return False
    return True


def _progress(view: View, folder: FolderView, event: FolderEvent, now: float) -> None:
    match event:
        case FolderPlanned(counts=counts):
            folder.planned = counts
            if folder.looks:
                folder.looks, folder.speed = {}, Speed()
            folder.note(now)
        case FolderProgressed(done=done):
            folder.done = done
            folder.note(now)
        case FolderScanned(side=side, done=through, of=of) if folder.planned is None:
            folder.looks[side] = (through, of)
            folder.note(now)
        case MessageFailed():
            folder.messages_failed += 1
            _keep(view.failures, event)


def settle_all(account: AccountView) -> None:
    """Let go of folders whose work was broken off."""
    while account.working:
        _settle(account, account.working.popitem()[1])


def _count(account: AccountView, folder: FolderView) -> None:
    account.settled += folder.done
    if account.life is not None:
        account.life.total += folder.done


def _settle(account: AccountView, folder: FolderView) -> None:
    _count(account, folder)
    folder.speed.samples.clear()
    if folder.failure or folder.done.changes or folder.done.adopted or folder.done.failed or folder.messages_failed:
        account.told.append(folder)


def _keep(kept: list[_T], item: _T) -> None:
    if len(kept) < KEPT:
        kept.append(item)
