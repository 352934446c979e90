"""What the window shows, as values: which rows there are, their texts, and in which style each is drawn. Pure.

Styles are the names of `palette`, marks those of `discs`. Two pictures that are equal look the same.
"""

from __future__ import annotations

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """A round light. Its shape tells what its colour tells, and its tip says it in words."""

    shape: str
    style: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder of which something is told."""

    name: str
    text: str
    """How far it has come, or what is wrong with it."""
    style: str
    share: float | None = None
    """How much of its work is done, from 0 to 1; None: that is not known or there is none."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something of an account that the user should see to."""

    text: str
    advice: str
    style: str
    plan: int | None = None
    """Which of the picture's plans it is about, if any."""


@dataclass(frozen=True, slots=True)
class Card:
    """An account."""

    account: str
    """Its name, as requests name it."""
    title: str
    key: str
    """The digit that syncs it; "" for the eleventh and further ones."""
    mark: Mark
    lights: tuple[Mark, ...]
    state: str
    style: str
    facts: str
    """What else is worth knowing, such as when the next sync is due."""
    spark: tuple[float, ...]
    """Its traffic of late, each from 0 to 1, the latest last; empty when there was none."""
    folders: tuple[FolderRow, ...]
    notes: tuple[Note, ...]
    paused: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Deletions that wait for the user's word."""

    target: str
    """As requests name it."""
    heading: str
    reason: str
    subjects: tuple[str, ...]
    more: int
    """How many messages there are whose subjects are not told."""
    pass_on: str
    """What happens when it is let pass."""
    bring_back: str
    """What happens otherwise."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log."""

    when: str
    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong, and what helps."""

    age: str
    text: str
    count: int
    advice: str
    style: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the window shows but for the log, which only grows."""

    title: str
    """Of the window."""
    headline: str
    style: str
    traffic: str
    banner: str
    """What stands above all: that the service is away, or the recording's speed."""
    cards: tuple[Card, ...]
    plans: tuple[Plan, ...]
    troubles: tuple[Trouble, ...]
    paused: bool
    """Whether all accounts are, so that the button lets them go on."""
