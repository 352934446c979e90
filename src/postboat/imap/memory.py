"""What the last session taught about a server: guesses that save round trips, and never facts.

Whatever is sent on the strength of a guess is held against what comes back in the same session: a refusal leads to the
slow way, and the guess is given up. Nothing here can make a result wrong, only a run slower.
"""

from __future__ import annotations

import json
from dataclasses import field, replace
from typing import Any

from postboat.values import dataclass

_FORM = 2
"""Changes when a text of before can no longer be read."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one user of one server saw last time."""

    place: str
    """Which server, by what we call it ourselves."""
    user: str
    mechanism: str
    """By which the sign-in succeeded; "" when the server greeted us as signed in."""
    capabilities: frozenset[str]
    """What the server can do for this user."""
    offered: frozenset[str] = field(default=frozenset())
    """What it can do before the sign-in, when its greeting does not tell that."""
    announces: bool = True
    """Whether it tells its capabilities at the sign-in without being asked."""
    deaf_behind: frozenset[str] = field(default=frozenset())
    """Mechanisms behind which commands of the same flight were lost (Cyrus 3.6: AUTHENTICATE, but not LOGIN)."""
    lost_behind: frozenset[str] = field(default=frozenset())
    """Mechanisms behind which the connection was lost, last time that anything went out behind them."""
    lists_all: bool = True
    """Whether its extended LIST shows what its plain LIST shows."""
    delimiter: str | None = None
    """Stands between the levels of a mailbox name."""


class ServerMemory:
    """The lesson of the last session with one account's server, and whether this run has learnt another one."""

    def __init__(self) -> None:
        self._lesson: Lesson | None = None
        self._restored: Lesson | None = None

    @property
    def changed(self) -> bool:
        """Whether `text` differs from what was restored."""
        return self._lesson != self._restored

    def restore(self, text: str | None) -> None:
        """Take what `text` gave in an earlier run; anything else is as good as nothing."""
        self._lesson = self._restored = _read(text) if text else None

    def text(self) -> str:
        """All that is remembered, as text for `restore`; "" when that is nothing."""
        if self._lesson is None:
            return ""
        fields = {name: getattr(self._lesson, name) for name in Lesson.__slots__}
        plain = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in fields.items()}
        return json.dumps({"form": _FORM, **plain})

    def recall(self, place: str, user: str | None = None) -> Lesson | None:
        """The lesson about that server and user; with None about whichever user it was."""
        lesson = self._lesson
        if lesson is None or lesson.place != place or user not in (None, lesson.user):
            return None
        return lesson

    def learn(self, lesson: Lesson) -> None:
        """Put a lesson in place of the last one; where the server is another by now, what it failed in is forgiven."""
        before = self.recall(lesson.place, lesson.user)
        if before is not None and before.capabilities == lesson.capabilities:
            deaf_behind = before.deaf_behind | lesson.deaf_behind
            lesson = replace(lesson, deaf_behind=deaf_behind, lists_all=before.lists_all, delimiter=before.delimiter)
        self._lesson = lesson

    def forget(self) -> None:
        """Know nothing of any server."""
        self._lesson = None

    def correct(self, **changes: Any) -> None:
        """Correct single points of the lesson, named as its fields are."""
        if self._lesson is not None:
            self._lesson = replace(self._lesson, **changes)

    @property
    def keeps_modseq(self) -> bool:
        """Whether the server's numbers most likely prove which mailboxes are unchanged, so that none need be opened."""
        return self._lesson is not None and not self._lesson.capabilities.isdisjoint({"CONDSTORE", "QRESYNC"})

    @property
    def lists_all(self) -> bool:
        """Whether an extended LIST may be believed to be complete."""
        return self._lesson is None or self._lesson.lists_all

    @property
    def delimiter(self) -> str | None:
        """What stood between the levels of a mailbox name; None when there is nothing to go by."""
        return self._lesson.delimiter if self._lesson is not None else None


def _read(text: str) -> Lesson | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    if not isinstance(said, dict) or said.pop("form", None) != _FORM or said.keys() != set(Lesson.__slots__):
        return None
    values: dict[str, Any] = {name: _value(value) for name, value in said.items()}
    blank = Lesson("", "", "", frozenset())
    if any(not _fits(value, getattr(blank, name)) for name, value in values.items()):
        return None
    return Lesson(**values)


def _value(value: object) -> object:
    """A list of words becomes a set; all else stays what it is."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return frozenset(value)
    return value


def _fits(value: object, model: object) -> bool:
    return isinstance(value, str | None) if model is None else type(value) is type(model)
