"""What is known of an account that runs on, whichever sync it is in, and what was told of it before. Pure.

A run of weeks meets the same held folder, the same unreachable server, the same failing command again and again. It is
told once, and once more when it comes back after it was well in between. Nothing here grows with the number of syncs.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

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
    Counts,
    DiskWatched,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderMatchedAnew,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    MessageFailed,
    MessagesAside,
    PlanHeld,
    ServerWatched,
    Warned,
)
from postboat.ui.view import AccountView, FolderView, settle_all
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.events import Event
    from postboat.ui.view import Heard, View

    Place = tuple[str, ...]
    """What something is wrong with: a folder, a hook, or the account."""
    Complaint = tuple[object, object]
    """What kind of thing is wrong, and what it is exactly."""

PLACES = 500
"""Of how many folders and hooks of an account it is known what was told; beyond that, something is told again."""
COMPLAINTS = 100
"""The same for each of them."""
ACCOUNT: Place = ("account",)
ALL_FOLDERS: Place = ("folder", "")
"""What is held of all folders, as when a disk is not mounted, keeps the account from being synced."""
FAILED_BEFORE: Complaint = ("failed before", None)
"""A folder failed, does not any more, and is not well yet."""
NEVER = -1
"""No sync complains of it."""
ATTEMPT: Place = ("attempt",)
"""The account as a whole, that nothing could be done for."""


@dataclass(slots=True)
class Life:
    """An account over all of its syncs."""

    syncs: int = 0
    """How many were begun."""
    ended: int = 0
    """How many came to their end."""
    total: Counts = Counts()
    """What was done in all folders that were done with."""
    standing: dict[tuple[type, str], AccountEvent] = field(default_factory=dict)
    """What was told last, by its kind and side, of how each side is reached and watched."""
    waits: AccountWaits | None = None
    """Why the last attempt failed; None from the next one on."""
    rests: float | None = None
    """Seconds since the epoch: when all of it is looked at again."""
    paused: bool = False
    listed: bool = False
    """Whether the present sync, or else the last one, is one of all folders."""
    told: dict[Place, dict[Complaint, int]] = field(default_factory=dict)
    """What was told, by what it is about, with the sync in which it was heard last."""
    mended: tuple[str, ...] = ()
    """Folders that had failed, and of which the last sync of all had nothing to tell."""

    @property
    def first(self) -> bool:
        """Whether no sync came to its end yet: the first one is told as that of a single run."""
        return not self.ended

    @property
    def idle(self) -> bool:
        """Whether no sync that was begun is under way."""
        return not self.syncs or self.waits is not None


def begin(view: View, accounts: Iterable[str], now: float) -> None:
    """Take the run for one that goes on, with these accounts, though there were others before."""
    view.lasting = True
    view.accounts = {name: view.account(name, now) for name in accounts}
    for account in view.accounts.values():
        account.life = account.life or Life()


def follow(view: View, event: Event, now: float) -> None:
    """Find out what the event is to one who heard all before it, and begin an account's next sync if it is time."""
    view.heard = "new"
    name = event.account if isinstance(event, AccountEvent | Warned) else ""
    if not name:
        return
    account = view.account(name, now)
    if account.life is None:
        account.life = Life()
    view.heard = hear(account.life, event)
    if isinstance(event, AccountStarted) or (account.over and isinstance(event, FolderStarted)):
        view.accounts[name] = account = _next_sync(account, now)
    if isinstance(event, PlanHeld) and view.heard == "new":
        account.held_anew = True


def _next_sync(before: AccountView, now: float) -> AccountView:
    """Begin a sync of an account that was synced before. What one did that came to no end is told with the next."""
    account = AccountView(before.name, started=now, server=before.server, user=before.user, life=before.life)
    if not before.over:
        settle_all(before)
        account.told = merged(before.told)
    return account


def merged(folders: Iterable[FolderView]) -> list[FolderView]:
    """Add up what was done in the same folder in several syncs."""
    together: dict[str, FolderView] = {}
    for folder in folders:
        first = together.setdefault(folder.name, folder)
        if first is not folder:
            together[folder.name] = FolderView(folder.name, first.started, done=first.done + folder.done)
    return list(together.values())


