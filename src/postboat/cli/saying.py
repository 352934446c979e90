"""What is said on stderr. Imports neither loop nor engine."""

from __future__ import annotations

import contextlib
import sys

from postboat.ui.words import clean


def say(code: int, *lines: str) -> int:
    """Write lines to stderr, if anybody listens, and return the exit code that goes with them."""
    if not lines:
        return code
    with contextlib.suppress(OSError, ValueError):
        print(*map(clean, lines), sep="\n", file=sys.stderr, flush=True)
    return code
