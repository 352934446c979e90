"""What went wrong: since when, how often, whether it is over, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import (
    AccountFailed,
    AccountFinished,
    AccountRecovered,
    AccountWaits,
    ConfigReloaded,
    DiskWatched,
    FolderFailed,
    FolderFinished,
    HookRan,
    MessageFailed,
    MessagesAside,
    Warned,
)
from postboat.ui import words
from postboat.ui.board import words as told
from postboat.ui.sentences import lasting, single, waiting
from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.account_status import AccountStatus
    from postboat.events import Event
    from postboat.ui.words import Manner

KEPT = 200

Place = tuple[str, str, str]
"""What something is wrong with: its kind, the account, and the folder or hook."""


@dataclass(slots=True)
class Error:
    """Something that went wrong, however often. Times are seconds since the epoch."""

    first: float
    last: float
    account: str
    folder: str
    lines: tuple[str, ...]
    """What happened, in as many lines as it takes."""
    advice: str
    """What to do; "" when that is said already, or nothing is to be done."""
    style: str
    """`error`, or `attention` for what may well be over by itself."""
    count: int = 1
    over: float | None = None
    """When it was seen to be over; None while it lasts."""


class Errors:
    """What went wrong lately: the newest, and of those that are over the first to be forgotten."""

    def __init__(self, manner: Manner, *, goes_on: bool) -> None:
        self.manner, self._goes_on = manner, goes_on
        self._known: dict[tuple[Place, str], Error] = {}

    def listed(self) -> list[Error]:
        """Give them all: what lasts before what is over, the latest first."""
        return sorted(self._known.values(), key=lambda error: (error.over is not None, -error.last))

    @property
    def lasting(self) -> int:
        """How many are not over."""
        return sum(error.over is None for error in self._known.values())

    def learn(self, event: Event, now: float) -> None:
        """Take note of what went wrong, or of what is over."""
        match event:
            case FolderFinished(account=account, folder=folder, done=done):
                self._end(("folder", account, folder), now)
                if not (done.failed or done.aside):
                    self._end(("message", account, folder), now)
            case AccountFinished(account=account) | AccountRecovered(account=account):
                self._end(("account", account, ""), now)
            case HookRan(account=account, hook=hook, status=0):
                self._end(("hook", account, hook), now)
            case ConfigReloaded(problems=()):
                self._end(("config", "", ""), now)
            case _:
                self._learn_wrong(event, now)

    def keep(self, account: AccountStatus, now: float) -> None:
        """Take for over what was wrong with folders that the end of a sync left without trouble."""
        for (kind, name, folder), _ in self._known:
            if name == account.name and kind in ("folder", "message") and folder not in account.troubles:
                self._end((kind, name, folder), now)

    def seen(self, account: AccountStatus, now: float) -> None:
        """Take over what a status tells of an account, for one who did not hear it happen."""
        if account.reason:
            event = AccountWaits(account.name, account.reason, account.exit_code, account.until)
            self._learn_wrong(event, account.since or now)
        for folder, trouble in account.troubles.items():
            if trouble.reason:
                self._learn_wrong(FolderFailed(account.name, folder, trouble.reason), account.last_sync or now)

    def end_all(self, now: float) -> None:
        """Take all for over: what is not will be told again."""
        for error in self._known.values():
            if error.over is None:
                error.over = now

    def _learn_wrong(self, event: Event, now: float) -> None:
        manner, style, advice = self.manner, "error", ""
        match event:
            case AccountFailed(account=account, exit_code=code) | AccountWaits(account=account, exit_code=code):
                place, advice = ("account", account, ""), told.advice(account, code, manner)
                lines = told.failure(event.reason)
                style = "attention" if told.is_away(event, goes_on=self._goes_on) else "error"
            case FolderFailed(account=account, folder=folder, reason=reason):
                place, lines = ("folder", account, folder), (single.not_synced(reason),)
                advice = told.TRIED_AGAIN if self._goes_on else ""
            case MessageFailed(account=account, folder=folder, what=what, reason=reason):
                place, lines = ("message", account, folder), (f"{words.clean(what)}: {words.clean(reason)}",)
                advice = told.retry(account, manner)
            case MessagesAside(account=account, folder=folder):
                place, style, advice = ("message", account, folder), "attention", told.retry(account, manner)
                lines = (waiting.aside(event, manner).removeprefix(words.about(event, manner)),)
            case HookRan(account=account, hook=hook, status=status) if status != 0:
                place = ("hook", account, hook)
                lines = tuple(told.unnamed(line, account) for line in lasting.trouble(event, manner))
            case DiskWatched(account=account, reason=reason, side=side) if reason:
                place, style = ("disk", account, side), "attention"
                lines = tuple(told.unnamed(line, account) for line in lasting.trouble(event, manner))
            case ConfigReloaded(problems=problems) if problems:
                place, lines = ("config", "", ""), lasting.trouble(event, manner)
            case Warned(account=account, text=text):
                place, style, lines = ("warned", account, ""), "attention", (words.clean(text),)
            case _:
                return
        self._note(place, lines, advice, style, now)

    def _note(self, place: Place, lines: tuple[str, ...], advice: str, style: str, now: float) -> None:
        key = place, lines[0] if lines else ""
        known = self._known.pop(key, None)
        if known is None:
            kind, account, folder = place
            known = Error(now, now, account, folder if kind in ("folder", "message") else "", lines, advice, style)
        else:
            known.last, known.count, known.over = now, known.count + 1, None
            known.lines, known.advice = lines, advice
        if place[0] in ("account", "folder", "config"):
            self._end(place, now)  # it is wrong in another way now
        self._known[key] = known
        if len(self._known) > KEPT:
            ended = (key for key, error in self._known.items() if error.over is not None)
            del self._known[next(ended, next(iter(self._known)))]

    def _end(self, place: Place, now: float) -> None:
        for (where, _), error in self._known.items():
            if where == place and error.over is None:
                error.over = now
