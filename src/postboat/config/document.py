"""A configuration file as it was written: sections of options, each with its line, before anything is understood."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.config.schema import Secret
from postboat.errors import ConfigError
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SECRET_OPTIONS = frozenset({"remotepass", "oauth2_client_secret", "oauth2_refresh_token", "oauth2_access_token"})
KINDS = ("general", "account", "repository", "mbnames")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. Line 0: nowhere in the file, but on the command line or missing."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one option."""

    value: object = field(repr=False)
    """A `Secret` for a secret option, from the moment it is read."""
    place: Place
    text: bool
    """Whether it has OfflineIMAP's notation (words like `yes`, lists with commas), as it has on the command line."""


def entry(option: str, value: object, place: Place, *, text: bool) -> Entry:
    """Make an entry, hiding the value at once if the option is a secret."""
    if option in SECRET_OPTIONS and isinstance(value, str):
        value = Secret(value)
    return Entry(value, place, text)


@dataclass(slots=True)
class Section:
    """One section with the options written in it."""

    kind: str
    """One of `KINDS`."""
    name: str
    title: str
    """As the file's format spells it: `repository.X` or `Repository X`."""
    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)
    inherited: set[str] = field(default_factory=set)
    """Options that come from `[DEFAULT]`."""


@dataclass(slots=True)
class Document:
    """All sections of a file, by kind and name."""

    path: Path
    toml: bool
    sections: dict[tuple[str, str], Section] = field(default_factory=dict)

    def title(self, kind: str, name: str = "") -> str:
        """How a section is spelt in this file's format."""
        if not name:
            return kind
        return f"{kind}.{name}" if self.toml else f"{kind.title()} {name}"

    def section(self, kind: str, name: str = "") -> Section | None:
        """The section, if the file has it."""
        return self.sections.get((kind, name))

    def add(self, kind: str, name: str, line: int) -> Section:
        """Add an empty section."""
        section = Section(kind, name, self.title(kind, name), Place(str(self.path), line))
        self.sections[kind, name] = section
        return section

    def names(self, kind: str) -> list[str]:
        """Names of all sections of a kind, in the order of the file."""
        return [name for of, name in self.sections if of == kind]


class Problems:
    """Collects everything that is wrong, so that it is told all at once."""

    def __init__(self) -> None:
        self._errors: list[tuple[int, str]] = []
        self._warnings: list[tuple[int, str]] = []
        self._warned_of: set[str] = set()

    def error(self, place: Place, what: str) -> None:
        """Note a mistake that stops the program."""
        self._errors.append((place.line, f"{place}: {what}"))

    def warn(self, place: Place, what: str, *, of: str = "") -> None:
        """Note something the user should know; what is wrong `of` one thing is noted where it is seen first."""
        if of in self._warned_of:
            return
        if of:
            self._warned_of.add(of)
        self._warnings.append((place.line, f"{place}: {what}"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings in the order of the file."""
        return tuple(_in_order(self._warnings))

    def raise_if_any(self) -> None:
        """Raise `ConfigError` with one line for each mistake, in the order of the file, and then the warnings."""
        if self._errors:
            raise ConfigError([*_in_order(self._errors), *(f"warning: {text}" for text in self.warnings)])


def _in_order(lines: list[tuple[int, str]]) -> list[str]:
    return list(dict.fromkeys(text for _, text in sorted(lines, key=lambda pair: pair[0])))


def did_you_mean(word: str, choices: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A phrase to append: the choice that `word` is probably a typo of, or nothing."""
    from difflib import get_close_matches  # only wrong configurations pay for it

    by_fold = {choice.casefold(): choice for choice in choices}
    close = get_close_matches(word.casefold(), by_fold, n=1, cutoff=cutoff)
    return f"; did you mean {by_fold[close[0]]}?" if close else ""


def shown(value: object) -> str:
    """A value in a message: short and on one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]
