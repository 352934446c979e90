"""What can be opened over the main screen: one account, the errors, the log, what is held, and help."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from postboat.ui import times, words
from postboat.ui.board import accounts, lights, rows
from postboat.ui.board import words as told
from postboat.ui.board.focus import matches
from postboat.ui.board.log import starts_with_account
from postboat.ui.board.spans import Row, Span, cell, wrapped
from postboat.ui.reports import status
from postboat.ui.sentences import waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from postboat.ui.board.board import Board
    from postboat.ui.board.errors import Error
    from postboat.ui.board.focus import Focus
    from postboat.ui.board.log import LogLine
    from postboat.ui.board.spans import Look

TIME = 10
"""Columns before a line of the log: the time, and blanks."""
AGE = 20
"""Columns of how long ago an error was, and of what stands before a fact."""
NEWS_LINES = 2
"""Lines that each thing in the log gets at most on the main screen."""
WRAPPED = 12
"""Lines that a sentence gets at most where there is room to read it."""


def title(board: Board, focus: Focus) -> str:
    """Name the panel that is open."""
    match focus.panel:
        case "errors":
            return f"errors ({board.errors.lasting})" if board.errors.lasting else "errors"
        case "detail":
            return words.clean(_account(board, focus))
        case "held":
            return "held deletions"
    return focus.panel


def content(board: Board, focus: Focus, now: float, columns: int, look: Look) -> list[Row]:
    """Lay out all of the panel that is open, however long it is."""
    match focus.panel:
        case "errors":
            return list(_errors(board, focus, now, columns))
        case "log":
            return _whole_log(board, focus, columns)
        case "held":
            return list(_all_held(board, columns)) or _only(told.NOTHING_HELD)
        case "detail":
            return list(_detail(board, focus, now, columns, look))
    return list(_help(look))


def _only(text: str) -> list[Row]:
    return [[Span(f" {text}", "dim")]]


def _account(board: Board, focus: Focus) -> str:
    names = board.accounts
    return focus.account if focus.account in names else next(iter(names), "")


# --- the log ------------------------------------------------------------------------------------------------------


def tail(board: Board, focus: Focus, columns: int, lines: int) -> list[Row]:
    """Lay out the end of the log in so many lines: of each thing that was told, the beginning."""
    drawn: list[Row] = []
    for line in reversed(board.log):
        if focus.filter and not matches(focus, *line.lines):
            continue
        more = list(_logged(board, line, line.lines[:1], columns, NEWS_LINES))
        if len(drawn) + len(more) > lines:
            return drawn or more[:lines]
        drawn = more + drawn
    return drawn or _only(told.QUIET)[:lines]


def _whole_log(board: Board, focus: Focus, columns: int) -> list[Row]:
    drawn = [
        row
        for line in board.log
        if matches(focus, *line.lines)
        for row in _logged(board, line, line.lines, columns, WRAPPED)
    ]
    return drawn or _only(told.QUIET)


def _logged(board: Board, line: LogLine, texts: Sequence[str], columns: int, lines: int) -> Iterator[Row]:
    room = columns - TIME - 1
    for nth, text in enumerate(texts):
        indent = len(text) - len(text.lstrip(" "))
        for cut, piece in enumerate(wrapped(text, room - indent - 2, lines)):
            row = [Span(f" {board.clock(line.when)} ", "dim") if not nth and not cut else Span(" " * TIME)]
            row.append(Span(" " * (indent + 2 * bool(cut))))
            if not nth and not cut and starts_with_account(line):
                name = words.clean(line.account)
                row += [Span(f"{name}:", "name"), Span(piece[len(name) + 1 :], line.style)]
            else:
                row.append(Span(piece, line.style))
            yield row


# --- errors -------------------------------------------------------------------------------------------------------


def _errors(board: Board, focus: Focus, now: float, columns: int) -> Iterator[Row]:
    shown = [error for error in board.errors.listed() if matches(focus, error.account, error.folder, *error.lines)]
    if not shown:
        yield from _only(told.NO_ERRORS)
    for error in shown:
        yield from _error(error, now, columns)


def _error(error: Error, now: float, columns: int) -> Iterator[Row]:
    style = error.style if error.over is None else "dim"
    age = times.ago(error.last, now)
    often = f"{words.number(error.count)} times" if error.count > 1 else ""
    state = f"over, {times.ago(error.over, now)}" if error.over is not None else ""
    where = words.clean(f"{error.account}: {error.folder}" if error.folder else error.account)
    labels = [age, *filter(None, (often, state))]
    texts: list[tuple[str, str]] = [(line, style) for line in _wrapped_all(error.lines, columns - AGE - 2)]
    if where:
        texts.insert(0, (where, "name"))
    if error.over is None:
        texts += [(line, "dim") for line in wrapped(error.advice, columns - AGE - 2, WRAPPED)]
    for nth in range(max(len(labels), len(texts))):
        label = labels[nth] if nth < len(labels) else ""
        text, styled = texts[nth] if nth < len(texts) else ("", "")
        yield [Span(" "), cell(label, AGE, "dim"), Span(text, styled)]
    yield []


def _wrapped_all(lines: Iterable[str], room: int) -> Iterator[str]:
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip(" ")))
        yield from (indent + piece for piece in wrapped(line, room - len(indent), WRAPPED))


# --- held plans ---------------------------------------------------------------------------------------------------


def _all_held(board: Board, columns: int) -> Iterator[Row]:
    for plan in board.plans():
        yield [Span(f" {words.clean(plan.account)}", "name"), Span(f"  {told.held_in(plan)}", "attention")]
        yield from held(plan, board, columns)
        yield []


def held(plan: told.Held, board: Board, columns: int) -> Iterator[Row]:
    """Lay out a held plan: how many, why, some subjects, and which commands decide."""
    for text, style in (
        (waiting.doubt(plan, board.manner), ""),
        *((line, "dim") for line in waiting.subjects(plan)),
        *((line, "") for line in waiting.choices(plan, board.manner)),
    ):
        for nth, line in enumerate(wrapped(text, columns - 6, WRAPPED)):
            yield [Span("     " if nth else "   "), Span(line, style)]


# --- an account ---------------------------------------------------------------------------------------------------


def _detail(board: Board, focus: Focus, now: float, columns: int, look: Look) -> Iterator[Row]:
    name = _account(board, focus)
    if name not in board.status.accounts:
        yield from _only(told.NO_ACCOUNTS)
        return
    account, card = board.status.accounts[name], accounts.card(board, name, now, look)
    yield [Span(" "), Span(card.mark.drawn(look), card.mark.style), Span(" "), Span(card.state, card.mark.style)]
    yield []
    if card.signs:
        kinds = words.changes(board.done(name), arrows=look.unicode)
        yield from _fact("done", kinds, columns)
    for label, fact in status.facts(account, now, board.manner):
        yield from _fact(label, fact, columns)
    for nth, light in enumerate(board.desk(name).lights, 1):
        mark = lights.of_connection(light)
        where = light.folder if light.doing != "free" else ""
        doing = f"{mark.meaning}  {words.clean(where)}" if where else mark.meaning
        head = cell(f"connection {nth}", AGE, "dim")
        server = f" {words.clean(light.server)}:" if light.server else ""
        yield [Span(" "), head, Span(mark.drawn(look), mark.style), Span(f"{server} {doing}")]
    if account.working:
        yield []
        yield from (rows.folder(progress, columns, look) for progress in accounts.all_progress(board, name, now))
    yield from ([], *_plans(board, name, columns)) if board.plans(name) else ()


def _fact(label: str, fact: str, columns: int) -> Iterator[Row]:
    for nth, line in enumerate(wrapped(fact, columns - AGE - 2, WRAPPED)):
        yield [Span(" "), cell("" if nth else label, AGE, "dim"), Span(line)]


def _plans(board: Board, name: str, columns: int) -> Iterator[Row]:
    for plan in board.plans(name):
        yield [Span(f" held in {told.held_in(plan)}", "attention")]
        yield from held(plan, board, columns)


# --- help ---------------------------------------------------------------------------------------------------------

KEYS = (
    ("1 2 3 …", "sync that account now; 0 is the tenth"),
    ("s", "sync all accounts now"),
    ("p", "pause all accounts, or let them go on; in detail, that one"),
    ("↑ ↓", "choose an account, or scroll"),
    ("enter", "all about the chosen account"),
    ("c", "decide about deletions that wait for your word"),
    ("e  l", "errors; the whole log"),
    ("/", "show only accounts, folders and lines that contain a word"),
    ("esc", "back"),
    ("q", "leave; you are asked whether the sync goes on"),
)


def _help(look: Look) -> Iterator[Row]:
    for key, meaning in KEYS:
        yield [Span("  "), cell(key, 10, "key"), Span(meaning)]
    yield []
    yield from _legend("An account", lights.STATES, look)
    yield []
    yield from _legend("Each of its connections", tuple(lights.LIGHTS.values()), look)
    yield []
    yield [Span(" What was done", "title")]
    signs = iter(told.SIGNS)
    while pair := tuple(islice(signs, 2)):
        yield [Span("  "), *(span for sign, word in pair for span in (Span(f"{sign} ", "name"), cell(word, 36)))]


def _legend(title: str, marks: tuple[lights.Mark, ...], look: Look) -> Iterator[Row]:
    yield [Span(f" {title}", "title")]
    each = iter(marks)
    while pair := tuple(islice(each, 2)):
        row = [Span("  ")]
        for mark in pair:
            row += [Span(mark.drawn(look), mark.style), Span(" "), cell(mark.meaning, 36)]
        yield row
