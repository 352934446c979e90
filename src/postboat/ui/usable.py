"""Why a face cannot run where the program runs, found without importing what it is made of."""

from __future__ import annotations

import importlib.util
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.ui.faces import Place

SYSLOG_SOCKETS = ("/dev/log", "/var/run/syslog")
"""Where the system's log listens: Linux and the BSDs, macOS."""
TK_PACKAGES = (
    "Debian: apt install python3-tk; Fedora: dnf install python3-tkinter; openSUSE: zypper install python3-tk; "
    "Arch: pacman -S tk; Homebrew: brew install python-tk; pyenv: install tk-dev, then Python anew"
)


def reason(name: str, place: Place) -> str:
    """Why the face cannot run there, as the end of a sentence "NAME: …"; "" when nothing is known against it."""
    match name:
        case "blinkenlights":
            return blinkenlights_reason(place)
        case "tk":
            return tk_reason(place.env)
        case "syslog":
            return syslog_reason()
    return ""


def blinkenlights_reason(place: Place) -> str:
    """Why the dashboard cannot have the terminal."""
    for name, is_terminal in (("output", place.stdout), ("input", place.stdin)):
        if not is_terminal:
            return f"standard {name} is no terminal"
    if not place.can_redraw:
        term = place.env.get("TERM")
        return f"the terminal can only write lines (TERM is {term})" if term else "TERM is not set"
    if place.debug:
        return "details for -d would be written over it; send them to a file with -l"
    if not _is_installed("textual"):
        return "the Python package textual is not installed: pip install textual"
    return ""


def tk_reason(env: Mapping[str, str]) -> str:
    """Why no window can be opened."""
    if not (_is_installed("tkinter") and _is_installed("_tkinter")):  # distributions leave out one or the other
        return f"python3-tk is not installed ({TK_PACKAGES})"
    if not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        return "no display (DISPLAY and WAYLAND_DISPLAY are not set)"
    return ""


def syslog_reason() -> str:
    """Why nothing can be written to the system's log."""
    if syslog_socket() is None:
        return f"the system's log does not listen ({' or '.join(SYSLOG_SOCKETS)} is not there)"
    return ""


def syslog_socket() -> str | None:
    """Where the system's log listens now."""
    return next((path for path in SYSLOG_SOCKETS if _is_socket(path)), None)


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
