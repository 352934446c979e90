"""Boxes laid over a screen of rows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui.board.spans import Row, Span, fitted, plain, width, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.board.spans import Look

ROUND = ("╭", "╮", "╰", "╯", "─", "│")
PLAIN = ("+", "+", "+", "+", "-", "|")
EDGE = 4
"""Columns that a box's frame takes: a line and a blank on either side."""
WIDEST = 76
FRAMED_FROM = 24, 6
"""Columns and lines of a screen that has room for frames."""


def over(screen: Sequence[Row], box: Sequence[Row], columns: int, lines: int) -> list[Row]:
    """Lay a box over the middle of a screen, of which all else steps back."""
    behind = [[Span(text, "dim" if style else "free") for text, style in row] for row in screen]
    wide = max((width_of(row) for row in box), default=0)
    left, top = (columns - wide) // 2, max(0, (lines - len(box)) // 2)
    for at, row in enumerate(box[:lines], start=top):
        behind[at] = [Span(" " * left), *row, Span(" " * (columns - left - wide))]
    return behind


def boxed(title: str, body: Sequence[Row], foot: Sequence[Row], columns: int, lines: int, look: Look) -> list[Row]:
    """Frame a text and what can be pressed, if there is room; the text is cut before the keys are."""
    framed = columns >= FRAMED_FROM[0] and lines >= FRAMED_FROM[1]
    room = inside(columns, lines)
    high = lines - 2 if framed else lines
    foot = (foot if high > len(foot) + 1 else [row for row in foot if row])[:high]
    head = [[Span(title, "title")]] if not framed and high > len(foot) + 1 else []
    gap: list[Row] = [[]] if framed and high > len(foot) + len(body) else []
    kept = [*head, *body[: max(0, high - len(foot) - len(head) - len(gap))], *gap, *foot]
    told = [fitted(row, room, look) for row in kept]
    if not framed:
        return told
    nw, ne, sw, se, flat, upright = ROUND if look.unicode else PLAIN
    name = f" {title} " if width(title) + EDGE <= room else ""
    name = name if look.unicode else plain(name)
    edge = Span(upright, "dim")
    return [
        [Span(nw + flat, "dim"), Span(name, "title"), Span(flat * (room + 1 - width(name)) + ne, "dim")],
        *([edge, Span(" "), *row, Span(" "), edge] for row in told),
        [Span(sw + flat * (room + 2) + se, "dim")],
    ]


def inside(columns: int, lines: int) -> int:
    """Columns of text that a box on such a screen has."""
    framed = columns >= FRAMED_FROM[0] and lines >= FRAMED_FROM[1]
    return max(1, min(WIDEST, columns - 2) - EDGE if framed else columns)
