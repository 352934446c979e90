"""What only the window says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.account_status import IDLE, NEEDS_USER, SYNCING, WAITING
from postboat.ui import words
from postboat.ui.sentences import waiting

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.account_status import AccountStatus
    from postboat.events import Light
    from postboat.ui.board.words import Held

TITLE = "Postboat"
STARTING = "Starting"
HOW_TO_LEAVE = "The service keeps your mail in step without this window, too."
HOW_TO_LEAVE_OWN = "Shall your mail be kept in step without this window?"
DISPLAY_LOST = "postboat: the display is gone, and the window with it"
KEYS = (
    ("1 … 9, 0", "sync that account now"),
    ("s", "sync all accounts now"),
    ("p", "pause or resume the account that is marked, or all"),
    ("c", "decide on deletions that wait for your word"),
    ("↑  ↓", "mark an account"),
    ("l  e", "the log, the troubles"),
    ("/", "filter; Escape shows all again"),
    ("t", "light or dark"),
    ("q", "leave"),
)
KEYS_OF_A_RECORDING = (
    ("Space", "stand still, or go on"),
    ("+  −", "faster, slower"),
    ("↑  ↓", "mark an account"),
    ("l  e", "the log, the troubles"),
    ("/", "filter; Escape shows all again"),
    ("t", "light or dark"),
    ("q", "leave"),
)


def headline(accounts: Collection[AccountStatus], *, stopping: bool) -> tuple[str, str]:
    """Tell in a few words how all accounts are together, and in which style."""
    if stopping:
        return "Stopping", "attention"
    yours = [each for each in accounts if each.state == NEEDS_USER or each.held or each.plans]
    if yours:
        return f"{_whose(yours, accounts)} need{'s' if len(yours) == 1 else ''} you", "error"
    if busy := [each for each in accounts if each.state == SYNCING]:
        return f"Syncing {_whose(busy, accounts, beginning=False)}", "title"
    if away := [each for each in accounts if each.state == WAITING]:
        return f"{_whose(away, accounts)} cannot be synced now", "attention"
    if accounts and all(each.paused for each in accounts):
        return "Paused", "dim"
    if lacking := [each for each in accounts if each.troubles or each.hooks]:
        some = f"{_whose(lacking, accounts)} not" if len(lacking) < len(accounts) else "Not"
        return f"{some} all in step", "attention"
    if accounts and all(each.state == IDLE or each.paused for each in accounts):
        return ("All in step" if len(accounts) > 1 else "In step"), "ok"
    return STARTING, "dim"


def _whose(some: Collection[AccountStatus], all_: Collection[AccountStatus], *, beginning: bool = True) -> str:
    """Name an account, or count several."""
    if len(some) == 1:
        return words.clean(next(iter(some)).name)
    if len(some) == len(all_):
        told = "Both" if len(some) == 2 else f"All {len(some)}"
        return f"{told if beginning else told.lower()} accounts"
    return f"{len(some)} of {len(all_)} accounts"


def traffic(down: float, up: float, arrived: int, *, goes_on: bool) -> str:
    """Tell how much goes over the wire, and how many new messages came."""
    moving = [f"{arrow} {words.size(rate)}/s" for arrow, rate in (("↓", down), ("↑", up)) if rate >= 1]
    new = f"{words.plural(arrived, 'new message')}{' since it runs' if goes_on else ''}" if arrived else ""
    return "   ".join(part for part in (*moving, new) if part)


def lost(reason: str) -> str:
    """Tell that the run cannot be heard."""
    return f"The service cannot be reached ({words.clean(reason)}); it is tried again. What you see is how it was."


def refused(reason: str) -> str:
    """Tell that something that was asked for was not done."""
    return f"Not done: {words.clean(reason)}"


def missed(count: int) -> str:
    """Tell that not all that happened was seen."""
    return f"{words.plural(count, 'event')} not shown, as too much happened at once"


def hidden(count: int) -> str:
    """Tell how many accounts the filter hides."""
    return f"{words.plural(count, 'account')} hidden by the filter"


def in_step(count: int) -> str:
    """Tell how many folders nothing else is told of."""
    return f"+{words.number(count)} in step" if count else ""


def speed(times: float, *, halted: bool, ended: bool) -> str:
    """Tell how a recording plays."""
    if ended:
        return "Recording: this is its end"
    return f"Recording, {times:g} times as fast as it was{', stands still' if halted else ''}"


def meaning(sign: str, light: Light | None = None) -> str:
    """Tell what a sign says: of a connection, also which server and folder it is at."""
    told = f"{sign[:1].upper()}{sign[1:]}"
    if light is None:
        return told
    if light.server:
        told = f"{words.clean(light.server)}: {sign}"
    return f"{told}: {words.clean(light.folder)}" if light.folder else told


def let_pass(plan: Held, manner: words.Manner) -> str:
    """Tell what happens when held deletions are let pass."""
    many = words.plural(plan.count, "message")
    return f"{many} will be deleted {words.place(manner, plan.account, plan.on).where}, too."


def bring_back(plan: Held, manner: words.Manner) -> str:
    """Tell what happens when held deletions are taken back."""
    many = words.plural(plan.count, "message")
    lost = waiting.lost_by(plan, manner)
    return f"{many} will be put {'into' if lost.is_disk else 'on'} {lost.name} again."
