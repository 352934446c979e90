"""Rows of styled spans, and how they are cut, filled and wrapped to the columns there are.

A style says what a text is, not how it looks: the drawer has the colours. Whatever a style tells is told by the text,
too, so that nothing is lost in black and white.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from postboat.ui import words
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Span(NamedTuple):
    """A piece of a row."""

    text: str
    style: str = ""
    """One of `STYLES`; "" is plain text."""


Row = list[Span]

STYLES = (
    *("title", "dim", "name", "ok", "busy", "attention", "error", "key", "log", "spark", "bar", "bar-rest"),
    *("copying", "listing", "opening", "folders", "flagging", "deleting", "connecting", "waiting", "free"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the screen can show."""

    unicode: bool = True
    """False: only ASCII."""
    motion: bool = True
    """False: nothing moves that need not."""


width = lru_cache(maxsize=4096)(words.width)
"""Columns that a text takes; most of what is drawn was drawn a moment before."""

_clean = lru_cache(maxsize=4096)(words.clean)
_PLAIN = str.maketrans(
    dict(zip("↓↑⚑✗⇄×", "v^*x>!", strict=True))
    | dict(zip("…–—·●✓≡━╸─▸", "~---o+=##->", strict=True))
    | dict(zip("▁▂▃▄▅▆▇█", "_.:-=+*#", strict=True))
)
"""What the board's own signs are in ASCII."""


def plain(text: str) -> str:
    """Write a text in ASCII, in as many columns."""
    if text.isascii():
        return text
    told = text.translate(_PLAIN)
    return told if told.isascii() else "".join(char if char.isascii() else "?" * width(char) for char in told)


def width_of(row: Iterable[Span]) -> int:
    """Columns that a row takes."""
    return sum(width(span.text) for span in row)


def fitted(row: Iterable[Span], columns: int, look: Look) -> Row:
    """Cut or fill a row so that it takes exactly `columns`, and join neighbours of the same style.

    Nothing that could steer a terminal gets past here.
    """
    taken: list[list[str]] = []
    room = columns
    for text, style in row:
        piece = _clean(text)
        wide = width(piece)
        if not wide or not room:
            continue
        if wide > room:
            piece = words.fit(piece, room)
            piece += " " * (room - width(piece))
            wide = room
        room -= wide
        if not look.unicode:
            piece = plain(piece)
        if taken and taken[-1][1] == style:
            taken[-1][0] += piece
        else:
            taken.append([piece, style])
    if room:
        taken.append([" " * room, ""])
    return [Span(text, style) for text, style in taken]


def cell(text: str, columns: int, style: str = "", *, right: bool = False) -> Span:
    """Cut or fill a text so that it takes exactly `columns`."""
    told = text if width(text) <= columns else words.fit(text, columns)
    blank = " " * (columns - width(told))
    return Span(blank + told if right else told + blank, style)


def spread(left: Row, right: Row, columns: int) -> Row:
    """Put `right` at the right end, or leave it out when there is no room for it beside all of `left`."""
    gap = columns - width_of(left) - width_of(right)
    return [*left, Span(" " * gap), *right] if gap >= 2 else left


def wrapped(text: str, columns: int, lines: int) -> list[str]:
    """Break a text at its blanks into at most so many lines; what is cut is marked."""
    told: list[str] = []
    rest = text.strip()
    while rest and columns > 0:
        if len(told) == lines - 1 or width(rest) <= columns:
            return [*told, words.fit(rest, columns)]
        cut = _break(rest, columns)
        told.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return told


def _break(text: str, columns: int) -> int:
    """Where a text that is too long is best broken: at least one character on."""
    room = len(words.fit(text, columns, ellipsis=""))
    if text[room : room + 1] == " ":
        return room
    blank = text.rfind(" ", 1, room)
    return blank if blank > room // 2 else max(1, room)


def pieces(parts: Iterable[Row], gap: str) -> Iterator[Span]:
    """Put groups of spans one after the other, with a gap between them."""
    for number, part in enumerate(parts):
        if number:
            yield Span(gap)
        yield from part
