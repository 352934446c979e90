"""Carries events from the engine to whoever looks: publishing never waits, and a slow reader never slows a sync."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from postboat.events import ConnectionsSeen, FolderProgressed, FolderScanned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from postboat.events import Event
    from postboat.service.lights import Lamps, Lights

    Watch = Callable[[str, Lamps, Callable[[str], str]], None]
    """Is told an account's connections, and what names the folder for a mailbox's wire name, before any is made."""

FACTS_KEPT = 20_000
"""Events a subscription holds for a reader that is behind; older ones are dropped and counted."""

PASSING = (FolderProgressed, FolderScanned, ConnectionsSeen)
"""Events that a later one of the same thing makes void."""


class Bus:
    """Hands every published event to every subscription."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._lamps: dict[str, tuple[Lamps, Callable[[str], str]]] = {}
        self._lights: Lights | None = None
        """None while nobody wants to see any."""

    def subscribe(self, *, lights: bool = False) -> Subscription:
        """Begin to collect what is published from now on; with `lights` also what connections do."""
        subscription = Subscription(lights=lights, darken=self._darken_if_unseen)
        self._subscriptions.append(subscription)
        if lights:
            self._shine_for(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Collect nothing more for a reader that has left."""
        self._subscriptions = [each for each in self._subscriptions if each is not subscription]
        self._darken_if_unseen()

    def publish(self, event: Event) -> None:
        """Hand `event` to all subscriptions. Never waits, never raises."""
        for subscription in self._subscriptions:
            subscription.offer(event)
        if self._lights is not None:
            self._lights.stir()

    def close(self) -> None:
        """End all subscriptions once they are read empty."""
        self._darken()
        for subscription in self._subscriptions:
            subscription.close()

    # What connections do, which is only looked at

    def watch(self, account: str, lamps: Lamps, folder: Callable[[str], str]) -> None:
        """Look at the connections of an account whenever somebody wants to see them; see `Watch`."""
        self._lamps[account] = lamps, folder
        if self._lights is not None:
            self._lights.add(account, lamps, folder)

    def forget(self, account: str) -> None:
        """Look at them no longer: the account is gone."""
        self._lamps.pop(account, None)
        if self._lights is not None:
            self._lights.forget(account)

    def _shine_for(self, subscription: Subscription) -> None:
        if self._lights is not None:
            self._lights.show(subscription)
            return
        from postboat.service.lights import Lights  # here, since few runs are looked at so closely

        self._lights = Lights(self.publish)
        for account, (lamps, folder) in self._lamps.items():
            self._lights.add(account, lamps, folder)

    def _darken_if_unseen(self) -> None:
        if not any(each.lights for each in self._subscriptions):
            self._darken()

    def _darken(self) -> None:
        if self._lights is not None:
            lights, self._lights = self._lights, None
            lights.close()


class Subscription:
    """A reader's own queue. Progress replaces earlier progress; facts are kept in order.

    With `lights`, its reader wants to see what connections do, too.
    """

    def __init__(self, *, lights: bool = False, darken: Callable[[], None] = lambda: None) -> None:
        self._waiting: deque[list[Event]] = deque()
        self._passing: dict[object, list[Event]] = {}
        """What waits and may be replaced, by what it is about."""
        self._arrived = asyncio.Event()
        self._closed = False
        self._darken = darken
        self.lights = lights
        self.dropped = 0
        """How many events were dropped because the reader was too far behind."""

    def offer(self, event: Event) -> None:
        """Queue `event`, in place of an earlier one that it makes void and that was not read yet."""
        cell = [event]
        if isinstance(event, PASSING):
            if isinstance(event, ConnectionsSeen) and not self.lights:
                return
            waiting = self._passing.setdefault(_about(event), cell)
            if waiting is not cell:
                waiting[0] = event
                return
        self._waiting.append(cell)
        if len(self._waiting) > FACTS_KEPT:
            self._take()
            self.dropped += 1
        self._arrived.set()

    def look_away(self) -> None:
        """Let what connections do be nothing to this reader any more; all else it goes on to hear."""
        self.lights = False
        self._darken()

    def give_up(self) -> None:
        """Drop all that waits but what connections do: the reader learns in another way how things are now."""
        waiting = self.read_now()
        seen = [event for event in waiting if isinstance(event, ConnectionsSeen)]
        self.dropped += len(waiting) - len(seen)
        for event in seen:
            self.offer(event)

    def close(self) -> None:
        """Let the reader end when it has read everything."""
        self._closed = True
        self._arrived.set()

    def read_now(self) -> list[Event]:
        """Everything that waits, without waiting."""
        return [self._take() for _ in range(len(self._waiting))]

    def _take(self) -> Event:
        (event,) = self._waiting.popleft()
        if isinstance(event, PASSING):
            self._passing.pop(_about(event), None)
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


def _about(event: FolderProgressed | FolderScanned | ConnectionsSeen) -> object:
    if isinstance(event, ConnectionsSeen):
        return event.account
    return event.account, event.folder, event.side if isinstance(event, FolderScanned) else None
