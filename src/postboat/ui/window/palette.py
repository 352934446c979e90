"""Colours, by what they mean, on light and on dark ground. Pure.

The lights keep OfflineIMAP's grammar: blue for folders and flags, cyan for one that is opened, green for listing,
orange for copying, red for deleting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Palette:
    """One set of colours, as "#rrggbb"."""

    dark: bool
    ground: str
    """Of the window."""
    card: str
    """Of what lies on it: accounts, the log."""
    line: str
    """Around and between cards."""
    field: str
    """Of buttons."""
    hover: str
    """Of a button under the pointer."""
    accent: str
    """Of what has the keyboard, and of the button that Return presses."""
    on_accent: str
    styles: Mapping[str, str]

    def colour(self, style: str) -> str:
        """The colour of a text or mark; that of plain text when the style has none of its own."""
        return self.styles.get(style) or self.styles["name"]


LIGHT = Palette(
    dark=False,
    ground="#f1f3f6",
    card="#ffffff",
    line="#dde1e7",
    field="#f7f8fa",
    hover="#e9edf3",
    accent="#2563eb",
    on_accent="#ffffff",
    styles={
        "name": "#1b2027",
        "title": "#1b2027",
        "dim": "#667085",
        "ok": "#15803d",
        "busy": "#2563eb",
        "attention": "#b45309",
        "error": "#c81e1e",
        "copying": "#e8590c",
        "listing": "#2f9e44",
        "opening": "#0c8599",
        "folders": "#1c7ed6",
        "flagging": "#3b5bdb",
        "deleting": "#e03131",
        "connecting": "#7b8494",
        "waiting": "#5b8a72",
        "free": "#aab2bf",
        "bar": "#2563eb",
        "bar-rest": "#e3e7ed",
        "key": "#667085",
        "log": "#344054",
        "spark": "#9db8f2",
    },
)
DARK = Palette(
    dark=True,
    ground="#15181d",
    card="#1d2127",
    line="#2d333c",
    field="#272c34",
    hover="#333a44",
    accent="#5b93ff",
    on_accent="#0c1118",
    styles={
        "name": "#e7eaee",
        "title": "#e7eaee",
        "dim": "#98a2b1",
        "ok": "#4ade80",
        "busy": "#7aa7ff",
        "attention": "#fbbf24",
        "error": "#ff7b72",
        "copying": "#ff922b",
        "listing": "#51cf66",
        "opening": "#3bc9db",
        "folders": "#4dabf7",
        "flagging": "#8ea2ff",
        "deleting": "#ff6b6b",
        "connecting": "#98a2b1",
        "waiting": "#7fb89a",
        "free": "#5b6574",
        "bar": "#5b93ff",
        "bar-rest": "#313843",
        "key": "#98a2b1",
        "log": "#c6ccd5",
        "spark": "#3d5c96",
    },
)
