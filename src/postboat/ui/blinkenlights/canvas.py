"""The one widget of the dashboard: rows of spans, of which only those that changed are painted again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from postboat.ui.blinkenlights.colours import NONE, Palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.board.spans import Row


class Canvas(Widget, inherit_bindings=False):
    """Paints the screen."""

    DEFAULT_CSS: ClassVar[str] = "Canvas { width: 100%; height: 100%; background: ansi_default; }"
    ALLOW_SELECT: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.palette = Palette(NONE)
        self.rows: Sequence[Row] = ()
        self._columns = 0
        """How wide the rows are: while the terminal is resized, not as wide as this."""

    def show(self, rows: Sequence[Row], columns: int) -> int:
        """Paint these rows of so many columns, and tell how many of them were not there already."""
        before, self.rows = self.rows, rows
        known, self._columns = self._columns, columns
        if len(before) != len(rows) or known != columns:
            self.refresh()
            return len(rows)
        changed = [y for y, row in enumerate(rows) if row != before[y]]
        if changed:
            self.refresh(*(Region(0, y, columns, 1) for y in changed))
        return len(changed)

    def repaint(self) -> None:
        """Paint all of it again: the colours changed, or the terminal lost what it showed."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Give a line as Textual wants it."""
        columns = self.size.width
        if y >= len(self.rows):
            return Strip.blank(columns)
        strip = Strip([Segment(text, self.palette[style]) for text, style in self.rows[y]], self._columns)
        return strip if self._columns == columns else strip.adjust_cell_length(columns)
