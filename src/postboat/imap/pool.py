"""A bounded number of sessions to one server, lent out and taken back.

A borrower holds a *slot* for as long as its `async with` block runs, and only the holder of a slot takes a resting
session or opens a new one. A session rests only when the slot it came with is free again, so the sessions open,
resting and being opened never exceed the slots: the bound needs no other bookkeeping, whatever is cancelled when.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from postboat.errors import AccountError, ConnectionLost, Retry
from postboat.imap.auth import TooManyConnections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence


class _Selected(Protocol):
    """What the pool wants to know of a session's selected mailbox."""

    @property
    def name(self) -> str: ...


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
    def selected(self) -> _Selected | None:
        """The selected mailbox."""
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


class Pool(Generic[S]):
    """At most `size` sessions made by `connect`; the first one alone, so that a wrong password is sent once."""

    def __init__(self, connect: Callable[[], Awaitable[S]], size: int) -> None:
        if size < 1:
            raise ValueError("a pool needs room for at least one session")
        self._connect = connect
        self._slots = asyncio.Semaphore(size)
        self._resting: list[S] = []
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

    async def _borrow(self, prefer: str | None) -> S:
        """Take a slot, and with it a session; the slot stays taken when this returns and only then."""
        while True:
            await self._slots.acquire()
            try:
                return self._rested(prefer) or await self._first_or_further(prefer)
            except TooManyConnections:
                if not self._open:
                    self._slots.release()
                    raise
                # The slot is kept for ever: the server allows one session less than we thought. Another slot is
                # left, the one that the open session came with.
                self.size -= 1
            except BaseException:
                self._slots.release()
                raise

    def _rested(self, prefer: str | None) -> S | None:
        """A resting session that still lives, if there is one."""
        for session in [s for s in self._resting if not s.alive]:
            self._resting.remove(session)
            self._drop(session)
        if not self._resting:
            return None
        names = [s.selected.name if s.selected else None for s in self._resting]
        return self._resting.pop(choose(names, prefer))

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
        try:
            session = await self._connect()
        except Exception as error:
            self._failures, self._failure = self._failures + 1, error
            raise
        self.opened += 1
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
        self._slots.release()

    def _drop(self, session: S) -> None:
        """Forget a session and cut its connection; nothing happens to one that is dropped already."""
        if session in self._open:
            self._open.discard(session)
            session.abort()
