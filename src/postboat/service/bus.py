"""Carries events from the engine to whoever looks: publishing never waits, and a slow reader never slows a sync."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from postboat.events import FolderProgressed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.events import Event

FACTS_KEPT = 20_000
"""Events a subscription holds for a reader that is behind; older ones are dropped and counted."""


class Bus:
    """Hands every published event to every subscription."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def subscribe(self) -> Subscription:
        """Begin to collect what is published from now on."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Collect nothing more for a reader that has left."""
        self._subscriptions = [each for each in self._subscriptions if each is not subscription]

    def publish(self, event: Event) -> None:
        """Hand `event` to all subscriptions. Never waits, never raises."""
        for subscription in self._subscriptions:
            subscription.offer(event)

    def close(self) -> None:
        """End all subscriptions once they are read empty."""
        for subscription in self._subscriptions:
            subscription.close()


class Subscription:
    """A reader's own queue. A folder's progress replaces its earlier progress; facts are kept in order."""

    def __init__(self) -> None:
        self._waiting: deque[list[Event]] = deque()
        self._progress: dict[tuple[str, str], list[Event]] = {}
        self._arrived = asyncio.Event()
        self._closed = False
        self.dropped = 0
        """How many events were dropped because the reader was too far behind."""

    def offer(self, event: Event) -> None:
        """Queue `event`, in place of earlier progress of the same folder that was not read yet."""
        cell = [event]
        if isinstance(event, FolderProgressed):
            waiting = self._progress.get((event.account, event.folder))
            if waiting is not None:
                waiting[0] = event
                return
            self._progress[event.account, event.folder] = cell
        self._waiting.append(cell)
        if len(self._waiting) > FACTS_KEPT:
            self._take()
            self.dropped += 1
        self._arrived.set()

    def close(self) -> None:
        """Let the reader end when it has read everything."""
        self._closed = True
        self._arrived.set()

    def read_now(self) -> list[Event]:
        """Everything that waits, without waiting."""
        return [self._take() for _ in range(len(self._waiting))]

    def _take(self) -> Event:
        (event,) = self._waiting.popleft()
        if isinstance(event, FolderProgressed):
            self._progress.pop((event.account, event.folder), None)
        return event

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._waiting:
                yield self._take()
            if self._closed:
                return
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
