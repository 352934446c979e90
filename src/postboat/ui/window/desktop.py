"""What the desktop wants: light or dark, and how many dots an inch has."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable, Mapping

PLAIN_DPI = 96.0
"""Dots an inch has where nothing else is said, and what GDK_SCALE multiplies."""
PATIENCE = 1000
"""Milliseconds that the desktop may take to say what it prefers."""
ENOUGH = 200
"""Octets that an answer has at most."""
SETTING = ("gsettings", "get", "org.gnome.desktop.interface", "color-scheme")


def prefers_dark(env: Mapping[str, str]) -> bool | None:
    """Whether the environment asks for dark; None when it does not say."""
    theme = env.get("GTK_THEME", "").lower()
    return theme.endswith((":dark", "-dark")) if theme else None


def ask_for_dark(root: tkinter.Tk, tell: Callable[[bool], None]) -> None:
    """Ask the desktop, and call `tell` from the main loop should it answer."""
    from tkinter import READABLE

    try:
        asked = subprocess.Popen(
            SETTING, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:  # not such a desktop
        return
    stream = asked.stdout
    assert stream is not None

    def hear(*_: object) -> None:
        answer = os.read(stream.fileno(), ENOUGH)  # what there is: something it started may keep the pipe open
        root.after_cancel(waiting)
        end()
        if answer:
            tell(b"dark" in answer)

    def end() -> None:
        root.deletefilehandler(stream)
        stream.close()
        os.killpg(asked.pid, signal.SIGKILL)
        asked.wait()

    waiting = root.after(PATIENCE, end)
    root.createfilehandler(stream, READABLE, hear)


def dots_per_inch(said: str, measured: float, env: Mapping[str, str]) -> float:
    """Decide between what the X server's resources say (`Xft.dpi`), what the screen measures and GDK_SCALE.

    What a screen says of its size is often wrong, and believed only where it makes things larger.
    """
    try:
        dpi = float(said)
    except ValueError:
        dpi = 0.0
    if not 48 <= dpi <= 960:
        dpi = PLAIN_DPI * _scale(env)
        if dpi == PLAIN_DPI and 1.25 * PLAIN_DPI < measured <= 4 * PLAIN_DPI:
            dpi = measured
    return dpi


def _scale(env: Mapping[str, str]) -> int:
    scale = env.get("GDK_SCALE", "")
    return int(scale) if scale.isdecimal() and 1 <= int(scale) <= 8 else 1
