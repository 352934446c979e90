"""The log in human words: what the plain faces would say, with its time and how it is meant."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountPaused,
    AccountRecovered,
    AccountRests,
    AccountStarted,
    AccountWaits,
    ConnectionsSeen,
    DiskWatched,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    MessagesArrived,
    MessagesAside,
    Mirrored,
    PlanHeld,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
    SidesNamed,
    Warned,
)
from postboat.ui import words
from postboat.ui.sentences.telling import told_news, told_trouble
from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.events import Event
    from postboat.ui.view import View
    from postboat.ui.words import Manner

KEPT = 2000
SILENT = (
    *(FolderProgressed, FolderScanned, ConnectionsSeen, FolderStarted, FolderPlanned, MessagesArrived),
    *(SidesNamed, AccountStarted, AccountRests, ServiceStarted, ServiceStopping, FoldersListed, FoldersUnchanged),
)
"""What no line is written about: the rest of the screen shows it."""
MILD = (Warned, MessagesAside, DiskWatched, PlanHeld, HookRan, AccountWaits)
"""Troubles that do not end anything."""
ASIDE = (AccountConnected, ServerWatched, DiskWatched)
"""What is good to know, and no more."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that was told, in one line or several."""

    when: float
    """Seconds since the epoch."""
    account: str
    lines: tuple[str, ...]
    style: str
    """`log`, `dim`, `ok`, `attention` or `error`."""


class Log:
    """What was told, bounded."""

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque(maxlen=KEPT)

    def learn(self, event: Event, view: View, manner: Manner, now: float) -> None:
        """Write down what is worth telling of an event that the view has learnt of."""
        if isinstance(event, SILENT) or (isinstance(event, ServerWatched | DiskWatched) and event.how != "poll"):
            return
        account = getattr(event, "account", "")
        if trouble := told_trouble(event, view, manner):
            self.tell(trouble, now, "attention" if isinstance(event, MILD) else "error", account)
        if news := _news(event, view, manner):
            self.tell(news, now, _style(event), account)

    def tell(self, lines: tuple[str, ...], now: float, style: str = "log", account: str = "") -> None:
        """Write lines down."""
        self.lines.append(LogLine(now, account, lines, style))


def _news(event: Event, view: View, manner: Manner) -> tuple[str, ...]:
    """What the plain faces say, but for commands that a key stands for."""
    if isinstance(event, AccountPaused):
        return (f"{words.clean(event.account)}: paused",)
    return told_news(event, view, manner)


def _style(event: Event) -> str:
    match event:
        case AccountRecovered():
            return "ok"
        case AccountFinished(done=done, failed_folders=0, held=0, aside=0) if not done.failed:
            return "ok"
        case Mirrored(missing=()):
            return "ok"
        case AccountFinished() | AccountFailed() | Mirrored():
            return "attention"
    return "dim" if isinstance(event, ASIDE) else "log"


def starts_with_account(line: LogLine) -> bool:
    """Whether its first line begins with the account's name."""
    return bool(line.account) and line.lines[0].startswith(f"{words.clean(line.account)}: ")
