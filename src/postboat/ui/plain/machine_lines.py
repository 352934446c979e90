"""OfflineIMAP's machine-readable protocol, version 7.2.0: what happens, in its commands.

A line is `SEVERITY:COMMAND:THREAD:DATA`; thread and data are URL-encoded, fields of data are separated by newlines, and
items of a list within a field by form feeds. What Postboat does not do as OfflineIMAP does is told thus:

- There are no threads. Their names are those that OfflineIMAP gives to the work on an account and on a folder.
- Messages are told by their number and not by UID. Each one that is copied has a line of its own, as there, with a
  negative number in the place of the UID, which there stands for a UID that is not known yet; so have those that are
  deleted or get other flags, in a list. Lines come as work is reported, up to ten times a second, and after the fact.
- `addingflags` says that flags were set or taken away on either side; which, is left empty. No `deletingflags` comes.
- A message that is moved is told in words, with an empty command.
- Folders are named as on the server, on both sides; so they are in OfflineIMAP where names are not translated.
- `connecting` comes when the connection is signed in, and `callhook` when the command has ended, with all it printed.
- `loadmessagelist` and `messagelistloaded` come for long looks at a folder only: most do not need a list.
- `validityproblem` has no numbers, and the folder is not skipped: the warning that follows tells what is done.
- `sleeping` comes once with the whole time, and with zeros when it is over.
- `terminate` has the exit code that the program ends with; 1 when it was stopped.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import quote_plus

from postboat.events import (
    AccountConnected,
    AccountEvent,
    AccountFailed,
    AccountFinished,
    AccountRests,
    AccountStarted,
    AccountWaits,
    Counts,
    FolderCreated,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderMatchedAnew,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    HookRan,
    RunFinished,
    Warned,
)
from postboat.ui.sentences.telling import told_news, told_trouble
from postboat.ui.view import View, fold
from postboat.ui.words import plural
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from postboat.events import Event
    from postboat.ui.words import Manner

PROTOCOL = "7.2.0"
MAIN = "MainThread"
KINDS: Mapping[str, str] = {"remote": "IMAP", "local": "Maildir"}
"""OfflineIMAP's types of repositories, by side, of an account whose sides are not both of one kind."""
SPOKEN = (FolderFinished, FoldersListed, FolderCreated, AccountConnected)
"""What a command tells, so that it need not be told in words as well."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the protocol, before it is written."""

    command: str
    """Empty: `fields` are text for people."""
    fields: tuple[object, ...]
    thread: str = MAIN
    severity: str = "msg"

    def __str__(self) -> str:
        data = "\n".join(map(str, self.fields))
        return f"{self.severity}:{self.command}:{_encoded(self.thread)}:{_encoded(data)}"


@dataclass(frozen=True, slots=True)
class Sides:
    """What an account's configuration says of its two sides."""

    host: str = ""
    port: int = 0
    remote: str = ""
    """Name of the repository."""
    local: str = ""


