"""Which folders of an account the window tells of, and what. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.account_status import SYNCING
from postboat.ui import words
from postboat.ui.board import words as told
from postboat.ui.window.picture import FolderRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.account_status import AccountStatus, Work
    from postboat.ui.board.bays import Bay
    from postboat.ui.board.board import Board
    from postboat.ui.view import FolderView

SHOWN = 6
"""How many folders of an account are shown at work; the others are counted."""


def folder_rows(
    board: Board, account: AccountStatus, now: float, wanted: Callable[[str], bool]
) -> tuple[FolderRow, ...]:
    """Give a row for each folder at work, and one for those that are not."""
    bays = board.desk(account.name).bays.shown(now)
    shown = [bay for bay in bays if wanted(bay.folder) or wanted(account.name)]
    rows = [_row(board, account, bay, now) for bay in shown[:SHOWN]]
    if account.state == SYNCING and rows:
        rest = [f"and {words.number(len(shown) - SHOWN)} more at work"] if len(shown) > SHOWN else []
        quiet = account.folders_done - len(account.troubles)
        rest += [f"+{words.number(quiet)} in step"] if quiet > 0 else []
        if rest:
            rows.append(FolderRow("", ", ".join(rest), "dim"))
    return tuple(rows)


def _row(board: Board, account: AccountStatus, bay: Bay, now: float) -> FolderRow:
    name = words.clean(bay.folder)
    if bay.over:
        style, text = ("error", "failed") if bay.failed else ("ok", "in step")
        return FolderRow(name, text, style, share=None if bay.failed else 1.0)
    view = board.view.accounts.get(account.name)
    folder = view.working.get(bay.folder) if view else None
    if folder is None or not folder.total:
        return _look(name, account.working.get(bay.folder))
    return FolderRow(name, _progress(folder, now), "dim", share=round(folder.done.changes / folder.total, 3))


def _look(name: str, work: Work | None) -> FolderRow:
    """A folder that is only looked at so far."""
    if work is None or work.scanned is None:
        return FolderRow(name, "looking", "dim")
    done, of = work.scanned
    if not of:
        return FolderRow(name, f"looking, {words.number(done)}", "dim")
    return FolderRow(name, f"looking, {words.number(done)} of {words.number(of)}", "dim", share=round(done / of, 3))


def _progress(folder: FolderView, now: float) -> str:
    done = f"{words.number(folder.done.changes)} of {words.number(folder.total)}"
    rate, left = folder.rate(now), folder.eta(now)
    fast = f"{rate:,.0f}/s" if rate >= 1 else ""
    return " · ".join(part for part in (done, fast, f"{told.left(left)} left" if left else "") if part)
