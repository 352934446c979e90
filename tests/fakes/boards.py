"""Recorded voyages as a board sees them, and pictures of boards as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from postboat.ui.board import Board
from postboat.ui.link import Happened
from postboat.ui.links.ndjson import told
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.ui.board import Row
    from postboat.ui.link import Line

VOYAGES = Path(__file__).parents[1] / "data" / "voyages"
WAITS = {"offline": 15.0, "sign_in": 185.0, "held": 42.0, "error": 8.0, "paused": 30.0, "in_step": 5.0}
"""Seconds from a recording's last line to its picture."""


def lines_of(name: str) -> list[Line]:
    """Read a recording."""
    recorded = (VOYAGES / f"{name}.ndjson").read_text().splitlines()
    return [line for text in recorded if (line := told(json.loads(text))) is not None]


def voyage(name: str) -> tuple[Board, float]:
    """Give the board at the end of a recording, and what time it is then."""
    board, now = Board(Manner(many_accounts=True), goes_on=name != "one_shot"), 0.0
    for line in lines_of(name):
        now = line.when if isinstance(line, Happened) else now
        board.learn(line, now)
    return board, now + WAITS.get(name, 0.25)


def texts(rows: Iterable[Row]) -> list[str]:
    """Give what stands in the rows, without styles."""
    return ["".join(span.text for span in row) for row in rows]


def picture(rows: Iterable[Row]) -> str:
    """Write rows as text, each with its styles below it where it has any: a letter for each column that is styled."""
    told = []
    for row in rows:
        told.append("".join(span.text for span in row).rstrip())
        styles = [f"{span.style}({span.text.strip()})" for span in row if span.style and span.text.strip()]
        told += [f"\t{' '.join(styles)}"] if styles else []
    return "\n".join(told) + "\n"
