"""The process of a face that draws: `python -m postboat.ui.apart.child NAME DESCRIPTOR`. Imports nothing of the engine.

It leaves when its parent says so, when that is gone, and when it is asked to by a signal.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

from postboat.ui.apart.parent_link import ParentLink
from postboat.ui.link import CannotShow

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[ParentLink], int]

BROKE = 1
PATIENCE = 2.0
"""Seconds that the face gets to leave after a signal that its parent did not get."""


def main(words: list[str]) -> None:
    """Show the run by the face that is named, and end the process."""
    name, descriptor = words
    try:
        with socket.socket(fileno=int(descriptor)) as line:
            code = show(face(name), ParentLink(line))
    except ConnectionError:
        code = BROKE  # whom would it show?
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # what is left goes with the process; the screen is free by now, and the parent waits for that


def show(run: Run, link: ParentLink) -> int:
    """Let a face run; tell the parent when it cannot, how it broke, or that it left as it should."""
    _heed_signals(link)
    try:
        code = run(link)
    except (CannotShow, ImportError) as refusal:
        link.tell(cannot=str(refusal))
        return BROKE
    except Exception as error:
        link.tell(broke=f"{type(error).__name__}: {error}")
        return BROKE
    link.tell(left=code)
    return code


def face(name: str) -> Run:
    """The face of this name, which is not imported before it is used.

    The dashboard says that it can draw before it is imported: nobody waits for what the parent has looked at already.
    """

    def run(link: ParentLink) -> int:
        if name == "tk":
            from postboat.ui.window import run as window

            return window(link)
        if os.isatty(0) and os.isatty(1):
            link.ready()
        from postboat.ui.apart.look import look_for
        from postboat.ui.blinkenlights import run as dashboard

        return dashboard(link, look_for(os.environ))

    return run


def _heed_signals(link: ParentLink) -> None:
    """Leave keys that end programs to the parent; leave the screen when this process alone is to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def leave(number: int, _frame: object) -> None:
        link.leave()
        timer = threading.Timer(PATIENCE, os._exit, [128 + number])
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


if __name__ == "__main__":
    main(sys.argv[1:])
