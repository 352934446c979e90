"""What a run that goes on is at, in the few words that a status bar has room for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postboat.ui import times, words
from postboat.ui.reports.status import NOT_RUNNING, held, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.account_status import AccountStatus
    from postboat.status import ServiceStatus
    from postboat.ui.words import Manner

OK, BUSY, OFFLINE, ATTENTION, ERROR = "ok", "busy", "offline", "attention", "error"
GRAVEST_FIRST = (ATTENTION, ERROR, BUSY, OFFLINE, OK)
"""Classes in the order in which one account's outranks another's: what needs the user comes first."""
ROOM = 40
"""Columns that a reason gets at most."""


def plain(status: ServiceStatus | None) -> str:
    """Tell it in one line; None: there is no such run."""
    if status is None:
        return "not running"
    if status.stopping:
        return "stopping"
    kind = class_of(status)
    if kind == OK:
        resting = bool(status.accounts) and all(account.paused for account in status.accounts.values())
        return "paused" if resting else "in step"
    if kind == BUSY:
        done = percentage(status)
        return "syncing" if done is None else f"syncing {done}%"
    many = len(status.accounts) > 1
    told = [account for account in status.accounts.values() if _class(account) == kind]
    return ", ".join((f"{words.clean(account.name)}: " if many else "") + _wrong(account, kind) for account in told)


def waybar(status: ServiceStatus | None, now: float, manner: Manner) -> str:
    """Write the object that Waybar's custom modules read, as one line (waybar-custom(5), return-type json)."""
    kind = OFFLINE if status is None else class_of(status)
    done = None if status is None else percentage(status)
    facts: dict[str, object] = {
        "text": _escaped(plain(status)),
        "alt": _alt(status, kind),
        "tooltip": _escaped("\n".join(_tooltip(status, now, manner))),
        "class": kind,
        "percentage": (0 if kind in (OFFLINE, ERROR) else 100) if done is None else done,
    }
    return json.dumps(facts)


def class_of(status: ServiceStatus) -> str:
    """The gravest of the accounts' classes: `ok`, `busy`, `offline`, `attention` or `error`."""
    return min(map(_class, status.accounts.values()), key=GRAVEST_FIRST.index, default=OK)


def percentage(status: ServiceStatus) -> int | None:
    """How much of the syncs under way is done, counted in folders; None when none is under way or it is not known."""
    busy = [account for account in status.accounts.values() if account.state == "syncing" and account.listed]
    total = sum(account.folders for account in busy)
    return min(100, 100 * sum(account.folders_done for account in busy) // total) if total else None


def _class(account: AccountStatus) -> str:
    match account.verdict:
        case 2 | 5 | 6:
            return ATTENTION
        case 4:
            return OFFLINE
        case 7:
            return BUSY  # another run is at work, and will be done
        case 0:
            return BUSY if account.state in ("syncing", "starting") else OK
    return ERROR


def _wrong(account: AccountStatus, kind: str) -> str:
    if kind == OFFLINE:
        return "offline"
    if account.reason:
        return words.fit(words.clean(account.reason.partition("\n")[0]), ROOM)
    if account.held:
        return held(account)
    failed = [f"{words.plural(account.failed_folders, 'folder')}"] if account.failed_folders else []
    if messages := account.failed + account.aside:
        failed.append(words.plural(messages, "message"))
    return f"{' and '.join(failed)} failed"


def _alt(status: ServiceStatus | None, kind: str) -> str:
    """The class, or one word for what a class does not tell."""
    if status is None:
        return "stopped"
    return "paused" if kind == OK and plain(status) == "paused" else kind


def _tooltip(status: ServiceStatus | None, now: float, manner: Manner) -> Iterator[str]:
    """Tell of all accounts. Times are the clock's, so that the text holds until something happens."""
    if status is None:
        yield f"postboat: {NOT_RUNNING}"
        return
    for account in status.accounts.values():
        last = f", synced {times.clock(account.last_sync, now)}" if account.last_sync is not None else ""
        new = f", {words.number(account.arrived)} new" if account.arrived else ""
        yield f"{words.clean(account.name)}: {_state(account, now, manner)}{last}{new}"
        if account.reason:
            yield f"  {words.fit(words.clean(account.reason.partition(chr(10))[0]), 2 * ROOM)}"


def _state(account: AccountStatus, now: float, manner: Manner) -> str:
    if account.state == "paused":
        return "paused"
    if account.state == "waiting" and account.until is not None:
        return f"waits until {times.clock(account.until, now)}"
    return state_of(account, now, manner)


def _escaped(text: str) -> str:
    """Write a text so that Pango takes none of it for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
