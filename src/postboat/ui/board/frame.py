"""The edges of the screen: what is always there. A header, rules that tell how the run is, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.board import accounts
from postboat.ui.board import words as told
from postboat.ui.board.spans import Row, Span, pieces, spread, width_of
from postboat.ui.sentences import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.ui.board.board import Board
    from postboat.ui.board.focus import Focus

LEAST_KEYS = ("detail", "speed", "filter", "log", "errors", "pause", "go", "sync", "help", "all")
"""What is left out of the footer first, by the first word of what it does."""
RATE = 8
"""Columns of a rate: "1.4 MB/s"."""


def header(board: Board, now: float, columns: int) -> Row:
    """Tell of all accounts together: what matters least is left out where there is no room."""
    needing = accounts.needing(board)
    clock = [Span(f"{board.clock(now)} ")]
    title: Row = [Span(" postboat", "title")]
    parts: dict[str, Row] = {
        "title": title,
        "accounts": [Span(words.plural(len(board.accounts), "account"))],
        "down": _rate("↓", board.traffic.rates(now)[0]),
        "up": _rate("↑", board.traffic.rates(now)[1]),
        "new": [Span(f"{words.number(board.arrived)} new")] if board.arrived else [],
        "needing": [Span("!", "error"), Span(" "), Span(told.needing(needing), "error")] if needing else [],
    }
    shown = {name: part for name, part in parts.items() if part}
    gap = "   "
    for least in ("", "accounts", "up", "new", "down", "title"):
        if len(shown) > 1:
            shown.pop(least, None)
        if width_of(pieces(shown.values(), gap)) + width_of(clock) + 2 <= columns:
            break
        gap = "  "
    return spread(list(pieces(shown.values(), gap)), clock, columns)


def _rate(sign: str, octets: float) -> Row:
    told = f"{words.size(octets)}/s" if octets >= 1 else "0"
    return [Span(f"{sign} ", "spark" if octets >= 1 else "dim"), Span(f"{told:<{RATE}}", "" if octets >= 1 else "dim")]


def notices(board: Board, now: float) -> Iterator[Span]:
    """Tell what everything on the screen has to be read with."""
    if board.lost is not None:
        yield Span(told.LOST, "error")
    if board.exit_code is not None:
        yield Span(told.finished(board.exit_code), "ok" if board.exit_code == 0 else "attention")
    elif board.status.stopping and board.lost is None:
        yield Span(told.STOPPING, "attention")
    if is_paused(board):
        yield Span(told.PAUSED_ALL, "attention")
    if board.status.problems:
        yield Span(f"{lasting.NOT_RELOADED} (e tells more)", "attention")
    if board.manner.dry_run:
        yield Span("dry run, nothing is changed", "attention")
    if board.replay:
        yield Span("recorded", "dim")
    if missed := board.missed_lately(now):
        yield Span(told.missed(missed), "attention")


def is_paused(board: Board) -> bool:
    """Whether all accounts rest until the user says otherwise."""
    return bool(board.accounts) and all(account.paused for account in board.status.accounts.values())


def rule(title: str, columns: int, *marks: Span) -> Row:
    """Draw a line across the screen with a title and notices in it."""
    row: Row = [Span("─", "dim")]
    if title:
        row += [Span("─ ", "dim"), Span(title, "title"), Span(" ", "dim")]
    for mark in marks:
        row += [Span("─ ", "dim"), mark, Span(" ", "dim")]
    return [*row, Span("─" * max(0, columns - width_of(row)), "dim")]


def footer(board: Board, focus: Focus, columns: int) -> Row:
    """Tell which keys make sense now."""
    if focus.typing:
        keys = [("enter", "keep"), ("esc", "clear")]
        return spread([Span(" / ", "key"), Span(words.clean(focus.filter)), Span("_", "key")], _keys(keys), columns)
    keys = list(_keys_now(board, focus))
    for least in LEAST_KEYS:
        if width_of(_keys(keys)) <= columns:
            break
        keys = [each for each in keys if each[1].partition(" ")[0] != least]
    return _keys(keys)


def _keys_now(board: Board, focus: Focus) -> Iterator[tuple[str, str]]:
    if board.replay:
        yield "space", "stop, go on"
        yield "+ -", "speed"
    if focus.panel:
        yield "esc", "back"
        yield "↑↓", "scroll"
        if focus.panel == "detail" and board.goes_on and not board.replay:
            yield from _keys_of_account(board, focus)
    elif board.goes_on and not board.replay:
        yield from _keys_of_run(board)
    if focus.filter:
        yield "/", f"filter: {words.fit(words.clean(focus.filter), 12)}"
    if not focus.panel:
        yield "enter", "detail"
        yield "e", f"errors ({board.errors.lasting})" if board.errors.lasting else "errors"
        yield "l", "log"
        if not focus.filter:
            yield "/", "filter"
        yield "?", "help"
        yield "q", "leave"


def _keys_of_account(board: Board, focus: Focus) -> Iterator[tuple[str, str]]:
    account = board.status.accounts.get(focus.account)
    if account is None:
        return
    if key := accounts.key_of(board, focus.account):
        yield key, "sync"
    yield "p", "go on" if account.paused else "pause"
    if board.plans(focus.account):
        yield "c", "held"


def _keys_of_run(board: Board) -> Iterator[tuple[str, str]]:
    many = min(10, len(board.accounts))
    if many > 1:
        yield f"1-{many % 10}", "sync"
    yield "s", "all" if many > 1 else "sync"
    yield "p", "go on" if is_paused(board) else "pause"
    if board.plans():
        yield "c", "held"


def _keys(keys: list[tuple[str, str]]) -> Row:
    return [span for key, word in keys for span in (Span(f" {key}", "key"), Span(f" {word} ", "dim"))]