@dataclass(slots=True)
class Interpreter:
    """Puts events into the protocol's lines."""

    manner: Manner
    sides: Mapping[str, Sides] = field(default_factory=dict)
    """By account."""
    view: View = field(default_factory=View)
    _begun: dict[str, None] = field(default_factory=dict)
    """Accounts that a sync was told of which is not over."""
    _asleep: set[str] = field(default_factory=set)
    _done: dict[tuple[str, str], Counts] = field(default_factory=dict)
    """What was told to be done, by account and folder that are worked on."""
    _looks: set[tuple[str, str, str]] = field(default_factory=set)
    """Long looks that were told of, by account, folder and side."""
    _told: int = 0
    """How many messages were told of."""

    def lines(self, event: Event, now: float) -> Iterator[Line]:
        """Tell in any number of lines, to be read to the end, an event heard at `now` (seconds since the epoch)."""
        yield from self._preceding(event)
        counts = self._newly_done(event)
        fold(self.view, event, now)
        yield from self._said(event)
        match event:
            case FolderEvent():
                yield from self._of_folder(event, counts)
            case AccountEvent():
                yield from self._of_account(event, now)
            case RunFinished(exit_code=code):
                yield Line("terminate", (code, "", ""))

    def stopped(self) -> Iterator[Line]:
        """Tell that there will be no more, though the run came to no end."""
        if self.view.exit_code is None:
            yield Line("terminate", (1, "Stopped", "The run was stopped before its end."))

    # --- text for people ---

    def _said(self, event: Event) -> Iterator[Line]:
        thread = self._thread_of(event)
        if lines := told_trouble(event, self.view, self.manner):
            severity = "error" if isinstance(event, AccountFailed | AccountWaits | FolderFailed) else "warn"
            if isinstance(event, FolderMatchedAnew):
                remote = self.sides.get(event.account, Sides()).remote
                yield Line("validityproblem", (_item(event.folder), remote, "", ""), thread, "warn")
            yield Line("", lines, thread, severity)
        if not isinstance(event, SPOKEN) and (lines := told_news(event, self.view, self.manner)):
            yield Line("_display", lines, thread)

    def _thread_of(self, event: Event) -> str:
        match event:
            case FolderEvent(account=account, folder=folder) if (account, folder) in self._done:
                return folder_thread(account, folder)
            case AccountEvent(account=account) | Warned(account=account) if account in self._begun:
                return account_thread(account)
        return MAIN

    # --- accounts ---

    def _preceding(self, event: Event) -> Iterator[Line]:
        """What must have been told before the event: that a sync of its account began."""
        if not (isinstance(event, AccountStarted | FolderStarted) or _is_first_hook(event)):
            return
        if event.account in self._begun:
            return
        thread = account_thread(event.account)
        if event.account in self._asleep:
            self._asleep.discard(event.account)
            yield Line("sleeping", (0, 0), thread)
        self._begun[event.account] = None
        yield Line("registerthread", (_item(event.account),), thread)
        yield Line("acct", (_item(event.account),), thread)

    def _of_account(self, event: AccountEvent, now: float) -> Iterator[Line]:
        thread = account_thread(event.account)
        match event:
            case AccountConnected(server=server):
                sides = self.sides.get(event.account, Sides(server))
                yield Line("connecting", (_item(sides.host or server), sides.port, _item(sides.remote)), thread)
            case FoldersListed():
                kinds = self._kinds(event.account)
                yield Line("syncfolders", (kinds["remote"], kinds["local"]), thread)
            case HookRan(hook=hook, status=status, output=output):
                yield Line("callhook", (f"Calling hook: {hook}",), thread)
                yield Line("callhook", (f"Hook stdout: {output}", "", "Hook stderr:", ""), thread)
                yield Line("callhook", (f"Hook return code: {'' if status is None else status}",), thread)
            case AccountRests(until=until) if event.account not in self._asleep:
                self._asleep.add(event.account)
                seconds = max(0, round(until - now))
                yield Line("sleeping", (seconds, seconds), thread)
            case AccountFinished() | AccountFailed() | AccountWaits() if event.account in self._begun:
                del self._begun[event.account]
                for account, folder in [key for key in self._done if key[0] == event.account]:
                    yield from self._over(account, folder)
                yield Line("acctdone", (_item(event.account),), thread)
                yield from _exited(thread)

    # --- folders ---

    def _of_folder(self, event: FolderEvent, counts: Counts) -> Iterator[Line]:
        name, thread = _item(event.folder), folder_thread(event.account, event.folder)
        kinds = self._kinds(event.account)
        down = (kinds["remote"], name, kinds["local"], name, "")
        up = (kinds["local"], name, kinds["remote"], name, "")
        match event:
            case FolderCreated(side=side, name=created):
                sides = self.sides.get(event.account, Sides())
                where = sides.remote if side == "remote" else sides.local
                yield Line("", (f"Creating folder {_item(created)}[{where}]",), account_thread(event.account))
            case FolderStarted():
                self._done[event.account, event.folder] = Counts()
                yield Line("registerthread", (_item(event.account),), thread)
                yield Line("syncingfolder", down, thread)
            case FolderPlanned():
                yield Line("syncingmessages", down, thread)
                yield Line("syncingmessages", up, thread)
            case FolderScanned():
                yield from self._looked(event, thread)
            case FolderProgressed() | FolderFinished():
                yield from self._worked(name, counts, kinds, thread)
        if isinstance(event, FolderFinished | FolderFailed):
            yield from self._over(event.account, event.folder)

    def _looked(self, event: FolderScanned, thread: str) -> Iterator[Line]:
        look = (event.account, event.folder, event.side)
        what = (self._kinds(event.account)[event.side], _item(event.folder))
        if look not in self._looks:
            self._looks.add(look)
            yield Line("loadmessagelist", what, thread)
        if event.done >= event.of > 0:
            self._looks.discard(look)
            yield Line("messagelistloaded", (*what, event.of), thread)

    def _newly_done(self, event: Event) -> Counts:
        """What was done in a folder since it was told last."""
        if not isinstance(event, FolderProgressed | FolderFinished):
            return Counts()
        before = self._done.get((event.account, event.folder))
        if before is None:
            return event.done
        self._done[event.account, event.folder] = event.done
        return _difference(event.done, before)

    def _worked(self, name: str, counts: Counts, kinds: Mapping[str, str], thread: str) -> Iterator[Line]:
        for number, source, to in ((counts.down, "remote", "local"), (counts.up, "local", "remote")):
            for message in self._messages(number):
                yield Line("copyingmessage", (message, kinds[source], name, f"{kinds[to]}[{name}]"), thread)
        for number, side in ((counts.deleted_local, "local"), (counts.deleted_remote, "remote")):
            if number:
                yield Line("deletingmessages", (_listed(self._messages(number)), f"{kinds[side]}\t{name}"), thread)
        if counts.reflagged > 0:
            yield Line("addingflags", (_listed(self._messages(counts.reflagged)), "", name), thread)
        if counts.moved > 0:
            yield Line("", (f"Moved {plural(counts.moved, 'message')} from {name}",), thread)

    def _kinds(self, account: str) -> Mapping[str, str]:
        """What kinds of repositories an account's sides are."""
        if (sides := self.view.sides.get(account)) is None:
            return KINDS
        return dict.fromkeys(KINDS, KINDS["remote" if sides.servers else "local"])

    def _messages(self, number: int) -> range:
        """Stand-ins for UIDs of so many messages."""
        first, self._told = self._told + 1, self._told + max(0, number)
        return range(-first, -self._told - 1, -1)

    def _over(self, account: str, folder: str) -> Iterator[Line]:
        if self._done.pop((account, folder), None) is not None:
            self._looks = {look for look in self._looks if look[:2] != (account, folder)}
            yield from _exited(folder_thread(account, folder))


