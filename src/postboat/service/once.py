"""Tells what stays as it is only once: a run that goes on meets the same trouble again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.events import FolderFailed, MessageFailed, MessagesAside, PlanHeld, Warned

if TYPE_CHECKING:
    from postboat.events import Event, Publish

LASTING = (Warned, FolderFailed, MessageFailed, MessagesAside, PlanHeld)
"""Events about what is not over when the cycle is."""


class Once:
    """Passes events on, but not what was told in the cycle before and is still so.

    What is met no more in a look at everything is over: when it comes again, it is told again.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._told: set[Event] = set()
        self._met: set[Event] = set()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, LASTING):
            fact = _without_time(event)
            self._met.add(fact)
            if fact in self._told:
                return
            self._told.add(fact)
        self._publish(event)

    def cycle_ended(self, *, everything: bool) -> None:
        """Forget what is over; a cycle that did not look at everything ends nothing."""
        if everything:
            self._told = self._met
        self._met = set()


def _without_time(event: Event) -> Event:
    """The fact by which an event is known again: what is put aside longer each time is no news."""
    return replace(event, due=0.0) if isinstance(event, MessagesAside) else event
