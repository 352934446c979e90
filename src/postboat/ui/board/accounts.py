"""What is shown of an account, before it is laid out: for the rows of a terminal and the widgets of a window alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.account_status import SYNCING
from postboat.ui import words
from postboat.ui.board import lights
from postboat.ui.board import words as told
from postboat.ui.board.bays import Bay
from postboat.ui.board.spans import Look, Span
from postboat.ui.sentences import single, waiting
from postboat.ui.view import FolderView
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.account_status import AccountStatus
    from postboat.counts import Counts
    from postboat.ui.board.board import Board
    from postboat.ui.board.lights import Mark

KEYS = "1234567890"
"""The accounts' keys, in their order; further accounts have none."""
STILL = Look(motion=False)
OVER, FAILED = "✓", "×"
"""Signs of folders whose work is over, one way or the other."""
TROUBLED = 2
"""How many folders that failed are told below an account."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work on a folder is."""

    folder: str
    sign: str
    """What most of the work is, as `words.SIGNS`; or `OVER` or `FAILED`; "≡" while it is looked at."""
    style: str
    fraction: float | None
    """Done of all; None while it cannot be told."""
    count: str
    """ "7,812 of 10,204"."""
    rate: str
    """ "61/s"."""
    left: str
    """ "0:39 left"."""


@dataclass(frozen=True, slots=True)
class Card:
    """All that is shown of an account on the main screen."""

    account: str
    name: str
    """The account's, fit to be shown."""
    key: str
    """The digit that syncs it; "" when it has none."""
    mark: Mark
    state: str
    lights: tuple[Mark, ...]
    countdown: str
    signs: list[str]
    """What was done, as `words.SIGNS`."""
    rates: tuple[float, float]
    """Octets a second that come and go."""
    folders: list[Progress]
    rest: str
    """What is to be said of the other folders of a sync under way."""
    notes: list[Span]
    """What is wrong and what to do, a sentence each."""

    @property
    def is_urgent(self) -> bool:
        """Whether it waits for the user, or cannot be synced."""
        return self.mark.style == "error"


def key_of(board: Board, account: str) -> str:
    """Give the digit that syncs an account; "" when it has none."""
    names = board.accounts
    nth = names.index(account) if account in names else len(KEYS)
    return KEYS[nth] if nth < len(KEYS) else ""


def mark_of(board: Board, account: str, now: float, look: Look) -> Mark:
    """Give an account's light."""
    return lights.of_account(board.status.accounts[account], now, look, goes_on=board.goes_on)


def needing(board: Board) -> int:
    """Count the accounts that wait for the user."""
    held = {plan.account for plan in board.plans()}
    return sum(
        name in held or lights.of_account(account, 0.0, STILL, goes_on=board.goes_on).style == "error"
        for name, account in board.status.accounts.items()
    )


def card(board: Board, account: str, now: float, look: Look) -> Card:
    """Tell how an account is. Raises KeyError for one that is not there."""
    status, desk = board.status.accounts[account], board.desk(account)
    key = key_of(board, account)
    folders = [progress(board, account, bay, now) for bay in desk.bays.shown(now)]
    return Card(
        account=account,
        name=words.clean(account),
        key=key,
        mark=mark_of(board, account, now, look),
        state=told.state(status, goes_on=board.goes_on, dry_run=board.manner.dry_run),
        lights=lights.marks(desk.lights, status.sides),
        countdown=told.countdown(status, now, goes_on=board.goes_on) if board.lost is None else "",
        signs=told.signs(board.done(account)),
        rates=desk.traffic.rates(now),
        folders=folders,
        rest=_rest(status, folders),
        notes=list(_notes(board, status, key)),
    )


# --- folders ------------------------------------------------------------------------------------------------------


def progress(board: Board, account: str, bay: Bay, now: float) -> Progress:
    """Tell how far the work on the folder in a bay is."""
    view = board.view.accounts.get(account)
    folder = (view.working.get(bay.folder) if view else None) or FolderView(bay.folder, bay.since, planned=bay.planned)
    name = words.clean(bay.folder)
    if bay.over:
        total = words.number(folder.total) if folder.total else ""
        return Progress(name, FAILED if bay.failed else OVER, "error" if bay.failed else "ok", 1.0, total, "", "")
    status = board.status.accounts[account]
    work = status.working.get(bay.folder)
    if folder.planned is None and work is not None and work.scanned is not None:
        done, of = work.scanned
        fraction = min(1.0, done / of) if of > 0 else None
        count = f"{words.number(done)} of {words.number(of)}" if of else words.number(done)
        return Progress(name, "≡", "listing", fraction, count, "", "looking")
    return _under_way(name, folder, now)


