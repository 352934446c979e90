"""What one sync of an account did, for those who are told of it: a fold over its events. Pure."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.events import (
    AccountEvent,
    AccountFailed,
    AccountWaits,
    Counts,
    FolderCreated,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderProgressed,
    FolderStarted,
    MessagesArrived,
)
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from postboat.events import Event

FULL, PUSHED = "full", "idle"
"""How a sync came about, in OfflineIMAP's words: all folders were looked at, or those in which something happened."""
_LONGEST = 60_000
"""Octets of a variable of the environment: more than twice as many would keep a command from starting (Linux)."""


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What became of one folder."""

    counts: Counts = Counts()
    new: tuple[str, ...] = ()
    """Files of messages that came from the remote side, as they were delivered; or their URLs on a local server."""
    read: frozenset[str] = frozenset()
    """Those of them that are news to nobody: seen, drafts, or deleted."""
    first: bool = False
    """Whether the folder was never in step before: what came is old, and of much no files are named."""
    unwanted: bool = False
    """Whether it is for junk or trash."""
    created: bool = False
    failed: str = ""
    """Why it could not be synced."""

    @property
    def unread(self) -> tuple[str, ...]:
        """Those that are news to somebody."""
        return () if self.first or self.unwanted else tuple(path for path in self.new if path not in self.read)

    @property
    def is_any(self) -> bool:
        """Whether there is anything to tell of the folder."""
        return bool(self.counts.changes or self.new or self.created or self.failed)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one sync of an account did; before it nothing but how it came about."""

    account: str
    mode: str = FULL
    folders: Mapping[str, FolderFacts] = field(default_factory=dict)
    """Those of which there is anything to tell, as the server names them."""
    exit_code: int | None = None
    """What a single run ends with for it; None before the sync, and for a failure to reach the server."""
    outcome: str = ""
    """`done`, or `failed` when the account as a whole could not be synced; "" before the sync."""
    seconds: float = 0

    @property
    def counts(self) -> Counts:
        """Of all folders together."""
        return sum((folder.counts for folder in self.folders.values()), Counts())

    @property
    def changed(self) -> bool:
        """Whether a message or folder was changed on either side."""
        return any(folder.counts.changes or folder.new or folder.created for folder in self.folders.values())

    @property
    def new(self) -> int:
        """How many messages came from the remote side."""
        return sum(max(len(folder.new), folder.counts.down if folder.first else 0) for folder in self.folders.values())

    @property
    def unread(self) -> dict[str, tuple[str, ...]]:
        """The files, or URLs, that are news to somebody, by folder."""
        return {name: unread for name, folder in self.folders.items() if (unread := folder.unread)}

    def environment(self, hook: str) -> dict[str, str]:
        """Variables for a hook's environment: what a short script wants to know. The rest is in `as_json`."""
        unread = sum(map(len, self.unread.values()))
        told = {
            "OFFLINEIMAPSYNCMODE": self.mode,
            "POSTBOAT_HOOK": hook,
            "POSTBOAT_ACCOUNT": self.account,
            "POSTBOAT_MODE": self.mode,
            "POSTBOAT_OUTCOME": self.outcome,
            "POSTBOAT_EXIT_CODE": "" if self.exit_code is None else str(self.exit_code),
            "POSTBOAT_NEW": str(self.new),
            "POSTBOAT_UNREAD": str(unread),
            "POSTBOAT_FOLDERS": _lines(self.folders),
        }
        return {name: _printable(value) for name, value in told.items()}

    def as_json(self, hook: str) -> bytes:
        """All of it as one line of JSON in pure ASCII, for a hook's standard input."""
        facts = {
            "hook": hook,
            "account": self.account,
            "mode": self.mode,
            "outcome": self.outcome or None,
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "new": self.new,
            "unread": sum(map(len, self.unread.values())),
            "counts": dataclasses.asdict(self.counts),
            "folders": {name: _folder_as_json(folder) for name, folder in self.folders.items()},
        }
        return json.dumps(facts).encode() + b"\n"


class Arrivals:
    """Folds the events of one account's sync into facts."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._folders: dict[str, FolderFacts] = {}
        self._before: dict[str, Counts] = {}
        """What was done in folders before they were begun a second time."""
        self._exit_code: int | None = None

    def learn(self, event: Event) -> None:
        """Take an event; what is of another account is nothing to this one."""
        if not isinstance(event, AccountEvent) or event.account != self._account:
            return
        if isinstance(event, AccountFailed | AccountWaits):
            self._exit_code = event.exit_code
        elif isinstance(event, FolderEvent):
            folder = self._folders.get(event.folder, FolderFacts())
            self._folders[event.folder] = self._after(folder, event)

    def _after(self, folder: FolderFacts, event: FolderEvent) -> FolderFacts:
        match event:
            case FolderStarted():
                self._before[event.folder] = folder.counts
            case FolderProgressed(done=done) | FolderFinished(done=done):
                return replace(folder, counts=self._before.get(event.folder, Counts()) + done)
            case MessagesArrived(paths=paths, first=first, unwanted=unwanted, read=read):
                new, all_read = folder.new + paths, folder.read.union(read)
                return replace(folder, new=new, read=all_read, first=folder.first or first, unwanted=unwanted)
            case FolderCreated():
                return replace(folder, created=True)
            case FolderFailed(reason=reason):
                return replace(folder, failed=reason)
        return folder

    def facts(self, *, mode: str, exit_code: int | None, seconds: float) -> Facts:
        """What was learnt. `exit_code` is that of a sync that came to its end; None: the account failed."""
        folders = {name: folder for name, folder in self._folders.items() if folder.is_any}
        if exit_code is None:
            return Facts(self._account, mode, folders, self._exit_code, "failed", seconds)
        return Facts(self._account, mode, folders, exit_code, "done", seconds)


def _folder_as_json(folder: FolderFacts) -> dict[str, object]:
    return {
        "new": folder.new,
        "unread": folder.unread,
        "first": folder.first,
        "unwanted": folder.unwanted,
        "failed": folder.failed or None,
        "counts": dataclasses.asdict(folder.counts),
    }


def _lines(names: Iterable[str]) -> str:
    """Names, one a line, as many as there is room for."""
    kept: list[str] = []
    room = _LONGEST
    for name in names:
        room -= len(name.encode("utf-8", "replace")) + 1
        if room < 0:
            break
        kept.append(name)
    return "\n".join(kept)


def _printable(value: str) -> str:
    """A value as the environment can hold it: no NUL, and nothing that is no Unicode."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()
