"""Short sentences that only a dashboard has room for; the others are those of the plain faces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from postboat.account_status import IDLE, NEEDS_USER, PAUSED, SYNCING, WAITING
from postboat.errors import ServerUnreachable, SignInRefused
from postboat.ui import shell, words
from postboat.ui.sentences import lasting, single, waiting
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.account_status import AccountStatus, HeldPlan
    from postboat.counts import Counts
    from postboat.events import AccountFailed, AccountWaits
    from postboat.ui.words import Manner

TRIED_AGAIN = "It is tried again with the next sync."
LOST = "no connection to the service, trying again"
STOPPING = "stopping"
PAUSED_ALL = "paused"
QUIET = "Nothing happened since this was opened."
NO_ACCOUNTS = "No account yet."
NO_MATCH = "No account matches the filter."
NO_ERRORS = "Nothing went wrong."
NOTHING_HELD = "No deletions wait for your word."


# --- an account ---------------------------------------------------------------------------------------------------


def state(account: AccountStatus, *, goes_on: bool, dry_run: bool = False) -> str:
    """Tell in two or three words how an account is."""
    match account.state:
        case str(state) if state == PAUSED:
            return "paused"
        case str(state) if state == SYNCING:
            return _at_work(account)
        case str(state) if state == NEEDS_USER:
            return "sign-in needed" if account.exit_code == SignInRefused.exit_code else "needs you"
        case str(state) if state == WAITING and goes_on:
            return "offline" if account.exit_code == ServerUnreachable.exit_code else "waits"
        case str(state) if state == WAITING:
            return "not synced"
        case str(state) if state == IDLE and (account.held or account.plans):
            return "would be held" if dry_run else "deletions held"
        case str(state) if state == IDLE and dry_run:
            return "dry run over"
        case str(state) if state == IDLE:
            return "not all in step" if account.troubles else "a hook failed" if account.hooks else "in step"
    return "starting"


def _at_work(account: AccountStatus) -> str:
    if account.listed:
        return f"{words.number(account.folders_done)} of {words.plural(account.folders, 'folder')}"
    if not account.host and (account.sides is None or account.sides.servers):
        return "connecting"
    return "syncing" if account.last_sync is not None or account.working else "listing folders"


def countdown(account: AccountStatus, now: float, *, goes_on: bool) -> str:
    """Tell how long it is to what happens next, or how long it has been going on: "next 4:12", "again 0:40"."""
    if account.state == SYNCING:
        return _clock(now - account.since)
    if not goes_on or account.state == PAUSED:
        return ""
    if account.state in (WAITING, NEEDS_USER):
        return f"again {_clock(account.until - now)}" if account.until is not None else ""
    return f"next {_clock(account.next_sync - now)}" if account.next_sync is not None else ""


def _clock(seconds: float) -> str:
    """Write a duration in at most five columns."""
    if not math.isfinite(seconds) or seconds >= 100 * 86_400:
        return ""
    seconds = max(0.0, math.ceil(seconds))
    if seconds < 6000:
        return words.clock(seconds)
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.0f} d"


left = _clock
"""Write how long something will take, in at most five columns."""


def lacks(account: AccountStatus, *, but_folders: bool = False) -> Iterator[str]:
    """Tell what of an account is not in step, but for what is held and, if they are told of, folders that failed."""
    folders = 0 if but_folders else account.failed_folders
    return single.lacks(folders=folders, messages=account.failed, aside=account.aside)


def hook(name: str, failure: str) -> str:
    """Tell of a command of the user's that failed."""
    return f"{words.clean(name)} {words.clean(failure)}"


SIGNS = (("↓", "down"), ("↑", "up"), ("⚑", "flagged"), ("✗", "deleted"), ("⇄", "moved"), ("×", "failed"))
"""How what was done is told in few columns."""


def signs(counts: Counts) -> list[str]:
    """Tell what was done, a sign and a number for each kind: "↓12", "⚑3"."""
    deleted = counts.deleted_local + counts.deleted_remote
    numbers = (counts.down, counts.up, counts.reflagged, deleted, counts.moved, counts.failed)
    return [f"{sign}{words.number(count)}" for (sign, _), count in zip(SIGNS, numbers, strict=True) if count]


# --- what is wrong ------------------------------------------------------------------------------------------------


def failure(reason: str) -> tuple[str, ...]:
    """Tell why an account failed."""
    first, *more = reason.splitlines() or [""]
    return (words.clean(first), *(f"  {words.clean(line)}" for line in more[: lasting.LINES]))


def advice(account: str, exit_code: int, manner: Manner) -> str:
    """Tell what to do about an account that could not be synced."""
    return single.ADVICE.get(exit_code, "").format(program=manner.program, account=shell.quoted(account))


def is_away(event: AccountFailed | AccountWaits, *, goes_on: bool) -> bool:
    """Whether an account may well be back without anybody's help."""
    return goes_on and event.exit_code not in (2, SignInRefused.exit_code)


def retry(account: str, manner: Manner) -> str:
    """Tell how to try messages again that failed."""
    return f"{waiting.retry(account, manner)}."


def unnamed(line: str, account: str) -> str:
    """Take the account's name from the beginning of a sentence, where it stands beside it."""
    return line.removeprefix(f"{words.clean(account)}: ")


# --- held plans ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Held:
    """A held plan with its account, as the sentences about held deletions want it."""

    account: str
    folder: str
    on: str
    suspicion: str
    count: int
    of: int
    subjects: tuple[str, ...] = ()


def held(account: str, plan: HeldPlan) -> Held:
    """Give a held plan of an account."""
    return Held(account, plan.folder, plan.on, plan.suspicion, plan.count, plan.of, plan.subjects)


def held_in(plan: Held) -> str:
    """Name the folder of a held plan."""
    return words.clean(plan.folder) if plan.folder else "all folders"


# --- the run ------------------------------------------------------------------------------------------------------


def missed(count: int) -> str:
    """Tell that the face was too slow for some events."""
    return f"{words.plural(count, 'event')} {'was' if count == 1 else 'were'} not shown"


def finished(exit_code: int) -> str:
    """Tell how a single run ended."""
    return "finished" if exit_code == 0 else f"finished, not all in step (exit code {exit_code})"


def needing(count: int) -> str:
    """Tell how many accounts wait for the user."""
    return f"{words.number(count)} need{'s' if count == 1 else ''} you"
