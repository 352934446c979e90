"""The whole screen as rows of spans, exactly as wide and as many as asked for, from one cell up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui.board import accounts, frame, panels, rows
from postboat.ui.board import words as told
from postboat.ui.board.focus import matches
from postboat.ui.board.spans import Look as Look
from postboat.ui.board.spans import Row as Row
from postboat.ui.board.spans import Span as Span
from postboat.ui.board.spans import fitted

if TYPE_CHECKING:
    from postboat.ui.board.accounts import Card
    from postboat.ui.board.board import Board
    from postboat.ui.board.focus import Focus

WITH_FOOTER, WITH_RULE, WITH_LOG = 6, 8, 10
"""How many lines there must be for the keys, for a rule below the header, and for the log."""
LEAST_LOG = 2
"""Lines that the log keeps, however much there is to tell of the accounts; a fifth of a large screen."""


def screen(board: Board, focus: Focus, now: float, columns: int, lines: int, look: Look) -> list[Row]:
    """Draw everything that is looked at."""
    if columns < 1 or lines < 1:
        return [[] for _ in range(max(0, lines))]
    drawn = (
        _panel(board, focus, now, columns, lines, look)
        if focus.panel
        else _main(board, focus, now, columns, lines, look)
    )
    drawn += [[] for _ in range(lines - len(drawn))]
    return [fitted(row, columns, look) for row in drawn[:lines]]


def names(board: Board, focus: Focus) -> list[str]:
    """Give the accounts that are shown: those over which the cursor moves."""
    if not focus.filter:
        return board.accounts
    return [name for name in board.accounts if matches(focus, name) or _has_folder(board, focus, name)]


def _has_folder(board: Board, focus: Focus, account: str) -> bool:
    status = board.status.accounts[account]
    return any(matches(focus, folder) for folder in (*status.working, *status.troubles))


def furthest(board: Board, focus: Focus, now: float, columns: int, lines: int, look: Look) -> int:
    """Tell how far the panel that is open can be scrolled."""
    if not focus.panel:
        return 0
    return max(0, len(panels.content(board, focus, now, columns, look)) - _room(lines))


def _room(lines: int) -> int:
    """Lines that a panel has for its content."""
    return max(1, lines - (lines >= 2) - (lines >= 3) - (lines >= WITH_FOOTER))


# --- a panel ------------------------------------------------------------------------------------------------------


def _panel(board: Board, focus: Focus, now: float, columns: int, lines: int, look: Look) -> list[Row]:
    content, room = panels.content(board, focus, now, columns, look), _room(lines)
    scroll = max(0, min(focus.scroll, len(content) - room))
    first = max(0, len(content) - room - scroll) if focus.panel == "log" else scroll
    shown = content[first : first + room]
    shown += [[] for _ in range(room - len(shown))]
    marks = list(frame.notices(board, now))
    if len(content) > room:
        marks.insert(0, Span(f"{first + 1} to {min(len(content), first + room)} of {len(content)}", "dim"))
    drawn = [frame.header(board, now, columns)] if lines >= 2 else []
    if lines >= 3:
        drawn.append(frame.rule(panels.title(board, focus), columns, *marks))
    drawn += shown
    return [*drawn, frame.footer(board, focus, columns)] if lines >= WITH_FOOTER else drawn


# --- the main screen ----------------------------------------------------------------------------------------------


def _main(board: Board, focus: Focus, now: float, columns: int, lines: int, look: Look) -> list[Row]:
    notices = list(frame.notices(board, now))
    drawn = [frame.header(board, now, columns)]
    if lines >= WITH_RULE:
        drawn.append(frame.rule("", columns, *notices))
    elif notices and lines >= 2:
        drawn.append([Span(" "), notices[0]])
    footer = [frame.footer(board, focus, columns)] if lines >= WITH_FOOTER or focus.typing else []
    room = lines - len(drawn) - len(footer)
    log = max(LEAST_LOG, lines // 5) + 1 if lines >= WITH_LOG else 0
    shown = _accounts(board, focus, now, columns, max(0, room - log), look)
    if log:
        left = room - len(shown) - 1
        shown.append(frame.rule("log", columns))
        tail = panels.tail(board, focus, columns, left)
        shown += [*tail, *([] for _ in range(left - len(tail)))]
    else:
        shown += [[] for _ in range(room - len(shown))]
    if board.lost is not None:
        shown = [[Span(text, "dim") for text, _ in row] for row in shown]
    return [*drawn, *shown, *footer]


def _accounts(board: Board, focus: Focus, now: float, columns: int, room: int, look: Look) -> list[Row]:
    shown = names(board, focus)
    if not shown:
        empty = told.NO_MATCH if focus.filter else told.NO_ACCOUNTS
        return [[Span(f" {empty}", "dim")]][:room]
    at = shown.index(focus.account) if focus.account in shown else 0
    cols = rows.columns_for(board, board.accounts, columns)
    cards = [accounts.card(board, name, now, look) for name in shown]
    if len(cards) > room:
        return _some(cards, board, cols, now, room, at, look)
    below = [_below(card, focus, columns, look) for card in cards]
    granted = _grant(below, [card.is_urgent for card in cards], room - len(cards))
    drawn: list[Row] = []
    for nth, (card, more, share) in enumerate(zip(cards, below, granted, strict=True)):
        drawn.append(rows.account(card, board, cols, now, look, cursor=nth == at and len(cards) > 1))
        drawn += _cut(more, share)
    return drawn


def _some(cards: list[Card], board: Board, cols: rows.Columns, now: float, room: int, at: int, look: Look) -> list[Row]:
    """Draw the accounts around the cursor when there are more than lines, and tell of the others."""
    told_of = room >= 3
    window = room - 1 if told_of else room
    first = max(0, min(at - window // 2, len(cards) - window))
    drawn = [
        rows.account(card, board, cols, now, look, cursor=first + nth == at)
        for nth, card in enumerate(cards[first : first + window])
    ]
    if told_of:
        drawn.append(rows.more([*cards[:first], *cards[first + window :]], first, len(cards) - first - window))
    return drawn


def _below(card: Card, focus: Focus, columns: int, look: Look) -> list[Row]:
    """Everything there is to say below an account's row, the most important first."""
    by_name = not focus.filter or matches(focus, card.name)
    told_of = [progress for progress in card.folders if by_name or matches(focus, progress.folder)]
    drawn = [*rows.notes(card, columns), *(rows.folder(progress, columns, look) for progress in told_of)]
    return [*drawn, *rows.rest(card)]


def _grant(below: list[list[Row]], urgent: list[bool], room: int) -> list[int]:
    """Divide the lines that are left among the accounts: each gets one in turn while it has something to say.

    The first goes to those that wait for the user.
    """
    granted = [0] * len(below)
    turn = [nth for nth, is_urgent in enumerate(urgent) if is_urgent] or list(range(len(below)))
    while room > 0:
        wanting = [nth for nth in turn if len(below[nth]) > granted[nth]]
        if not wanting and len(turn) == len(below):
            break
        for nth in wanting[:room]:
            granted[nth] += 1
        room -= min(room, len(wanting))
        turn = list(range(len(below)))
    return granted


def _cut(below: list[Row], share: int) -> list[Row]:
    """Show what there is room for, and tell before the last line how many more there are."""
    if len(below) <= share or not share:
        return below[:share]
    *before, last = below[:share]
    hidden = Span(f"{f'+{len(below) - share}':>{rows.INDENT - 1}} ", "dim")
    return [*before, [hidden, *last[1:]]]
