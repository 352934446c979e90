"""Servers that ask for a slower pace: who says so, for how long, and one pause for all connections of an account.

What is asked for in whole is short, so it is waited for and nobody else notices. A server that wants more gets it by
the run's end: the folder or the account fails with words that say when to come back, and the next run goes on there.
"""

from __future__ import annotations

import asyncio
import re
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from postboat.errors import AccountError, CommandFailed, FolderError
from postboat.imap.selected import is_gone
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from postboat.imap.wire.responses import Condition

LONGEST = 60.0
"""Seconds that a run waits in all."""
GUESS = 5.0
"""Seconds of the first pause when the server does not say how long; each further one takes twice as long."""
BREATHER = 5.0
"""Seconds of the pause after a command that was granted, but with the remark that we are too fast; they are not
counted, since the work goes on."""
BANDWIDTH = 3600.0
"""Seconds after which it may be worth trying again when a day's amount of data is used up."""
_REPEATS = 50

# Compiled when they are needed, which is hardly ever.
_TIME = (
    r"\b(?:back-?off time|retry[ -](?:after|in)|try again (?:in|after)|wait)\D{0,12}?(\d{1,9}) ?"
    r"(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)?\b"
)
_UNITS = {"m": 60.0, "h": 3600.0, "s": 1.0}
_THROTTLED = r"\bthrottl|\brate limit|\btoo many (?:commands|requests)|\bserver (?:is )?(?:too )?(?:busy|unavailable)"
_BANDWIDTH = r"\bexceeded command or bandwidth"
_ONE_TOO_MANY = (
    r"\btoo many .{0,20}(?:connection|session)|\bmaximum number of (?:connection|session)|\bconnection limit"
)
_SPEAKING = frozenset({"", "ALERT", "LIMIT", "UNAVAILABLE", "INUSE", "OVERQUOTA", "SERVERBUG"})
"""Codes beside which the text counts; others say all themselves, and their text may be the user's words."""
_OF_ONE_FOLDER = frozenset({"SELECT", "EXAMINE", "STATUS", "APPEND", "UID SEARCH", "UID STORE", "UID EXPUNGE"})
_STORES = frozenset({"APPEND", "UID COPY", "UID MOVE"})
_MAY_FAIL = frozenset({"UID FETCH", "STATUS"})
"""What a server may be unable to do for single messages or mailboxes for ever."""
_BEFORE = frozenset({"AUTHENTICATE", "LOGIN", "STARTTLS", "CAPABILITY", "ENABLE", "ID", "COMPRESS", "LOGOUT"})
"""Commands on the way to the mailboxes and from them; whoever sends one has an answer to its refusal."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a server asks for."""

    seconds: float | None
    """None: it does not say."""
    of_account: bool
    """Whether it is about all that the account does, and not about one mailbox."""


class Throttled(FolderError):
    """A command was refused because of its pace, and not carried out: later it may be granted."""

    def __init__(self, command: str, text: str, wait: Wait) -> None:
        super().__init__(f"the server is busy or limits us, try again {_later(wait.seconds)}: {command}: {text}")
        self.wait = wait


def wait_asked(command: str, condition: Condition) -> Wait | None:
    """What an answer to `command`, or a BYE (""), asks us to wait; None when that is not what it is about."""
    code, text = condition.code.name if condition.code else "", condition.text
    if command in _BEFORE:
        return None
    if code == "THROTTLED" or "[THROTTLED]" in text:
        return Wait(_seconds(text), of_account=True)
    if condition.status == "OK" or code not in _SPEAKING:
        return None
    if is_gone(CommandFailed(command, condition.status, text, code)):
        return None
    of_account = command not in _OF_ONE_FOLDER
    if _says(_BANDWIDTH, text) or (code == "OVERQUOTA" and command not in _STORES):
        return Wait(BANDWIDTH, of_account=True)
    if _says(_THROTTLED, text):
        return Wait(_seconds(text), of_account=True)
    if code in ("UNAVAILABLE", "INUSE") and command not in _MAY_FAIL:
        return Wait(_seconds(text), of_account)
    if (code == "LIMIT" and command in ("SELECT", "EXAMINE")) or is_one_too_many(condition):
        return Wait(None, of_account=True)
    return None


def is_one_too_many(condition: Condition) -> bool:
    """Whether a server ends or refuses to use a connection because there are too many."""
    return condition.status != "OK" and _says(_ONE_TOO_MANY, condition.text)


