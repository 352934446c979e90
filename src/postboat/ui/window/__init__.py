"""The face in a window. tkinter is imported by nothing else, and by this only when a window is to be shown.

START READING in `presenter`, which makes a `picture` of the board and knows nothing of Tk; `session` shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.ui.link import Link


def run(link: Link) -> int:
    """Show a run in a window until the user closes it or it is over; the exit code is that of the face.

    Raises `CannotShow` or ImportError when there can be no window.
    """
    from postboat.ui.window.main import show

    return show(link)
