"""A bounded number of sessions to one server, lent out and taken back.

A borrower holds a *slot* for as long as its `async with` block runs, and only the holder of a slot takes a resting
session or opens a new one. A session rests only when the slot it came with is free again, so the sessions open,
resting and being opened never exceed the slots: the bound needs no other bookkeeping, whatever is cancelled when.

Readers may share a session, and hold one slot together. A reader takes a resting session for itself if there is one,
else joins a session that has room, and only when all are full opens another: to connect and sign in takes three round
trips, to join none. Who expects much opens one rather than join, since the two then bring more than one does. Those who
wait are served in the order of their coming, so that readers who keep coming never keep out one who wants a session
alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from postboat.errors import AccountError, ConnectionLost, Retry, ServerUnreachable
from postboat.imap.auth import TooManyConnections
from postboat.imap.patience import Patience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence


class Poolable(Protocol):
    """What the pool asks of a session."""

    @property
    def alive(self) -> bool:
        """Whether the connection still stands."""
        ...

    @property
    def busy(self) -> bool:
        """Whether commands are without an answer."""
        ...

    @property
    def is_one_too_many(self) -> bool:
        """Whether the server ended it because there are too many."""
        ...

    @property
    def mailbox(self) -> str | None:
        """Wire name of the mailbox that was selected last."""
        ...

    @property
    def depth(self) -> int:
        """How many readers may share it, 1 or more."""
        ...

    def obey(self, patience: Patience) -> None:
        """Keep its pauses."""
        ...

    def abort(self) -> None:
        """Drop the connection at once."""
        ...

    async def logout(self) -> None:
        """Take leave of the server."""
        ...


S = TypeVar("S", bound=Poolable)


def choose(resting: Sequence[str | None], prefer: str | None) -> int:
    """Which session to lend, given the mailbox each has selected, longest rested first; there is at least one.

    The one with `prefer` selected saves a SELECT, one with nothing selected takes nothing from another borrower.
    """
    if prefer is not None and prefer in resting:
        return resting.index(prefer)
    return resting.index(None) if None in resting else 0


class _Shared(Generic[S]):
    """A session lent to readers, who hold one slot together."""

    def __init__(self, session: S) -> None:
        self.session = session
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
        self.granted: asyncio.Future[_Shared[S] | None] = asyncio.get_running_loop().create_future()
        """None stands for a slot."""


class Pool(Generic[S]):
    """At most `size` sessions made by `connect`; the first one alone, so that a wrong password is sent once."""

    def __init__(self, connect: Callable[[], Awaitable[S]], size: int, patience: Patience | None = None) -> None:
        if size < 1:
            raise ValueError("a pool needs room for at least one session")
        self._connect = connect
        self.patience = patience or Patience()
        """The pauses that all its sessions keep."""
        self._free = size
        """Slots that nobody holds."""
        self._waiting: deque[_Waiter[S]] = deque()
        self._resting: list[S] = []
        self._shared: list[_Shared[S]] = []
        self._open: set[S] = set()
        self._first = asyncio.Lock()
        self._failures = 0
        self._failure: Exception | None = None
        self._closed = False
        self.size = size
        """How many sessions are allowed; shrinks when the server refuses one more."""
        self.opened = 0
        """Sessions opened so far."""
        self.most_open = 0
        """The most that were open at one time."""

    @property
    def open_now(self) -> int:
        """Sessions open, lent and resting."""
        return len(self._open)

    @property
    def width(self) -> int:
        """How many readers it serves at once, as far as is known of the server."""
        return self.size * max((session.depth for session in self._open), default=1)

    @asynccontextmanager
    async def session(self, prefer: str | None = None) -> AsyncIterator[S]:
        """Lend a session for the length of the block, by preference one that has the mailbox `prefer` selected.

        A session that is lost, or left with commands unanswered, is dropped afterwards. Raises what `connect`
        raises; `ConnectionLost` when the pool is closed.
        """
        session = await self._borrow(prefer)
        try:
            yield session
        except ConnectionLost:
            self._drop(session)
            raise
        finally:
            self._take_back(session)

    @asynccontextmanager
    async def reading(self, prefer: str | None = None, *, much: bool = False) -> AsyncIterator[S]:
        """Lend a session that other readers may use at the same time, as many as its `depth` allows.

        Who expects `much` joins others only when no further connection may be opened. What one of them selects holds
        for all that is sent next: each sends its own SELECT and its questions without an `await` in between. A session
        that one of them finds lost is lost for all. Raises as `session`.
        """
        shared = await self._join(prefer, much=much)
        try:
            yield shared.session
        except ConnectionLost:
            self._drop(shared.session)
            raise
        finally:
            self._leave(shared)

    async def close(self) -> None:
        """Log out of all resting sessions at once; those still lent are dropped when they come back."""
        self._closed = True
        resting, self._resting = self._resting, []
        try:
            async with asyncio.TaskGroup() as group:
                for session in resting:
                    group.create_task(session.logout())
        finally:
            for session in resting:
                self._drop(session)

    # Slots

    async def _granted(self, prefer: str | None, *, reads: bool, much: bool = False) -> _Shared[S] | None:
        """Wait for a slot (None), or for a place in a session that is read from; either is taken when this returns."""
        waiter: _Waiter[S] = _Waiter(prefer, reads=reads, much=much)
        self._waiting.append(waiter)
        self._grant()
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.cancelled():
                self._grant()
            elif (shared := waiter.granted.result()) is not None:
                self._leave(shared)
            else:
                self._free_slot()
            raise

    def _grant(self) -> None:
        """Serve those who wait, in the order of their coming, for as long as there is something to give."""
        while self._waiting:
            waiter = self._waiting[0]
            if not waiter.granted.cancelled():
                alone = not waiter.reads or (self._free and (waiter.much or self._resting))
                shared = None if alone else self._room(waiter.prefer)
                if shared is not None:
                    shared.readers += 1
                elif self._free:
                    self._free -= 1
                else:
                    return
                waiter.granted.set_result(shared)
            self._waiting.popleft()

    def _room(self, prefer: str | None) -> _Shared[S] | None:
        """The best session for one more reader, if there is any."""
        with_room = [shared for shared in self._shared if shared.has_room and not self._closed]
        return min(with_room, key=lambda shared: shared.distance(prefer), default=None)

    def _free_slot(self) -> None:
        self._free += 1
        self._grant()

    # Lending

    async def _join(self, prefer: str | None, *, much: bool) -> _Shared[S]:
        """A session to read from, with one place in it taken."""
        while True:
            shared = await self._granted(prefer, reads=True, much=much)
            if shared is None and (session := await self._with_slot(prefer)) is not None:
                shared = _Shared(session)
                self._shared.append(shared)
                self._grant()
            if shared is not None and shared.session.alive:
                return shared
            if shared is not None:
                self._leave(shared)  # it was lost between the grant and now

    def _leave(self, shared: _Shared[S]) -> None:
        """Give a place back; the last reader gives the session back, and the slot."""
        shared.readers -= 1
        if shared.readers:
            self._grant()
        else:
            self._shared.remove(shared)
            self._take_back(shared.session)

    async def _borrow(self, prefer: str | None) -> S:
        """Take a slot, and with it a session; the slot stays taken when this returns and only then."""
        while True:
            await self._granted(prefer, reads=False)
            if (session := await self._with_slot(prefer)) is not None:
                return session

    async def _with_slot(self, prefer: str | None) -> S | None:
        """Find or open a session for the slot that was taken; without one the slot is no longer taken.

        None when the server refuses one more connection: in words, or by ending it while we sign in, so that the
        words are lost with what we were still sending.
        """
        try:
            return self._rested(prefer) or await self._first_or_further(prefer)
        except (TooManyConnections, ServerUnreachable) as error:
            if not any(session.alive or isinstance(error, TooManyConnections) for session in self._open):
                self._free_slot()
                raise
            # The slot is kept for ever: the server allows one session less than we thought. Another slot is
            # left, the one that the open session came with.
            self.size -= 1
            return None
        except BaseException:
            self._free_slot()
            raise

    def _rested(self, prefer: str | None) -> S | None:
        """A resting session that still lives, if there is one."""
        for session in [s for s in self._resting if not s.alive]:
            self._resting.remove(session)
            self._drop(session)
        if not self._resting:
            return None
        return self._resting.pop(choose([session.mailbox for session in self._resting], prefer))

    async def _first_or_further(self, prefer: str | None) -> S:
        """Open a session; while none is open, one attempt at a time, and those who waited share its failure."""
        if self._open:
            return await self._opened()
        failures = self._failures
        async with self._first:
            if not self._open:
                if self._failure is not None and self._failures > failures:
                    raise self._failure
                return await self._opened()
        return self._rested(prefer) or await self._opened()

    async def _opened(self) -> S:
        """Open a session. A refusal that only the user can mend is remembered and never provoked again."""
        if isinstance(self._failure, AccountError) and self._failure.retry is Retry.NEVER:
            raise self._failure
        self._require_open()
        await self.patience.before_connecting()
        try:
            session = await self._connect()
            _require_alive(session)
        except Exception as error:
            self._failures, self._failure = self._failures + 1, error
            raise
        self.opened += 1
        session.obey(self.patience)
        self._open.add(session)
        self.most_open = max(self.most_open, len(self._open))
        if self._closed:
            self._drop(session)
        self._require_open()
        return session

    def _require_open(self) -> None:
        if self._closed:
            raise ConnectionLost("the connections to this server are being closed")

    def _take_back(self, session: S) -> None:
        """Let a session rest if it can be lent again, and free its slot."""
        if session in self._open:
            if session.alive and not session.busy and not self._closed:
                self._resting.append(session)
            else:
                self._drop(session)
        if session.is_one_too_many and self._open:
            self.size -= 1  # the slot is kept for ever, as when the server refuses one more
        else:
            self._free_slot()

    def _drop(self, session: S) -> None:
        """Forget a session and cut its connection; nothing happens to one that is dropped already."""
        if session in self._open:
            self._open.discard(session)
            session.abort()


def _require_alive(session: Poolable) -> None:
    """A session that ends with the sign-in is one that could not be opened; to open the next at once has no end."""
    if session.alive:
        return
    session.abort()
    text = "the server ended the connection right after the sign-in"
    raise TooManyConnections(text) if session.is_one_too_many else ServerUnreachable(text)