def all_progress(board: Board, account: str, now: float) -> list[Progress]:
    """Tell how far the work on all folders of an account is: those with something to do before those looked at."""
    view = board.view.accounts.get(account)
    known = {name: Bay(now, name) for name in (view.working if view else ())}
    told_of = [progress(board, account, bay, now) for bay in known.values()]
    return sorted(told_of, key=lambda each: each.fraction is None)


def _under_way(name: str, folder: FolderView, now: float) -> Progress:
    total, done = folder.total, folder.done.changes
    if not total:
        return Progress(name, "≡", "listing", None, "", "", "looking")
    sign, style = _kind(folder.planned)
    rate, eta = folder.rate(now), folder.eta(now)
    return Progress(
        name,
        sign,
        style,
        min(1.0, done / total),
        f"{words.number(done)} of {words.number(total)}",
        "" if rate < 0.1 else f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s",
        f"{clock} left" if eta and (clock := told.left(eta)) else "",
    )


def _kind(planned: Counts | None) -> tuple[str, str]:
    """Tell what most of the work is."""
    if planned is None:
        return "", "listing"
    kinds = {
        ("↓", "copying"): planned.down,
        ("↑", "copying"): planned.up,
        ("⚑", "flagging"): planned.reflagged,
        ("✗", "deleting"): planned.deleted_local + planned.deleted_remote,
        ("⇄", "copying"): planned.moved,
    }
    return max(kinds, key=lambda kind: kinds[kind])


def _rest(account: AccountStatus, shown: list[Progress]) -> str:
    """Tell of the folders of a sync of all that are not shown one by one."""
    if account.state != SYNCING or not account.listed:
        return ""
    over = sum(each.sign in (OVER, FAILED) for each in shown)
    in_step = max(0, account.folders_done - account.failed_folders - over)
    looked_at = max(0, len(account.working) - (len(shown) - over))
    to_come = max(0, account.folders - account.folders_done - len(account.working))
    parts = (
        (in_step, "+{} in step"),
        (looked_at, "{} being looked at"),
        (to_come, "{} to come"),
    )
    return ", ".join(text.format(words.number(count)) for count, text in parts if count)


# --- what is wrong ------------------------------------------------------------------------------------------------


def _notes(board: Board, account: AccountStatus, key: str) -> Iterator[Span]:
    yield from _why(board, account, key)
    for plan in board.plans(account.name):
        mark = "would be held" if board.manner.dry_run else "HELD"
        yield Span(f"{mark} {told.held_in(plan)}: {waiting.doubt(plan, board.manner)}", "attention")
    if board.plans(account.name) and board.goes_on and not board.replay:
        yield Span("c shows what and lets you decide; until then nothing of it is deleted", "dim")
    failed = [(name, trouble.reason) for name, trouble in account.troubles.items() if trouble.reason]
    for name, reason in failed[:TROUBLED]:
        yield Span(f"{words.clean(name)}: {single.not_synced(reason)}", "error")
    rest = list(told.lacks(account, but_folders=len(failed) <= TROUBLED))
    if rest:
        yield Span(f"{', '.join(rest)} (e tells more)", "attention")
    for name, failure in account.hooks.items():
        yield Span(told.hook(name, failure), "attention")


def _why(board: Board, account: AccountStatus, key: str) -> Iterator[Span]:
    if not account.reason:
        return
    away = board.goes_on and account.phase != "needs-user"
    first, *more = told.failure(account.reason)
    yield Span(first, "attention" if away else "error")
    for line in more[:TROUBLED]:
        yield Span(line.strip(), "")
    if away:
        return
    if advice := told.advice(account.name, account.exit_code, board.manner):
        yield Span(advice, "")
    if board.goes_on and key and not board.replay:
        yield Span(f"When that is mended, {key} tries it again at once.", "dim")
