"""Who may hold a session: a bounded number of slots, and those who wait for one.

Those who wait are served in the order of their coming, so that readers who keep coming never keep out one who wants a
session alone. Watchers keep their slot for as long as nobody needs it: they come last of all, leave one slot to the
others where there are two, and are asked to yield when nobody but watchers holds any.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class Shareable(Protocol):
    """What the slots ask of a session."""

    @property
    def alive(self) -> bool:
        """Whether the connection still stands."""
        ...

    @property
    def mailbox(self) -> str | None:
        """Wire name of the mailbox that was selected last."""
        ...

    @property
    def depth(self) -> int:
        """How many readers may share it, 1 or more."""
        ...


S = TypeVar("S", bound=Shareable)


class Slot:
    """Leave to have one session; `wanted` is set when a watcher should give it back, and None for all others."""

    def __init__(self, wanted: asyncio.Event | None = None) -> None:
        self.wanted = wanted


class Shared(Generic[S]):
    """A session lent to readers, who hold one slot together."""

    def __init__(self, session: S, slot: Slot) -> None:
        self.session, self.slot = session, slot
        self.readers = 1

    @property
    def has_room(self) -> bool:
        """Whether one more may read."""
        return self.session.alive and self.readers < self.session.depth

    def distance(self, prefer: str | None) -> tuple[bool, int]:
        """What makes it the worse choice: another mailbox selected, then more readers."""
        return (prefer is None or self.session.mailbox != prefer, self.readers)


class _Waiter(Generic[S]):
    """Somebody who waits for a slot; a reader is also content with a place in a session that others read from."""

    def __init__(self, prefer: str | None, *, reads: bool, much: bool) -> None:
        self.prefer, self.reads, self.much = prefer, reads, much
        self.granted: asyncio.Future[Slot | Shared[S]] = asyncio.get_running_loop().create_future()


class Slots(Generic[S]):
    """The slots of a pool.

    `has_resting` tells whether a session rests that needs no opening; `unclaimed` takes back what was granted to one
    who was cancelled just then.
    """

    def __init__(
        self, size: int, has_resting: Callable[[], bool], unclaimed: Callable[[Slot | Shared[S]], None]
    ) -> None:
        self._wanted_size = size
        self._has_resting, self._unclaimed = has_resting, unclaimed
        self._held: list[Slot] = []
        self._shared: list[Shared[S]] = []
        self._waiting: deque[_Waiter[S]] = deque()
        self._watchers: deque[asyncio.Future[Slot]] = deque()
        self._quiet_since = 0.0
        """When the last of those gave a slot back who are no watchers."""
        self.size = size
        """How many there are; fewer when the server refused one more."""
        self.closed = False
        """Whether nothing is shared any more."""

    @property
    def _free(self) -> int:
        return self.size - len(self._held)

    @property
    def _watched(self) -> list[Slot]:
        return [slot for slot in self._held if slot.wanted is not None]

    async def take(self, prefer: str | None, *, reads: bool, much: bool = False) -> Slot | Shared[S]:
        """Wait for a slot, or for a place in a session that is read from; either is taken when this returns."""
        waiter: _Waiter[S] = _Waiter(prefer, reads=reads, much=much)
        self._waiting.append(waiter)
        self._grant()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            self._call_off(waiter.granted)
            raise

    async def watch(self) -> Slot:
        """Wait for a slot that nobody else needs, one of all but one; it is taken when this returns."""
        granted: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._watchers.append(granted)
        self._grant()
        try:
            return await granted
        except asyncio.CancelledError:
            self._call_off(granted)
            raise

    def _call_off(self, granted: asyncio.Future[Slot | Shared[S]] | asyncio.Future[Slot]) -> None:
        if granted.cancelled():
            self._grant()
        else:
            self._unclaimed(granted.result())

    def seize(self) -> Slot:
        """Take a slot at once for a session that rests: there is one for each of them."""
        slot = Slot()
        self._held.append(slot)
        return slot

    def give_back(self, slot: Slot) -> None:
        """Let the next one have a slot."""
        self._held.remove(slot)
        if slot.wanted is None:
            self._quiet_since = asyncio.get_running_loop().time()
        self._grant()

    def lose(self, slot: Slot) -> None:
        """Do without a slot from now on: the server allows one session less than we thought."""
        self.size -= 1
        self.give_back(slot)

    def restore(self) -> None:
        """Have as many as in the beginning."""
        self.size = self._wanted_size
        self._grant()

    async def quiet(self, seconds: float) -> None:
        """Wait until nobody but watchers held a slot for so long."""
        clock = asyncio.get_running_loop().time
        while True:
            is_used = self._waiting or len(self._held) > len(self._watched)
            left = seconds if is_used else self._quiet_since + seconds - clock()
            if left <= 0:
                return
            await asyncio.sleep(left)

    # Sharing

    def share(self, session: S, slot: Slot) -> Shared[S]:
        """Let others read from a session beside the one who has it."""
        shared = Shared(session, slot)
        self._shared.append(shared)
        self._grant()
        return shared

    def leave(self, shared: Shared[S]) -> bool:
        """Give a place back; tell whether that was the last one, so that the slot is to be given back too."""
        shared.readers -= 1
        if shared.readers:
            self._grant()
            return False
        self._shared.remove(shared)
        return True

    def _room(self, prefer: str | None) -> Shared[S] | None:
        """The best session for one more reader, if there is any."""
        with_room = [shared for shared in self._shared if shared.has_room and not self.closed]
        return min(with_room, key=lambda shared: shared.distance(prefer), default=None)

    # Granting

    def _grant(self) -> None:
        """Serve those who wait for as long as there is something to give, then watchers."""
        while self._waiting:
            waiter = self._waiting[0]
            if not waiter.granted.cancelled():
                given = self._something_for(waiter)
                if given is None:
                    self._ask_a_watcher_to_yield()
                    return
                waiter.granted.set_result(given)
            self._waiting.popleft()
        while self._watchers and self._free and len(self._watched) < max(1, self.size - 1):
            granted = self._watchers.popleft()
            if not granted.cancelled():
                slot = Slot(asyncio.Event())
                self._held.append(slot)
                granted.set_result(slot)

    def _something_for(self, waiter: _Waiter[S]) -> Slot | Shared[S] | None:
        alone = not waiter.reads or (self._free and (waiter.much or self._has_resting()))
        shared = None if alone else self._room(waiter.prefer)
        if shared is not None:
            shared.readers += 1
            return shared
        return self.seize() if self._free else None

    def _ask_a_watcher_to_yield(self) -> None:
        """Ask the one who came last, if all slots are held by watchers; one at a time."""
        wanted = [slot.wanted for slot in self._held if slot.wanted is not None]
        if len(wanted) == len(self._held) and not any(each.is_set() for each in wanted):
            wanted[-1].set()
