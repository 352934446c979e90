"""Sentences of a run that goes on: what becomes of it, of its accounts and of each sync, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.events import (
    AccountFinished,
    AccountPaused,
    AccountRecovered,
    AccountResumed,
    AccountWaits,
    ConfigReloaded,
    DiskWatched,
    FolderFailed,
    FolderFinished,
    HookRan,
    MachineSlept,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
)
from postboat.ui import times, words
from postboat.ui.life import merged
from postboat.ui.view import NO_COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postboat.events import Event
    from postboat.ui.life import Life
    from postboat.ui.view import AccountView, FolderView, View
    from postboat.ui.words import Manner

LINES = 10
"""How many lines of a reason, or of the end of what a command printed, are told."""
TELLS: Mapping[str, str] = {"notify": "tells at once", "idle": "tells at once", "poll": "is asked"}
SEES: Mapping[str, str] = {"inotify": "tells at once", "poll": "is looked at"}
"""How changes on a server and on disk are noticed, in the live display."""


def spoken_of(view: View, manner: Manner) -> Manner:
    """Give the manner for as many accounts as there are by now: another configuration may have brought some."""
    return replace(manner, many_accounts=manner.many_accounts or len(view.accounts) > 1)


def told(event: Event, view: View, manner: Manner) -> tuple[str, ...] | None:
    """Lines about an event that is as it should be; None when they are those of a single run."""
    if view.heard == "again":
        return ()
    match event:
        case FolderFinished() if view.heard == "mended":
            return (mended(event, manner),)
        case AccountFinished(account=name) if not view.accounts[name].is_first:
            return (*_mended_by_now(event, view, manner), *synced(view.accounts[name], manner))
    line = news(event, manner)
    return (line,) if line else None


def news(event: Event, manner: Manner) -> str | None:
    """Tell an event that only a run that goes on knows and that is as it should be."""
    match event:
        case ServiceStarted(accounts=names):
            told = f"`{manner.program} status` shows how it goes, `{manner.program} stop` ends it"
            return f"{words.named(names)}: kept in step from now on; {told}"
        case ServiceStopping():
            return "stopping"
        case MachineSlept(seconds=seconds):
            return f"slept for {times.span(seconds)}, or the clock was set: all connections are made anew"
        case ConfigReloaded(problems=()):
            return "the configuration was read again"
        case AccountRecovered(account=account):
            return f"{words.clean(account)}: in step again"
        case AccountPaused(account=account):
            return f"{words.clean(account)}: paused, until `{manner.program} resume`"
        case AccountResumed(account=account):
            return f"{words.clean(account)}: goes on"
        case ServerWatched(account=account):
            return f"{words.clean(account)}: {_server_watched(event, manner)}"
        case DiskWatched(account=account, reason=""):
            return f"{words.clean(account)}: {_disk_watched(event, manner)}"
    return None


def _server_watched(event: ServerWatched, manner: Manner) -> str:
    server = words.place(manner, event.account, event.side).name
    match event.how:
        case "notify":
            return f"{server} tells at once what changes in any folder (NOTIFY)"
        case "idle":
            named = words.named(event.folders)
            return f"{server} tells at once what changes in {named} (IDLE); other folders wait for the next refresh"
    return f"{server} is asked for changes at each refresh"


def _disk_watched(event: DiskWatched, manner: Manner) -> str:
    name = words.place(manner, event.account, event.side).name if event.account in manner.sides else "the Maildirs"
    if event.how == "inotify":
        return f"changes in {name} are seen at once"
    reason = f": {words.clean(event.reason)}" if event.reason else ""
    return f"changes in {name} are looked for at intervals{reason}"


def trouble(event: Event, manner: Manner) -> tuple[str, ...]:
    """Tell what the user should know or see to; empty for any other event."""
    match event:
        case AccountWaits():
            return _waits(event, manner)
        case DiskWatched(account=account, reason=reason) if reason:
            return (f"{words.clean(account)}: {_disk_watched(event, manner)}",)
        case HookRan(status=status) if status != 0:
            return _hook_failed(event)
        case ConfigReloaded(problems=problems) if problems:
            return (f"{NOT_RELOADED}:", *(f"  {words.clean(problem)}" for problem in problems))
    return ()


NOT_RELOADED = "the configuration is wrong, and the one before stays"


def _waits(event: AccountWaits, manner: Manner) -> tuple[str, ...]:
    first, *more = event.reason.splitlines() or [""]
    advice = ADVICE.get(event.exit_code, "")
    state = "waits for you" if advice or event.until is None else "cannot be synced, and is tried again by itself"
    told = [f"{words.clean(event.account)}: {state}: {words.clean(first)}"]
    told += [f"  {words.clean(line)}" for line in more[:LINES]]
    if len(more) > LINES:
        told.append(f"  and {words.number(len(more) - LINES)} more")
    if advice:
        told.append(f"  {advice.format(program=manner.program, account=words.clean(event.account))}")
    return tuple(told)


ADVICE: Mapping[int, str] = {
    2: "When that is mended: `{program} reload` for the configuration, `{program} now {account}` for all else.",
    5: "Check remoteuser and the password (`{program} check -a {account}`), then: `{program} now {account}`.",
}
"""What to add to the reason of an account that waits for the user, by exit code."""


def _hook_failed(event: HookRan) -> tuple[str, ...]:
    name = f"{words.clean(event.account)}: {event.hook}"
    printed = [words.clean(line) for line in event.output.splitlines() if line.strip()][-LINES:]
    if event.status is None:
        *before, why = printed or ["it did not run"]
        return (f"{name} failed: {why}", *(f"  {line}" for line in before))
    how = f"ended with status {event.status}" if event.status > 0 else f"was ended by signal {-event.status}"
    return (f"{name} {how} after {words.seconds(event.seconds)}", *(f"  {line}" for line in printed))


# --- a sync -------------------------------------------------------------------------------------------------------


def synced(account: AccountView, manner: Manner) -> tuple[str, ...]:
    """Tell in one line what a sync did, folder by folder; no line when it changed nothing."""
    changed = [(folder, told) for folder in merged(account.told) if (told := _changes(folder, manner))]
    if not changed:
        return ()
    changed.sort(key=lambda each: -each[0].done.changes)
    named = [f"{words.clean(folder.name)} {told}" for folder, told in changed[: words.NAMED]]
    if len(changed) > words.NAMED:
        named.append(f"and changes in {words.plural(len(changed) - words.NAMED, 'more folder')}")
    return (f"{words.clean(account.name)}: {'; '.join(named)}",)


def _changes(folder: FolderView, manner: Manner) -> str:
    """What changed in a folder; failures were told when they happened."""
    return words.changes(replace(folder.done, failed=0), arrows=manner.arrows)


def _mended_by_now(event: AccountFinished, view: View, manner: Manner) -> Iterator[str]:
    """Tell of folders that failed before and that a sync of all found as they should be, without work on them."""
    life = view.accounts[event.account].life
    for folder in life.mended if life else ():
        what = f"{words.about_account(event, manner)}{words.clean(folder)}" if folder else words.clean(event.account)
        yield f"{what}: in step again"


def mended(event: FolderFinished, manner: Manner) -> str:
    """Tell of a folder that failed before and does not any more."""
    return f"{words.about(event, manner)}in step again"


def too_many_failed(event: FolderFailed, manner: Manner) -> str:
    """Tell that further folders that failed in a sync are counted and not named."""
    return f"{words.about_account(event, manner)}more folders failed and are only counted"


def farewell(account: AccountView, manner: Manner) -> str | None:
    """Tell at the end of the run what was done in all of it; None when an account was never begun."""
    if account.life is None or not account.life.syncs:
        return None
    total = account.life.total + sum((folder.done for folder in account.working.values()), NO_COUNTS)
    return f"{words.clean(account.name)}: {words.changes(total, arrows=manner.arrows) or 'nothing new'} in this run"


# --- the live display ---------------------------------------------------------------------------------------------


def row(account: AccountView, life: Life, manner: Manner) -> str:
    """Tell in one line how an account is that is not at work."""
    name = words.clean(account.name)
    if life.paused:
        return f"{name}  paused"
    if life.waits is not None:
        again = f", next try {times.hour(life.waits.until)}" if life.waits.until is not None else ""
        return f"{name}  waits{again}: {words.clean(life.waits.reason)}"
    if not life.syncs:
        return f"{name}  starting"
    return "  ".join(
        part for part in (name, _state(account), *_watched(account.name, life, manner), _next(life)) if part
    )


def _state(account: AccountView) -> str:
    end = account.finished
    if end is None:
        return ""
    wrong = end.failed_folders or end.held or end.aside or end.done.failed
    return "not all in step" if wrong else "in step"


def _watched(account: str, life: Life, manner: Manner) -> Iterator[str]:
    for kind, usual, told in ((ServerWatched, "server", TELLS), (DiskWatched, "disk", SEES)):
        for side in ("remote", "local"):
            watched = life.standing.get((kind, side))
            if isinstance(watched, ServerWatched | DiskWatched) and watched.how in told:
                name = words.place(manner, account, side).name if account in manner.sides else usual
                yield f"{name} {told[watched.how]}"


def _next(life: Life) -> str:
    return f"next sync {times.hour(life.rests)}" if life.rests is not None else ""
