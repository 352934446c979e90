"""Which folders of an account the window tells of, and what. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.account_status import SYNCING
from postboat.ui import words
from postboat.ui.board import accounts
from postboat.ui.window import words as told
from postboat.ui.window.picture import FolderRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.account_status import AccountStatus
    from postboat.ui.board.accounts import Progress
    from postboat.ui.board.board import Board

SHOWN = 6
"""How many folders of an account are shown at work; the others are counted."""


def folder_rows(
    board: Board, account: AccountStatus, now: float, wanted: Callable[[str], bool]
) -> tuple[FolderRow, ...]:
    """Give a row for each folder at work, and one for those that are not."""
    bays = board.desk(account.name).bays.shown(now)
    shown = [bay for bay in bays if wanted(bay.folder) or wanted(account.name)]
    rows = [_row(accounts.progress(board, account.name, bay, now)) for bay in shown[:SHOWN]]
    if account.state == SYNCING and rows:
        rest = [f"and {words.number(len(shown) - SHOWN)} more at work"] if len(shown) > SHOWN else []
        quiet = account.folders_done - len(account.troubles)
        rest += [told.in_step(quiet)] if quiet > 0 else []
        if rest:
            rows.append(FolderRow("", ", ".join(rest), "dim"))
    return tuple(rows)


def _row(progress: Progress) -> FolderRow:
    """Say of a folder what the board says of it, where that is over in words."""
    match progress.sign:
        case accounts.OVER:
            return FolderRow(progress.folder, "in step", "ok", share=1.0)
        case accounts.FAILED:
            return FolderRow(progress.folder, "failed", "error")
    text = " · ".join(filter(None, (progress.count, progress.rate, progress.left)))
    return FolderRow(progress.folder, text, "dim", share=progress.fraction and round(progress.fraction, 3))