def _says(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.I) is not None


def _seconds(text: str) -> float | None:
    told = re.search(_TIME, text, re.I)
    if told is None:
        return None
    unit = (told[2] or "s").lower()
    return int(told[1]) * (0.001 if unit.startswith(("ms", "milli")) else _UNITS[unit[0]])


def _later(seconds: float | None) -> str:
    """When to come back, for people."""
    if seconds is None:
        return "in some minutes"
    return f"in {in_words(seconds)}"


def in_words(seconds: float) -> str:
    """A length of time, rounded up, for people."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds > 1.5 * length:
            return f"{-int(-seconds // length)} {unit}"
    return f"{max(1, -int(-seconds // 1))} s"


class Patience:
    """Pauses of one account in one run, at most `longest` seconds of them in all.

    A pause holds back the commands of all connections that obey it. `warn` is told of each, in words for people.
    """

    def __init__(
        self,
        warn: Callable[[str], None] = lambda _: None,
        *,
        longest: float = LONGEST,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._warn, self._now, self._sleep = warn, now, sleep
        self._longest = longest
        self._until: float | None = None
        self.renew()

    def renew(self) -> None:
        """Begin a new run: the time spent in earlier ones is given back, and what was refused is tried anew."""
        self._left = self._longest
        self._guess = GUESS
        self._too_long: Throttled | None = None
        """What asked for more than is left."""

    @property
    def pausing(self) -> bool:
        """Whether nothing may be sent now."""
        if self._until is not None and self._now() >= self._until:
            self._until = None
        return self._until is not None

    def hear(self, command: str, condition: Condition) -> None:
        """Take an answer to `command`, or a BYE (""), and begin the pause that it asks for."""
        wait = wait_asked(command, condition)
        if wait is None:
            return
        if condition.status == "OK":
            if not self.pausing:
                self._pause(min(BREATHER, wait.seconds or BREATHER))
        elif wait.seconds is not None:
            self._spend(wait.seconds, command, condition, wait)
        elif not self.pausing:
            self._spend(self._guess, command, condition, wait)
            self._guess *= 2

    def go_on_after(self, throttled: Throttled) -> None:
        """Agree to repeat what was refused, once the pause is over.

        Raises `AccountError` when the server wants more time than is left; `throttled` when that is about one folder.
        """
        if self._too_long is not None:
            raise _final(throttled)

    async def before_connecting(self) -> None:
        """Wait until there is no pause. Raises `AccountError` when the server wants to be left alone for longer."""
        if self._too_long is not None and self._too_long.wait.of_account:
            raise _final(self._too_long)
        await self.passed()

    async def passed(self) -> None:
        """Wait until there is no pause."""
        while self.pausing and self._until is not None:
            await self._sleep(self._until - self._now())

    def _spend(self, seconds: float, command: str, condition: Condition, wait: Wait) -> None:
        """Begin a pause, or prolong the present one, at the cost of the time that is left."""
        already = max(0.0, self._until - self._now()) if self._until is not None else 0.0
        if seconds - already > self._left:
            self._too_long = Throttled(command or condition.status, condition.text, wait)
        elif seconds > already:
            self._left -= seconds - already
            self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        began = self.pausing
        self._until = self._now() + seconds
        if not began:
            self._warn(f"the server asks to wait {in_words(seconds)}")


def _final(throttled: Throttled) -> FolderError | AccountError:
    """What a refusal means that is not waited for."""
    return AccountError(str(throttled)) if throttled.wait.of_account else throttled


class _HasPatience(Protocol):
    @property
    def patience(self) -> Patience: ...


_Self = TypeVar("_Self", bound=_HasPatience)
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def patiently(
    method: Callable[Concatenate[_Self, _Given], Awaitable[_Result]],
) -> Callable[Concatenate[_Self, _Given], Coroutine[Any, Any, _Result]]:
    """Repeat a method, or a function of something patient, when the server refused part of it for its pace.

    To be used where doing it twice does no harm. The gate of each connection keeps the repetition back for the pause.
    """

    @wraps(method)
    async def repeated(self: _Self, /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        for _ in range(_REPEATS):
            try:
                return await method(self, *args, **kwargs)
            except Throttled as throttled:
                self.patience.go_on_after(throttled)
        return await method(self, *args, **kwargs)

    return repeated
