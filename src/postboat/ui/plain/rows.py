"""The rows of the live display, as plain text of any length. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui import words

if TYPE_CHECKING:
    from postboat.ui.life import Life
    from postboat.ui.view import AccountView, FolderView, View

NAME = 32
"""Columns that a folder's name gets at most in the live display."""


def rows(view: View, now: float, manner: words.Manner) -> list[str]:
    """A row for each account at work, and below it one for each of its working folders."""
    manner, told = words.knowing(manner, view.sides), []
    for account in view.accounts.values():
        if account.life is not None and not account.at_work:
            told.append(_idle_row(account, account.life, manner))
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


def _idle_row(account: AccountView, life: Life, manner: words.Manner) -> str:
    from postboat.ui.sentences import lasting  # only runs that go on pay for it

    return lasting.row(account, life, manner)


def _account_row(account: AccountView, now: float, manner: words.Manner) -> str:
    if account.pairs is not None:
        at = words.number(account.folders_done + account.folders_failed)
        state = f"{at} of {words.plural(account.pairs, 'folder')}"
    elif account.server:
        state = f"listing folders on {words.clean(account.server)}"
    else:
        sides = manner.sides.get(account.name)
        state = "connecting" if sides is None or sides.servers else "listing folders"
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
