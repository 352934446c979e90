"""The rows of the accounts on the main screen. Columns keep their places while the numbers in them change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.board import words as told
from postboat.ui.board.spans import Row, Span, cell, pieces, width, wrapped
from postboat.ui.board.traffic import LEVELS, spark
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postboat.ui.board.accounts import Card, Progress
    from postboat.ui.board.board import Board
    from postboat.ui.board.spans import Look

LEFT = 5
"""Columns before an account's light but for its name: cursor, key, and blanks."""
INDENT = 5
"""Columns before what stands below an account."""
NOTE_LINES = 3
"""Lines that a sentence below an account gets at most."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide each part of an account's row is; 0: there is no room for it."""

    all: int
    name: int
    state: int
    lights: int
    spark: int
    rate: int
    countdown: int
    signs: int


def columns_for(board: Board, names: Sequence[str], columns: int) -> Columns:
    """Divide the columns of a screen: what matters least is left out first."""
    longest = max((width(words.clean(name)) for name in names), default=4)
    name = max(1, min(longest, 12 if columns < 100 else 20, columns // 4 if columns < 80 else columns))
    room = columns - LEFT - name - 2
    state = min(room, 18 if columns < 100 else 20)
    room -= state
    taken = {}
    lights = min(board.most_lights, 6 if columns < 100 else 12) if board.most_lights else 0
    wanted = {
        "countdown": 10,
        "lights": lights,
        "signs": 12,
        "spark": 8 if columns < 100 else 16 if columns < 160 else 30,
        "rate": 21 if columns >= 110 else 0,
    }
    for part, wide in wanted.items():
        taken[part] = wide if wide and room >= wide + 2 else 0
        room -= taken[part] + 2 if taken[part] else 0
    if taken["signs"]:
        taken["signs"] += max(0, room)
    return Columns(columns, name, state, **taken)


def account(card: Card, board: Board, cols: Columns, now: float, look: Look, *, cursor: bool) -> Row:
    """Lay out the row of an account."""
    mark = Span(card.mark.drawn(look), card.mark.style)
    head = [
        Span("▸" if cursor else " ", "key"),
        Span(card.key or " ", "key"),
        Span(" "),
        cell(card.name, cols.name, "name"),
        Span("  "),
        mark,
        Span(" "),
        cell(card.state, cols.state, _state_style(card)),
    ]
    parts: list[Row] = [head]
    if cols.lights:
        parts.append(_lights(card, cols.lights, look))
    if cols.spark:
        parts.append(_spark(board, card, cols.spark, now))
    if cols.rate:
        parts.append(_rates(card.rates, cols.rate))
    if cols.countdown:
        parts.append([cell(card.countdown, cols.countdown, "dim" if card.mark.style == "busy" else "", right=True)])
    if cols.signs:
        parts.append([cell(_that_fit(card.signs, cols.signs), cols.signs)])
    return list(pieces(parts, "  "))


def _state_style(card: Card) -> str:
    return card.mark.style if card.mark.style in ("error", "attention", "dim") else ""


def _lights(card: Card, room: int, look: Look) -> Row:
    shown = card.lights if len(card.lights) <= room else card.lights[: room - 1]
    row = [Span(mark.drawn(look), mark.style) for mark in shown]
    if len(shown) < len(card.lights):
        row.append(Span("+", "dim"))
    return [*row, Span(" " * (room - len(row)))]


def _spark(board: Board, card: Card, room: int, now: float) -> Row:
    samples = board.desk(card.account).traffic.samples(now, room)
    drawn = spark(samples)
    return [Span(bar, "dim" if bar == LEVELS[0] else "spark") for bar in drawn]


def _rates(rates: tuple[float, float], room: int) -> Row:
    half = (room - 1) // 2
    down, up = (f"{sign}{words.size(rate)}/s" if rate >= 1 else "" for sign, rate in zip("↓↑", rates, strict=True))
    return [cell(down, half, "spark", right=True), Span(" "), cell(up, room - 1 - half, "spark", right=True)]


def _that_fit(signs: list[str], room: int) -> str:
    """Tell as many of them as there is room for, whole."""
    shown = ""
    for sign in signs:
        more = f"{shown} {sign}".lstrip()
        if width(more) > room:
            return f"{shown} …" if width(shown) + 2 <= room else shown
        shown = more
    return shown


# --- below an account ---------------------------------------------------------------------------------------------


def notes(card: Card, columns: int) -> Iterator[Row]:
    """Lay out what is wrong with an account, and what to do."""
    for text, style in card.notes:
        for nth, line in enumerate(wrapped(text, columns - INDENT - 1, NOTE_LINES)):
            yield [Span(" " * INDENT), Span("  " if nth else ""), Span(line, style)]


def rest(card: Card) -> Iterator[Row]:
    """Lay out what is said of the folders that have no line of their own."""
    if card.rest and card.folders:
        yield [Span(" " * INDENT), Span(card.rest, "dim")]


def folder(progress: Progress, columns: int, look: Look) -> Row:
    """Lay out how far the work on a folder is: name, bar, count, rate, and time to go."""
    room = columns - INDENT - 1
    name = min(40, max(8, room * 26 // 100))
    count, rate, left = 16, 6, 10
    bar = min(60, room - name - 3 - count - rate - left - 4)
    row = [
        Span(" " * INDENT),
        cell(progress.folder, name),
        Span(" "),
        cell(progress.sign, 1, progress.style),
        Span(" "),
    ]
    if bar >= 4:
        row += [*_bar(progress, bar, look), Span(" ")]
    tail: Row = [cell(progress.count, count, right=True), Span(" ")]
    if bar >= 4 or room - name - 3 >= count + rate + left + 2:
        tail += [cell(progress.rate, rate, "dim", right=True), Span(" ")]
        tail += [cell(progress.left, left, "dim", right=True)]
    return [*row, *tail]


def _bar(progress: Progress, room: int, look: Look) -> Row:
    if progress.fraction is None:
        return [Span(("·" if look.unicode else ".") * room, "bar-rest")]
    full = int(progress.fraction * room * 2)
    whole, half = divmod(full, 2)
    if not look.unicode:
        return [Span("#" * whole, "bar"), Span("-" * (room - whole), "bar-rest")]
    return [Span("━" * whole + "╸" * half, "bar"), Span("─" * (room - whole - half), "bar-rest")]


def more(hidden: Sequence[Card], above: int, below: int) -> Row:
    """Tell of accounts that there is no room for, so many of them above and below."""
    where = ", ".join(f"+{count} {side}" for count, side in ((above, "above"), (below, "below")) if count)
    urgent = sum(card.is_urgent for card in hidden)
    row = [Span("   "), Span(where, "dim")]
    return [*row, Span(f", {told.needing(urgent)}", "error")] if urgent else row
