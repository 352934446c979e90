"""How each style looks: on dark and on light terminals, in many colours, in sixteen, and in none.

Shape tells everything already, so colour only helps to find it. The background stays the terminal's own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rich.style import Style

if TYPE_CHECKING:
    from collections.abc import Mapping

DARK: Mapping[str, str] = {
    "title": "bold #f0ece2",
    "name": "bold #e6edf3",
    "dim": "#7d8590",
    "ok": "#56d364",
    "busy": "#58a6ff",
    "attention": "#f0b429",
    "error": "#ff7b72",
    "copying": "#ffa657",
    "sending": "#f2cc60",
    "listing": "#56d364",
    "opening": "#39c5cf",
    "folders": "#58a6ff",
    "flagging": "#a5d6ff",
    "deleting": "#ff7b72",
    "connecting": "#d2a8ff",
    "waiting": "#8fb8a8",
    "free": "#6e7681",
    "bar": "#58a6ff",
    "bar-rest": "#3d444d",
    "key": "bold #39c5cf",
    "log": "",
    "spark": "#39c5cf",
}
LIGHT: Mapping[str, str] = {
    "title": "bold #1f2328",
    "name": "bold #1f2328",
    "dim": "#656d76",
    "ok": "#1a7f37",
    "busy": "#0550ae",
    "attention": "#9a6700",
    "error": "#cf222e",
    "copying": "#bc4c00",
    "sending": "#9a6700",
    "listing": "#1a7f37",
    "opening": "#1b7c83",
    "folders": "#0969da",
    "flagging": "#0550ae",
    "deleting": "#cf222e",
    "connecting": "#8250df",
    "waiting": "#3f6f5f",
    "free": "#8c959f",
    "bar": "#0969da",
    "bar-rest": "#c4ccd4",
    "key": "bold #1b7c83",
    "log": "",
    "spark": "#1b7c83",
}
SIXTEEN: Mapping[str, str] = {
    "title": "bold",
    "name": "bold",
    "dim": "dim",
    "ok": "green",
    "busy": "bright_blue",
    "attention": "bold yellow",
    "error": "bold red",
    "copying": "yellow",
    "sending": "yellow",
    "listing": "green",
    "opening": "cyan",
    "folders": "bright_blue",
    "flagging": "bright_blue",
    "deleting": "red",
    "connecting": "magenta",
    "waiting": "",
    "free": "dim",
    "bar": "bright_blue",
    "bar-rest": "dim",
    "key": "bold cyan",
    "log": "",
    "spark": "cyan",
}
"""The terminal's own colours, which its owner chose to be legible."""
NONE: Mapping[str, str] = {
    "title": "bold",
    "name": "bold",
    "dim": "dim",
    "attention": "bold",
    "error": "reverse",
    "free": "dim",
    "bar-rest": "dim",
    "key": "bold",
}
FEW = frozenset({"16", "standard", None, ""})
LIGHT_FROM = 0.5
"""How bright a background is light."""


class Palette:
    """Styles by their names."""

    def __init__(self, styles: Mapping[str, str]) -> None:
        self._styles = {name: Style.parse(text) for name, text in styles.items()}
        self._plain = Style.null()

    def __getitem__(self, name: str) -> Style:
        """The style of that name; none for a name that is not known."""
        return self._styles.get(name, self._plain)


@lru_cache(maxsize=4)
def palette(system: str | None, *, colour: bool, light: bool) -> Palette:
    """Choose the styles for what a terminal can show; `system` is Rich's name for that."""
    if not colour:
        return Palette(NONE)
    if system in FEW:
        return Palette(SIXTEEN)
    return Palette(LIGHT if light else DARK)


def is_light(environment: Mapping[str, str]) -> bool:
    """Guess from what some terminals say in COLORFGBG, "15;0": the background's colour comes last."""
    last = environment.get("COLORFGBG", "").rpartition(";")[2]
    return last in {"7", "15"}
