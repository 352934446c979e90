"""Which names a face answers to; what they stand for is in `ui`, but the configuration says when one is misspelt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIASES: Mapping[str, tuple[str, ...]] = {
    "tty": ("ttyui", "tty.ttyui"),
    "basic": ("noninteractive.basic",),
    "quiet": ("noninteractive.quiet",),
    "syslog": (),
    "machineui": ("machine.machineui",),
    "jsonl": ("json", "ndjson"),
    "blinkenlights": ("curses.blinkenlights",),
    "tk": ("tk.blinkenlights", "tk.vblinkenlights", "tk.verboseui", "tk.tkui"),
}
"""OfflineIMAP's names of all times, in lower case, by ours."""
NAMES: Mapping[str, str] = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}
"""Our name of a face by every name it answers to."""


def face_called(word: str) -> str | None:
    """Our name of the face that is meant, whatever the case; None when there is none of that name."""
    return NAMES.get(word.strip().lower())


def no_face(word: str) -> str:
    """Say that a name is no face's, and which there are."""
    from postboat.config.document import did_you_mean, shown

    return f"{shown(word)} is no user interface; there are {', '.join(ALIASES)}{did_you_mean(word.lower(), NAMES)}"