def hear(life: Life, event: Event) -> Heard:
    """Let an account's life learn of an event, and say what it is to one who heard all before it."""
    if (complaint := _complaint(event)) is not None:
        return _complained(life, *complaint)
    match event:
        case FolderFinished():
            mended = _forgive(life, ("folder", event.folder))
            return "mended" if mended else "new" if life.first else "again"
        case HookRan(hook=hook):
            life.told.pop(("hook", hook), None)
            return "again"
        case FolderEvent():
            return "new"
        case AccountEvent():
            return _hear_account(life, event)
    return "new"


def _hear_account(life: Life, event: AccountEvent) -> Heard:
    match event:
        case AccountStarted():
            life.syncs += 1
            life.waits, life.listed = None, False
        case FoldersListed() | FoldersUnchanged():
            life.listed = True
            return "new" if life.first else "again"
        case AccountFinished():
            life.ended, life.mended = life.ended + 1, ()
            if life.listed:  # it would have told again what is still wrong
                places = [place for place in life.told if place[0] in ("account", "folder")]
                life.mended = tuple(place[1] for place in places if _forgive(life, place))
        case AccountWaits(passing=True):
            life.waits = event
            return "again"
        case AccountWaits():
            life.waits = event
            return _complained(life, ATTEMPT, (AccountWaits, (_steady(event.reason), event.exit_code)))
        case AccountRecovered():
            life.told.pop(ATTEMPT, None)
        case AccountRests(until=until):
            life.rests = until
    return _hear_standing(life, event)


def _hear_standing(life: Life, event: AccountEvent) -> Heard:
    """Learn of what lasts until it is otherwise: it is news when it differs from what it was."""
    before: object = event
    match event:
        case AccountConnected(side=side) | ServerWatched(side=side) | DiskWatched(side=side):
            before = life.standing.get((type(event), side))
            life.standing[type(event), side] = event
        case AccountPaused():
            before, life.paused = event if life.paused else None, True
        case AccountResumed():
            before, life.paused = None if life.paused else event, False
        case _:
            return "new"
    return "again" if before == event else "new"


def _complaint(event: Event) -> tuple[Place, Complaint] | None:
    """What is wrong with what; without what changes while nothing gets better or worse."""
    match event:
        case FolderFailed(folder=folder, reason=reason):
            return ("folder", folder), (FolderFailed, _steady(reason))
        case MessageFailed(folder=folder, what=what, reason=reason):
            return ("folder", folder), (MessageFailed, (what, reason))
        case MessagesAside(folder=folder, reason=reason):  # those that failed, until they are tried again
            return ("folder", folder), (MessageFailed, reason)
        case FolderMatchedAnew(folder=folder):
            return ("folder", folder), (FolderMatchedAnew, None)
        case PlanHeld(folder=folder, on=on, suspicion=suspicion, count=count):
            return ("folder", folder), (PlanHeld, (on, suspicion, count))
        case Warned(text=text):
            return ACCOUNT, ((Warned, text), None)
        case AccountFailed(reason=reason):
            return ACCOUNT, (AccountFailed, reason)
        case HookRan(hook=hook, status=status, output=output) if status != 0:
            return ("hook", hook), (HookRan, (status, output))
    return None


def _steady(reason: str) -> str:
    """Take numbers from what a server said: with each refusal some tell the time, or how long they took for it."""
    return "".join("#" if char.isdigit() else char for char in reason)


def _complained(life: Life, place: Place, complaint: Complaint) -> Heard:
    known = life.told.pop(place, {})
    life.told[place] = known  # at the end: what was heard of longest ago is the first to be forgotten
    heard: Heard = "again" if complaint in known else "new"
    if heard == "again" or len(known) < COMPLAINTS:
        known[complaint] = life.syncs
    if len(life.told) > PLACES:
        del life.told[next(iter(life.told))]
    return heard


def _forgive(life: Life, place: Place) -> bool:
    """Forget what was wrong before the present sync and is not any more; say whether a folder that failed is well.

    What is wrong in another way than before is not over, and a folder is not well while anything else is wrong with it.
    """
    known = life.told.get(place, {})
    still = {kind for (kind, _), last in known.items() if last == life.syncs}
    over = [complaint for complaint in known if complaint[0] not in still]
    for complaint in over:
        del known[complaint]
    failed = FAILED_BEFORE in over or any(
        kind is (PlanHeld if place == ALL_FOLDERS else FolderFailed) for kind, _ in over
    )
    if known and failed:
        known[FAILED_BEFORE] = NEVER
    if not known:
        life.told.pop(place, None)
    return failed and not known
