"""What the window remembers from one time to the next: where it was, how large, and its colours."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "window.json"
GEOMETRY = re.compile(r"(\d{2,5})x(\d{2,5})([+-]-?\d{1,5}[+-]-?\d{1,5})?")
"""As Tk writes a window's size and place."""


@dataclass(slots=True)
class Memory:
    """What is remembered."""

    geometry: str = ""
    """Size and place as Tk writes them; "" when nothing is known."""
    dark: bool | None = None
    """What the user chose; None: as the desktop."""


def recall(directory: Callable[[], Path]) -> Memory:
    """Read what was remembered; what cannot be read or understood is as if it never was."""
    try:
        facts = json.loads((directory() / NAME).read_bytes()[:10_000])
    except (OSError, ValueError):
        return Memory()
    if not isinstance(facts, dict):
        return Memory()
    geometry, dark = facts.get("geometry"), facts.get("dark")
    known = isinstance(geometry, str) and GEOMETRY.fullmatch(geometry)
    return Memory(str(geometry) if known else "", dark if isinstance(dark, bool) else None)


def remember(memory: Memory, directory: Callable[[], Path]) -> None:
    """Write it down, all or nothing; where that cannot be, it is forgotten."""
    try:
        place = directory()
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = place / f"{NAME}.{os.getpid()}"
        draft.write_text(json.dumps({"geometry": memory.geometry, "dark": memory.dark}))
        draft.replace(place / NAME)
    except OSError:
        pass


def on_screen(geometry: str, width: int, height: int) -> str:
    """Make a remembered size and place fit a screen of `width` by `height` pixels."""
    found = GEOMETRY.fullmatch(geometry)
    if found is None:
        return ""
    wide, high = min(int(found[1]), width), min(int(found[2]), height)
    place = re.fullmatch(r"\+(\d+)\+(\d+)", found[3] or "")
    if place is None or int(place[1]) > width - 50 or int(place[2]) > height - 50:
        return f"{wide}x{high}"
    return f"{wide}x{high}+{place[1]}+{place[2]}"
