"""Happenings: facts in the past tense that the engine publishes and the faces fold into a view.

Publishing is a plain synchronous call that never waits and never raises. All texts for people come from `ui.words`;
events carry facts only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from postboat.counts import Counts as Counts  # noqa: TC001 - at run time too: it is read by its declared type
from postboat.happening import AccountEvent as AccountEvent
from postboat.happening import Event as Event
from postboat.happening import FolderEvent as FolderEvent
from postboat.mirrored import Mirrored as Mirrored
from postboat.values import SideName, dataclass
from postboat.values import Sides as Sides


@dataclass(frozen=True, slots=True)
class AccountStarted(AccountEvent):
    """The sync of an account began."""


@dataclass(frozen=True, slots=True)
class SidesNamed(AccountEvent):
    """It is known how to speak of the account's two sides."""

    sides: Sides | None = None
    """None: they are a server and a tree of Maildirs."""


@dataclass(frozen=True, slots=True)
class AccountConnected(AccountEvent):
    """The first connection to a server of the account is signed in."""

    server: str
    user: str
    side: SideName = "remote"
    """The side ("remote" or "local") that is the server."""


@dataclass(frozen=True, slots=True)
class FoldersListed(AccountEvent):
    """Both sides' folders are known and the rules are proved."""

    pairs: int


@dataclass(frozen=True, slots=True)
class FoldersUnchanged(AccountEvent):
    """So many folders are as they were agreed on, on both sides, and were not opened."""

    count: int


@dataclass(frozen=True, slots=True)
class FolderCreated(FolderEvent):
    """A folder was created on `side` ("remote" or "local"), or would be in a dry run."""

    side: SideName
    name: str


@dataclass(frozen=True, slots=True)
class FolderMatchedAnew(FolderEvent):
    """What was agreed on no longer counts: another server, folder or copy of it; messages are matched by content."""


@dataclass(frozen=True, slots=True)
class FolderStarted(FolderEvent):
    """Work on a folder began."""


@dataclass(frozen=True, slots=True)
class FolderPlanned(FolderEvent):
    """What the folder needs is known."""

    counts: Counts


@dataclass(frozen=True, slots=True)
class FolderProgressed(FolderEvent):
    """What is done so far of what was planned."""

    done: Counts


@dataclass(frozen=True, slots=True)
class FolderScanned(FolderEvent):
    """How far a long look at one side of a folder has come; short ones are not told of."""

    side: SideName
    """The side ("remote" or "local") that is looked at."""
    done: int
    of: int
    """How many messages there are to look at; 0 while that is not known."""


@dataclass(frozen=True, slots=True)
class MessageFailed(FolderEvent):
    """One message was set aside; the rest goes on."""

    what: str
    """Which message, and what was to be done with it."""
    reason: str


@dataclass(frozen=True, slots=True)
class MessageCameBack(FolderEvent):
    """A message deleted on one side was changed on the other since: the change won."""

    deleted_on: SideName
    key: str


@dataclass(frozen=True, slots=True)
class PlanHeld(FolderEvent):
    """Deletions look like an accident and wait for the user's word. `folder` is "" when all folders are gone."""

    on: SideName
    """The side ("remote" or "local") that still has the messages."""
    suspicion: str
    """The value of a `model.Suspicion`."""
    count: int
    """How many messages would be deleted."""
    of: int
    """How many messages there were."""
    subjects: tuple[str, ...] = ()
    """Of a few of them."""


@dataclass(frozen=True, slots=True)
class PlanDecided(FolderEvent):
    """The user's word on held deletions was written down: the sync that follows carries it out."""

    on: SideName
    """The side ("remote" or "local") that still has the messages."""
    verdict: str
    """The value of a `model.Verdict`."""
    count: int


@dataclass(frozen=True, slots=True)
class MessagesPutBack(FolderEvent):
    """Messages that a sync removed were put back, as new ones, for the user wants them."""

    count: int
    side: SideName = "local"
    """The side ("remote" or "local") that has them again."""


@dataclass(frozen=True, slots=True)
class MessagesAside(FolderEvent):
    """So many messages failed in earlier runs and are not due to be tried again before `due`."""

    count: int
    due: float
    """Seconds since the epoch: the earliest of them."""
    reason: str
    """Why the first of them failed."""


@dataclass(frozen=True, slots=True)
class FolderFinished(FolderEvent):
    """A folder is in step but for `done.failed` messages."""

    done: Counts


@dataclass(frozen=True, slots=True)
class FolderFailed(FolderEvent):
    """A folder could not be synced."""

    reason: str


@dataclass(frozen=True, slots=True)
class AccountFinished(AccountEvent):
    """An account's sync ended; `failed_folders` of its `folders` could not be synced."""

    done: Counts
    folders: int
    failed_folders: int
    seconds: float
    held: int = 0
    """Messages whose deletion waits for the user's word."""
    aside: int = 0
    """Messages that failed before and are not due to be tried again yet."""


