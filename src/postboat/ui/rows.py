"""The rows of the live display and the summary after it, as plain text of any length. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui import waiting, words

if TYPE_CHECKING:
    from postboat.events import AccountFinished
    from postboat.ui.life import Life
    from postboat.ui.view import AccountView, FolderView, View

TOLD = 20
"""How many changed folders of an account the summary names."""
NAME = 32
"""Columns that a folder's name gets at most in the live display."""


def rows(view: View, now: float, manner: words.Manner) -> list[str]:
    """A row for each account at work, and below it one for each of its working folders."""
    told = []
    for account in view.accounts.values():
        if account.life is not None and not account.at_work:
            told.append(_idle_row(account, account.life))
            continue
        if account.over:
            continue
        told.append(_account_row(account, now, manner))
        folders = sorted(account.working.values(), key=lambda folder: folder.planned is None)
        column = min(NAME, max((words.width(words.clean(folder.name)) for folder in folders), default=0))
        told += [_folder_row(folder, now, column, manner) for folder in folders]
    if view.steps:
        from postboat.ui import steps

        told += steps.rows(view.steps.values(), now)
    return told


def _idle_row(account: AccountView, life: Life) -> str:
    from postboat.ui import lasting  # only runs that go on pay for it

    return lasting.row(account, life)


def _account_row(account: AccountView, now: float, manner: words.Manner) -> str:
    if account.pairs is not None:
        at = words.number(account.folders_done + account.folders_failed)
        state = f"{at} of {words.plural(account.pairs, 'folder')}"
    else:
        state = f"listing folders on {words.clean(account.server)}" if account.server else "connecting"
    ways = words.directions(account.done, arrows=manner.arrows)
    return "  ".join(
        part for part in (words.clean(account.name), state, ways, words.clock(int(now - account.started))) if part
    )


def _folder_row(folder: FolderView, now: float, column: int, manner: words.Manner) -> str:
    ellipsis = "…" if manner.arrows else "~"
    name = words.pad(words.fit(words.clean(folder.name), column, ellipsis=ellipsis), column)
    return "  " + "  ".join([name, *_progress(folder, now)])


def _progress(folder: FolderView, now: float) -> list[str]:
    if folder.scanned:
        told = [words.looking(*folder.scanned)]
    elif folder.planned is None:
        return ["looking"]
    elif not folder.total:
        return ["in step"]
    else:
        done = folder.done.changes
        told = [f"{min(100, 100 * done // folder.total):3}%", f"{words.number(done)} of {words.number(folder.total)}"]
    if eta := folder.eta(now):
        told.append(f"{words.clock(eta)} left")
    if (rate := folder.rate(now)) >= 0.1:
        told.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
    if octets := folder.octet_rate(now):
        told.append(f"{words.size(octets)}/s")
    return told


def summary(view: View, manner: words.Manner) -> list[str]:
    """What the run did: a line for each account, and below it one for each folder that changed.

    Failures were told when they happened; here they are only counted.
    """
    return [line for account in view.accounts.values() for line in account_summary(account, manner)]


def account_summary(account: AccountView, manner: words.Manner) -> list[str]:
    """Tell how an account ended, and what changed in which of its folders."""
    told = []
    if account.finished is not None:
        told.append(_ending(account.finished, account, manner))
    elif account.failed is not None and not account.told:
        return []
    elif account.failed is not None:
        told.append(words.stopped_line(account.name, account.done, arrows=manner.arrows))
    if not manner.dry_run:
        told += _changed_folders(account, manner)
    return [*told, *_created_folders(account, manner), *waiting.reminder(account, manner)]


def account_rows(finished: AccountFinished, account: AccountView, manner: words.Manner) -> list[str]:
    """Tell how an account ended, and what of it is left to the user."""
    return [_ending(finished, account, manner), *waiting.reminder(account, manner)]


def _ending(finished: AccountFinished, account: AccountView, manner: words.Manner) -> str:
    return words.account_line(finished, manner, account.would, sum(map(bool, account.held_folders)))


def _changed_folders(account: AccountView, manner: words.Manner) -> list[str]:
    changed = sorted(account.told, key=lambda folder: (not folder.failure, -folder.done.changes))
    told = [f"  {_folder_line(folder, manner)}" for folder in changed[:TOLD]]
    if len(changed) > TOLD:
        told.append(f"  and {words.plural(len(changed) - TOLD, 'more folder')}")
    return told


def _created_folders(account: AccountView, manner: words.Manner) -> list[str]:
    told = []
    for side in ("local", "remote"):
        names = [made.name or made.folder for made in account.created if made.side == side]
        if names:
            told.append(f"  {words.made_on(side, manner)}: {words.named(names)}")
    return told


def _folder_line(folder: FolderView, manner: words.Manner) -> str:
    if not folder.failure:
        return words.folder_line(folder.name, folder.done, arrows=manner.arrows)
    done = words.changes(folder.done, arrows=manner.arrows)
    return f"{words.clean(folder.name)}: failed{f' after {done}' if done else ''}"
