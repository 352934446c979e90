"""One showing of the dashboard, from an open terminal to an end that leaves no trace on it."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import TYPE_CHECKING

from postboat.ui.blinkenlights import words
from postboat.ui.blinkenlights.app import Dashboard
from postboat.ui.blinkenlights.terminal import Terminal, reachable
from postboat.ui.words import clean

if TYPE_CHECKING:
    from postboat.ui.board.spans import Look
    from postboat.ui.link import Link

DEBUG = "POSTBOAT_DEBUG"
"""Set in the environment, it has a defect of the dashboard told with its traceback."""


def show(link: Link, look: Look) -> int:
    """Do what `run` says."""
    reachable()
    gc.freeze()  # what was imported stays anyway
    app = Dashboard(link, look, driver_class=Terminal)
    app.run()
    return 0 if app.defect is None else _broken(app.defect)


def _broken(defect: Exception) -> int:
    if os.environ.get(DEBUG):
        traceback.print_exception(defect, file=sys.stderr)
    text = clean(str(defect).partition("\n")[0])
    print(words.BROKEN.format(kind=type(defect).__name__, text=text), file=sys.stderr)
    return 1
