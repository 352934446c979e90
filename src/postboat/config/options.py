"""Turns what is written for an option into a value of its type, or notes what is wrong with it."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from postboat.config.document import Problems, Section, did_you_mean, shown
from postboat.config.schema import Secret

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.config.document import Entry, Place

_TRUTH = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}
_NO = frozenset({"no", "false", "off"})
_UNSET = re.compile(r"\$(?:\{[^}]+\}|\w+)")


class Options:
    """The options of one section. After a mistake is noted, the default stands in, so that reading can go on."""

    def __init__(self, section: Section, problems: Problems) -> None:
        self.section = section
        self._problems = problems
        self._refused: set[str] = set()

    def has(self, option: str) -> bool:
        """Whether the option is written and not empty."""
        return self.entry(option) is not None

    def entry(self, option: str) -> Entry | None:
        """What is written; an empty text in OfflineIMAP's notation counts as nothing."""
        entry = self.section.entries.get(option)
        if entry is not None and isinstance(entry.value, str) and not entry.value.strip():
            return None
        return entry

    @property
    def source(self) -> Path:
        """The file that the section is in."""
        return Path(self.section.place.source)

    def place(self, option: str = "") -> Place:
        """Where the option is written, or the section if it is not."""
        entry = self.section.entries.get(option)
        return entry.place if entry else self.section.place

    def name(self, option: str) -> str:
        """The option with its section, as messages name it."""
        return f"{self.section.title}.{option}" if option else self.section.title

    def wrong(self, option: str, what: str) -> None:
        """Note a mistake in an option."""
        self._refused.add(option)
        self._problems.error(self.place(option), f"{self.name(option)}: {what}")

    def refused(self, option: str) -> bool:
        """Whether a mistake in the option was noted, so that nothing follows from what it seems to be."""
        return option in self._refused

    def warn(self, option: str, what: str, *, of: str = "") -> None:
        """Note something the user should know about an option; if it is `of` one thing, such as a file, then once."""
        self._problems.warn(self.place(option), f"{self.name(option)}: {what}", of=of)

    def missing(self, option: str, example: str) -> None:
        """Note that a required option is not there, or empty, unless what stands there was found wrong already."""
        if self.refused(option):
            return
        typo = did_you_mean(option, self.section.entries.keys() - {option}, cutoff=0.8)
        self.wrong(option, f"is missing; write {option} = {self.example(example)}{typo}")

    def example(self, text: str) -> str:
        """A value as this file's format writes it."""
        section = self.section
        is_unquoted = any(entry.text and entry.place.line for entry in section.entries.values())
        return text if is_unquoted or section.title == f"{section.kind.title()} {section.name}" else f'"{text}"'

    def text(self, option: str, default: str = "") -> str:
        """A text without space around it."""
        entry = self.entry(option)
        if entry is None:
            return default
        if not isinstance(entry.value, str):
            self.wrong(option, f"must be a text in quotes, not {shown(entry.value)}")
            return default
        return entry.value.strip()

    def secret(self, option: str) -> Secret | None:
        """A text that must not be shown."""
        entry = self.section.entries.get(option)
        if entry is None:
            return None
        if not isinstance(entry.value, Secret):
            self.wrong(option, "must be a text in quotes")
            return None
        return entry.value if entry.value.reveal() else None

    def flag(self, option: str, default: bool) -> bool:
        """Yes or no."""
        entry = self.entry(option)
        if entry is None:
            return default
        if isinstance(entry.value, bool):
            return entry.value
        if entry.text and isinstance(entry.value, str):
            answer = _TRUTH.get(entry.value.strip().lower())
            if answer is not None:
                return answer
        right = "yes or no" if entry.text else "true or false"
        self.wrong(option, f"must be {right}, not {shown(entry.value)}")
        return default

    def whole(self, option: str, default: int, low: int, high: int | None = None) -> int:
        """A whole number within bounds."""
        entry = self.entry(option)
        if entry is None:
            return default
        value = _as_number(entry, int)
        if isinstance(value, int) and low <= value and (high is None or value <= high):
            return value
        bounds = f"{low} or more" if high is None else f"from {low} to {high}"
        self.wrong(option, f"must be a whole number, {bounds}, not {shown(entry.value)}")
        return default

    def whole_or_no(self, option: str, default: int) -> int | None:
        """A whole number that is not negative, or None for "no"."""
        entry = self.entry(option)
        if entry is None:
            return default
        if entry.value is False or (entry.text and str(entry.value).strip().lower() in _NO):
            return None
        value = _as_number(entry, int)
        if isinstance(value, int) and value >= 0:
            return value
        no = "no" if entry.text else "false"
        self.wrong(option, f"must be a whole number, 0 or more, or {no}, not {shown(entry.value)}")
        return default

    def number(self, option: str, default: float, unit: str) -> float:
        """A number that is not negative."""
        entry = self.entry(option)
        if entry is None:
            return default
        value = _as_number(entry, float)
        if value is not None and value >= 0 and math.isfinite(value):
            return float(value)
        self.wrong(option, f"must be a number of {unit}, 0 or more, not {shown(entry.value)}")
        return default

    def words(self, option: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts; separated by commas where it is one text, which OfflineIMAP's notation leaves unquoted.

        Quotes are taken off there: a fingerprint that a message proposes can be copied into either notation.
        """
        entry = self.entry(option)
        if entry is None:
            return default
        if isinstance(entry.value, str):
            return tuple(word for part in entry.value.split(",") if (word := _unquoted(part.strip())))
        if isinstance(entry.value, list) and all(isinstance(word, str) for word in entry.value):
            return tuple(entry.value)
        self.wrong(option, f'must be a list of texts such as ["a", "b"], not {shown(entry.value)}')
        return default

    def one_of(self, option: str, choices: Collection[str], default: str) -> str:
        """One word of several."""
        word = self.text(option, default)
        if word in choices:
            return word
        self.wrong(option, f"must be one of {', '.join(choices)}, not {shown(word)}{did_you_mean(word, choices)}")
        return default

    def path(self, option: str) -> Path | None:
        """A path, absolute, with `~` and then `$VARIABLES` expanded."""
        text = self.text(option)
        if not text:
            return None
        expanded = os.path.expandvars(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises for an unknown user
        if "\0" in expanded:
            self.wrong(option, "must be a path, which has no NUL in it")
            return None
        path = Path(os.path.abspath(expanded))  # noqa: PTH100 - resolve() would follow links
        if flaw := _not_expanded(text, expanded, path):
            self.wrong(option, flaw)
        return path

    def readable_file(self, option: str) -> Path | None:
        """A path to a file that can be read now."""
        path = self.path(option)
        if path is not None and not _not_expanded(self.text(option), str(path), path):
            try:
                with path.open("rb"):
                    pass
            except OSError as error:
                self.wrong(option, f"cannot read {path}: {error.strerror or error}")
        return path


def _not_expanded(text: str, expanded: str, path: Path) -> str:
    """What is wrong with a path in which `~` or a variable could not be expanded, or nothing."""
    if text.startswith("~") and text.split("/")[0] in expanded.split("/") and not path.exists():
        return f"{shown(text)} names a home directory that is not there"
    if (unset := _UNSET.search(expanded)) and not path.exists():
        return f"{shown(text)} uses {unset[0]}, which is not set in the environment"
    return ""


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _as_number(entry: Entry, kind: type[int] | type[float]) -> float | None:
    value = entry.value
    if isinstance(value, bool):
        return None
    if isinstance(value, (kind, int)):
        return value
    if entry.text and isinstance(value, str):
        try:
            return kind(value.strip())
        except ValueError:
            return None
    return None
