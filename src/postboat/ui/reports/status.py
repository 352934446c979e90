"""What a run that goes on is at, on one screen: for each account how it is, since when, and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.account_status import IDLE, NEEDS_USER, SecondSide
from postboat.errors import ServerUnreachable
from postboat.ui import shell, times, words
from postboat.ui.sentences import single, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postboat.account_status import AccountStatus
    from postboat.status import ServiceStatus
    from postboat.ui.words import Manner

LABEL = 12
"""Columns of what stands before a fact."""
NAMED = 5
"""How many folders that failed are told with their reasons."""
FOLDER = 50
"""Columns that a list of folders gets at most."""
HEARD = {
    "notify": "told by the server at once",
    "idle": "told by the server at once",
    "poll": "looked for at each refresh",
    "inotify": "told by the system at once",
}


def screen(status: ServiceStatus, now: float, manner: Manner) -> Iterator[str]:
    """Tell all of it at `now`, seconds since the epoch."""
    state = "is stopping" if status.stopping else f"runs since {times.clock(status.started, now)}"
    yield f"postboat {words.clean(status.version)} {state} (process {status.pid}, {words.clean(status.config)})"
    for problem in status.problems:
        yield f"  not reloaded: {words.clean(problem)}"
    for account in status.accounts.values():
        yield ""
        yield f"{words.clean(account.name)}: {state_of(account, now, manner)}"
        for label, fact in facts(account, now, manner):
            yield f"  {label:<{LABEL}}{fact}"


def state_of(account: AccountStatus, now: float, manner: Manner) -> str:
    """Tell in a few words how an account is."""
    match account.state:
        case "paused":
            return f"paused; `{shell.command('resume', account.name, '', manner)}` lets it go on"
        case "starting":
            return "starts"
        case "syncing" if account.listed:
            return f"syncs, {words.number(account.folders_done)} of {words.plural(account.folders, 'folder')}"
        case "syncing":
            return "syncs"
        case "needs-user":
            return "needs you"
        case "waiting":
            return f"waits, and is tried again {_when(account.until, now)}"
    return f"not in step: {', '.join(_lacks(account))}" if account.troubles else "in step"


def _when(then: float | None, now: float) -> str:
    return times.ahead(then, now) if then is not None else "when something changes"


def _lacks(account: AccountStatus) -> Iterator[str]:
    yield from single.lacks(folders=account.failed_folders, messages=account.failed, aside=account.aside)
    if account.held:
        yield held(account)


def held(account: AccountStatus) -> str:
    """Tell how many deletions wait for the user's word."""
    return f"{words.plural(account.held, 'deletion')} wait{'s' if account.held == 1 else ''} for your word"


def facts(account: AccountStatus, now: float, manner: Manner) -> Iterator[tuple[str, str]]:
    """Tell what there is to know of an account: a label and a fact each."""
    yield from _why(account, now, manner)
    yield "synced", _synced(account, now)
    if account.arrived:
        yield "new", f"{words.plural(account.arrived, 'message')} since it runs"
    yield from _sides(account)
    yield from _troubles(account, manner)


def _why(account: AccountStatus, now: float, manner: Manner) -> Iterator[tuple[str, str]]:
    if not account.reason:
        return
    first, *more = account.reason.splitlines() or [""]
    yield "because", words.clean(first)
    for line in more[: words.DETAILS]:
        yield "", words.clean(line)
    if account.exit_code == 5:
        yield "what helps", single.ADVICE[5].format(program=manner.program, account=shell.quoted(account.name))
    if account.phase == NEEDS_USER:
        again = f", or by itself {times.ahead(account.until, now)}" if account.until is not None else ""
        yield "then", f"`{shell.command('now', account.name, '', manner)}` tries it again at once{again}"


def _synced(account: AccountStatus, now: float) -> str:
    last = times.ago(account.last_sync, now) if account.last_sync is not None else "not yet"
    if account.folders:
        last = f"{words.plural(account.folders, 'folder')} {last}"
    plain = account.state == IDLE and account.next_sync is not None and account.next_sync > now
    return last + (f"; all are looked at again {times.ahead(account.next_sync or now, now)}" if plain else "")


def _sides(account: AccountStatus) -> Iterator[tuple[str, str]]:
    """Tell how it is heard what changes on either side."""
    names, second = account.sides, account.second or SecondSide()
    away = account.exit_code == ServerUnreachable.exit_code
    first = words.clean(names.remote) if names is not None else ""
    if account.host:
        how = "" if away else _heard(account.server, account.server_folders)
        yield "server", _of_side(first, account.host, how)
    if second.host:
        name = words.clean(names.local) if names is not None else ""
        yield "server", _of_side(name, second.host, "" if away else _heard(second.how, second.folders))
    if second.how and not second.host:
        yield "disk", _of_side(first, "", _heard(second.how, (), second.reason))
    if account.disk:
        name = words.clean(names.local) if names is not None else ""
        yield "disk", _of_side(name, "", _heard(account.disk, (), account.disk_reason))


def _of_side(name: str, host: str, heard: str) -> str:
    who = f"{name} ({words.clean(host)})" if name and host else name or words.clean(host)
    return ": ".join(part for part in (who, heard) if part)


def _heard(how: str, folders: Sequence[str], reason: str = "") -> str:
    """Tell how changes are noticed; "" while they are not."""
    if not how:
        return ""
    told = f"changes are {HEARD.get(how, how)}" + (f" ({words.clean(reason)})" if reason else "")
    if not folders:
        return told
    return f"{told} in {words.fit(words.named(folders), FOLDER)}, in others looked for at each refresh"


def _troubles(account: AccountStatus, manner: Manner) -> Iterator[tuple[str, str]]:
    by = {
        kind: [name for name, trouble in account.troubles.items() if getattr(trouble, kind)]
        for kind in ("reason", "failed", "aside", "held")
    }
    for name in by["reason"][:NAMED]:
        yield "failed", f"{words.clean(name)}: {words.clean(account.troubles[name].reason)}"
    if len(by["reason"]) > NAMED:
        yield "", f"and {words.plural(len(by['reason']) - NAMED, 'more folder')}"
    if by["failed"]:
        yield "failed", f"{words.plural(account.failed, 'message')} in {_folders(by['failed'])}"
    if by["aside"]:
        many = words.plural(account.aside, "message")
        yield "put aside", f"{many} in {_folders(by['aside'])}; {waiting.retry(account.name, manner)}"
    if by["held"]:
        many = words.plural(account.held, "deletion")
        yield (
            "held",
            f"{many} in {_folders(by['held'])}; `{manner.program} restore` lists what waits for your word, and why",
        )
    for hook, failure in account.hooks.items():
        yield "hook", f"{words.clean(hook)} {words.clean(failure)}"


def _folders(names: list[str]) -> str:
    return words.fit(words.named(names), FOLDER) if all(names) else "all folders"


NOT_RUNNING = "no run that goes on uses this configuration"


def not_running(program: str) -> tuple[str, ...]:
    """Tell how to start what is not there."""
    return (
        f"  set autorefresh in the configuration and start it with `{program}`,",
        f"  or let systemd start it: `{program} service install`",
    )