@dataclass(frozen=True, slots=True)
class AccountFailed(AccountEvent):
    """An account could not be synced."""

    reason: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know that stops nothing."""

    text: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class StepReached(AccountEvent):
    """How far work on an account has come that is no sync: a look at it, or messages put back."""

    step: str
    """`connecting`, `listing` (folders), `counting` (messages, folder by folder), `waiting` (for another run),
    `reading` (what is kept, run by run) or `restoring` (messages); "" when it is over."""
    done: int = 0
    of: int = 0
    """How many there are to work on; 0 while that is not known, or where it makes no sense."""


@dataclass(frozen=True, slots=True)
class PlanShown(FolderEvent):
    """A dry run's plan for a folder: one entry for each operation, ready for people and for JSON."""

    operations: tuple[dict[str, object], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class MessagesArrived(FolderEvent):
    """New messages came to the local side from the remote one; those that were only matched or came back are none."""

    paths: tuple[str, ...]
    """Of their files, as they were delivered; where a server is the local side, their URLs (RFC 5092)."""
    first: bool = False
    """Whether the folder was never in step before: what comes then is old mail. Of many no paths are told."""
    unwanted: bool = False
    """Whether the folder is for junk or trash."""
    read: tuple[str, ...] = ()
    """Those of the `paths` whose messages are no news: they came marked as seen, draft or deleted."""


@dataclass(frozen=True, slots=True)
class AccountWaits(AccountEvent):
    """An account that runs on could not be synced, and is tried again by itself. Told after each attempt."""

    reason: str
    exit_code: int
    """What a single run would have ended with: 5 needs the user."""
    until: float | None = None
    """Seconds since the epoch: when it is tried again; None: not before the user acts."""
    passing: bool = False
    """Whether it is the first failure of its kind and may well be over in a moment: laptops roam."""


@dataclass(frozen=True, slots=True)
class AccountRecovered(AccountEvent):
    """An account that waited is in step again."""


@dataclass(frozen=True, slots=True)
class AccountRests(AccountEvent):
    """An account that runs on has nothing to do for now."""

    until: float
    """Seconds since the epoch: when it is looked at again though nothing was heard."""


@dataclass(frozen=True, slots=True)
class ServerWatched(AccountEvent):
    """How changes on a server are noticed from now on."""

    how: str
    """`notify` (all folders), `idle` (some, the rest at each refresh), or `poll` (at each refresh)."""
    folders: tuple[str, ...] = ()
    """With `idle`: which."""
    side: SideName = "remote"
    """The side ("remote" or "local") that is the server."""


@dataclass(frozen=True, slots=True)
class DiskWatched(AccountEvent):
    """How changes in the Maildirs are noticed from now on."""

    how: str
    """`inotify` or `poll`."""
    reason: str = ""
    """Why it is polled."""
    side: SideName = "local"
    """The side ("remote" or "local") that the Maildirs are."""


@dataclass(frozen=True, slots=True)
class Light:
    """What one connection is used for."""

    doing: str
    """`free` (also a place that a connection left), `connecting`, `waiting` (for the server to tell), `folders` (their
    list or numbers), `opening`, `listing` (messages), `copying` (from the server), `sending`, `flagging` or `deleting`.
    """
    folder: str = ""
    """The one that is selected, named as other events name it; "" for none."""
    server: str = ""
    """Of two servers, the name of the repository whose server it goes to."""


@dataclass(frozen=True, slots=True)
class ConnectionsSeen(AccountEvent):
    """What an account's connections are used for at this moment; told only while somebody looks."""

    lights: tuple[Light, ...]
    received: int
    """Octets that came from the server since the run began."""
    sent: int


@dataclass(frozen=True, slots=True)
class AccountPaused(AccountEvent):
    """The user wants an account to rest until he says otherwise."""


@dataclass(frozen=True, slots=True)
class AccountResumed(AccountEvent):
    """The user wants an account to go on."""


@dataclass(frozen=True, slots=True)
class HookRan(AccountEvent):
    """A command of the user's was run."""

    hook: str
    """The option's name."""
    status: int | None
    """Its exit status, negative for a signal; None when it could not be started or took too long."""
    seconds: float
    output: str = ""
    """The end of what it printed, or why it did not run."""


@dataclass(frozen=True, slots=True)
class ServiceStarted(Event):
    """A run began that goes on until it is stopped."""

    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MachineSlept(Event):
    """The machine was asleep, or the clock was set: all connections are made anew."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NetworkChanged(Event):
    """Addresses or routes of this machine changed."""


@dataclass(frozen=True, slots=True)
class ConfigReloaded(Event):
    """The configuration was read again; with problems, the one before stays."""

    problems: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    """Those that are kept in step from now on."""


@dataclass(frozen=True, slots=True)
class ServiceStopping(Event):
    """The run was asked to end."""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """All accounts are done."""

    exit_code: int


Publish = Callable[[Event], None]
