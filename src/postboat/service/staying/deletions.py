"""What was deleted of late counts together: what goes little by little is as much gone as what goes at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from postboat.sync.guard import Guard

if TYPE_CHECKING:
    from postboat.model import Key, Limits


class Deletions:
    """The messages of an account that were deleted without a question in the last `span` seconds."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._passed: dict[str, dict[Key, float]] = defaultdict(dict)
        """By folder: messages by their remote keys, and when they were let pass."""

    def guard(self, limits: Limits | None, now: float) -> Guard:
        """Make a guard that counts them."""
        for folder, keys in list(self._passed.items()):
            recent = {key: when for key, when in keys.items() if now - when < self._span}
            if recent:
                self._passed[folder] = recent
            else:
                del self._passed[folder]
        return Guard(limits, self._passed)

    def remember(self, guard: Guard, now: float) -> None:
        """Take over what a guard let pass."""
        for folder, keys in guard.passed.items():
            known = self._passed[folder]
            known.update((key, now) for key in keys if key not in known)