def account_thread(account: str) -> str:
    """OfflineIMAP's name of the thread that syncs an account."""
    return f"Account sync {account}"


def folder_thread(account: str, folder: str) -> str:
    """OfflineIMAP's name of the thread that syncs a folder."""
    return f"Folder {folder} [acc: {account}]"


def _is_first_hook(event: Event) -> TypeGuard[HookRan]:
    """Whether the event comes before a sync that it is part of there."""
    return isinstance(event, HookRan) and event.hook == "presynchook"


def _exited(thread: str) -> Iterator[Line]:
    yield Line("threadExited", (_item(thread),))
    yield Line("unregisterthread", (_item(thread),))


def _difference(now: Counts, before: Counts) -> Counts:
    return Counts(
        down=max(0, now.down - before.down),
        up=max(0, now.up - before.up),
        reflagged=max(0, now.reflagged - before.reflagged),
        deleted_remote=max(0, now.deleted_remote - before.deleted_remote),
        deleted_local=max(0, now.deleted_local - before.deleted_local),
        moved=max(0, now.moved - before.moved),
    )


def _item(text: str) -> str:
    """A text that is a field or a part of one."""
    return text.replace("\n", " ").replace("\f", " ")


def _listed(items: Iterable[object]) -> str:
    return "\f".join(map(str, items))


def _encoded(text: str) -> str:
    return quote_plus(text, errors="replace")
