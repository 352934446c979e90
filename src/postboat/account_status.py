"""What an account of a run is at, and its folders: the values that `status` folds events into. Pure."""

from __future__ import annotations

from dataclasses import field

from postboat.counts import Counts
from postboat.values import SideName, Sides, dataclass

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
class Work:
    """How far the work on a folder is."""

    planned: Counts | None = None
    """What is to be done; None until that is known."""
    done: Counts = Counts()
    scanned: tuple[int, int] | None = None
    """How many messages a long look is through with, and of how many (0: not known); None while there is no such."""


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """Deletions that wait for the user's word, as `events.PlanHeld` tells of them."""

    folder: str
    on: SideName
    suspicion: str
    count: int
    of: int
    subjects: tuple[str, ...] = ()


@dataclass(slots=True)
class SecondSide:
    """What a second server, or a second tree of Maildirs, is at."""

    host: str = ""
    """Of a server: that it is signed in to."""
    how: str = ""
    """How changes there are noticed: as in `AccountStatus.server` or `disk`."""
    folders: tuple[str, ...] = ()
    """As `AccountStatus.server_folders`."""
    reason: str = ""
    """As `AccountStatus.disk_reason`."""


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
    sides: Sides | None = None
    """What its sides are called, where both are servers or both are trees of Maildirs."""
    host: str = ""
    """The server it is signed in to; of two, the remote one."""
    server: str = ""
    """How changes on the server are noticed: `notify`, `idle`, `poll`, or "" while they are not."""
    server_folders: tuple[str, ...] = ()
    """With `idle`: of which folders."""
    disk: str = ""
    """How changes on disk are noticed: `inotify`, `poll`, or "" while they are not."""
    disk_reason: str = ""
    """Why the disk is polled."""
    second: SecondSide | None = None
    """Of two servers the local one, of two trees of Maildirs the remote one; None before anything is known of it."""
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
    working: dict[str, Work] = field(default_factory=dict)
    """Folders that the sync under way is at."""
    plans: list[HeldPlan] = field(default_factory=list)
    """What waits for the user's word, in the order in which it was told."""
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
