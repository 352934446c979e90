"""The dashboard in a terminal: the board, drawn by Textual. Only this package imports that.

START READING in `helm`, which knows nothing of Textual: keys become a focus, a question or an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.ui.board.spans import Look
    from postboat.ui.link import Link


def run(link: Link, look: Look) -> int:
    """Show a run until the link says that it is over or the user leaves, and give the terminal back as it was.

    Gives 0, or 1 when the dashboard itself is at fault, of which it says so on standard error. Raises
    `ui.link.CannotShow` before anything is drawn where there is no terminal to draw on.
    """
    from postboat.ui.blinkenlights.showing import show

    return show(link, look)
