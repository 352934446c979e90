"""A bounded number of sessions to one server, lent out and taken back.

A borrower holds a *slot* for as long as its `async with` block runs, and only the holder of a slot takes a resting
session or opens a new one. A session rests only when the slot it came with is free again, so the sessions open,
resting and being opened never exceed the slots: the bound needs no other bookkeeping, whatever is cancelled when.

Readers may share a session, and hold one slot together. A reader takes a resting session for itself if there is one,
else joins a session that has room, and only when all are full opens another: to connect and sign in takes three round
trips, to join none. Who expects much opens one rather than join, since the two then bring more than one does.

In a run that goes on, sessions rest for long: `keep_alive` keeps them from being forgotten on the way, `probe` finds
out which the network lost, `cut` takes all of them for lost, and `release` leaves the server until the next cycle,
which `renew` begins.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from postboat.errors import AccountError, CommandFailed, ConnectionLost, PostboatError, Retry, ServerUnreachable
from postboat.imap.auth import TooManyConnections
from postboat.imap.dials import Dials
from postboat.imap.patience import Patience
from postboat.imap.poolable import Poolable
from postboat.imap.slots import Shared, Slot, Slots
from postboat.imap.watchdog import PROMPT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Sequence

LONG = 30.0
"""Seconds of rest after which a session may be lost without our knowing."""
AFRESH = 60.0
"""Seconds for which a server that refused one session more is believed."""


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

    def __init__(self, connect: Callable[[], Awaitable[S]], size: int, patience: Patience | None = None) -> None:
        if size < 1:
            raise ValueError("a pool needs room for at least one session")
        self._dials = Dials(connect)
        self.patience = patience or Patience()
        """The pauses that all its sessions keep."""
        self.called = ""
        """What stands before what is said of a folder's failure, such as "New: "; nothing where there is one server."""
        self._slots: Slots[S] = Slots(size, lambda: bool(self._resting), self._unclaimed)
        self._resting: dict[S, float] = {}
        """With the time since when each rests, the longest first."""
        self._rests = asyncio.Event()
        self._open: dict[S, None] = {}
        """In the order in which they were opened."""
        self._closed_octets = 0, 0
        self._first = asyncio.Lock()
        self._failures = 0
        self._failure: Exception | None = None
        self._refused_at = -AFRESH
        self._closed = False
        self.opened = 0
        """Sessions opened so far."""
        self.most_open = 0
        """The most that were open at one time."""

    @property
    def size(self) -> int:
        """How many sessions are allowed; shrinks when the server refuses one more."""
        return self._slots.size

    @property
    def open_now(self) -> int:
        """Sessions open, lent and resting."""
        return len(self._open)

    @property
    def sessions(self) -> tuple[S, ...]:
        """Sessions open, in the order in which they were opened."""
        return tuple(self._open)

    @property
    def dialling(self) -> int:
        """How many are being opened."""
        return len(self._dials)

    @property
    def octets(self) -> tuple[int, int]:
        """Octets received and sent by all sessions so far."""
        received, sent = zip(self._closed_octets, *(session.octets for session in self._open), strict=True)
        return sum(received), sum(sent)

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
        session, slot = await self._borrow(prefer)
        try:
            yield session
        except ConnectionLost:
            self._lose(session)
            raise
        finally:
            self._take_back(session, slot)

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
            self._lose(shared.session)
            raise
        finally:
            self._leave(shared)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[tuple[S, asyncio.Event]]:
        """Lend a session for long, once nobody waits for one; of two or more, the last is never lent so.

        The event is set when somebody needs a session and watchers hold all: then the block should end soon. Raises as
        `session`.
        """
        session, slot, wanted = await self._post()
        try:
            yield session, wanted
        except ConnectionLost:
            self._lose(session)
            raise
        finally:
            self._take_back(session, slot)

    async def quiet(self, seconds: float) -> None:
        """Wait until nobody but watchers used a session for so long."""
        await self._slots.quiet(seconds)

    async def close(self) -> None:
        """Log out of all resting sessions at once; those still lent are dropped when they come back."""
        self._closed = self._slots.closed = True
        await self.release()

    # Between the cycles of a run that goes on

    def renew(self) -> None:
        """Begin a new cycle: what was refused in earlier ones may be granted in this one.

        That is a sign-in, time to wait for the server, and one session more unless one was refused a minute ago.
        """
        self._failure = None
        self.patience.renew()
        if asyncio.get_running_loop().time() - self._refused_at >= AFRESH:
            self._slots.restore()

    async def release(self) -> None:
        """Log out of all resting sessions at once; others may be opened meanwhile where there is room for them."""
        await self._with_each(self._resting, self._dismiss)

    def has_any_from(self, addresses: Collection[str]) -> bool:
        """Whether a session runs from one of these addresses of this machine."""
        return any(session.local_address in addresses for session in self._open)

    def cut(self, why: str) -> None:
        """Take all connections for lost, also those in use or being made: who uses one gets `ConnectionLost`."""
        self._resting.clear()
        for session in list(self._open):
            self._drop(session, why)
        self._dials.cut()

    async def keep_alive(self, every: float) -> None:
        """Make the server say something to each session that rested for so many seconds; until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            self._rests.clear()
            due = min(self._resting.values(), default=None)
            if due is None:
                await self._rests.wait()
                continue
            await asyncio.sleep(due + every - clock())
            latest = clock() - every
            await self._with_each([s for s, since in self._resting.items() if since <= latest], self._prove)

    async def probe(self) -> None:
        """Find out at once which sessions the network lost; a few seconds later none of them is left."""
        self._doubt_those_in_use()
        await self._with_each(self._resting, self._prove)

    async def _with_each(self, resting: Iterable[S], work: Callable[[S], Coroutine[None, None, None]]) -> None:
        """Do something with sessions that nobody may borrow meanwhile, with all at once."""
        taken = {session: self._slots.seize() for session in resting}
        for session in taken:
            del self._resting[session]

        async def one(session: S) -> None:
            try:
                await work(session)
            finally:
                self._take_back(session, taken.pop(session))

        try:
            async with asyncio.TaskGroup() as group:
                for session in list(taken):
                    group.create_task(one(session))
        finally:
            for session, slot in taken.items():  # whose task was cancelled before it began
                self._take_back(session, slot)

    async def _prove(self, session: S) -> None:
        """Drop a session unless its server answers; while we keep a pause, it cannot be asked."""
        if self.patience.pausing:
            return
        try:
            async with asyncio.timeout(PROMPT):
                await session.noop()
        except CommandFailed:
            pass  # it lives
        except (PostboatError, OSError, TimeoutError):
            self._drop(session)

    async def _dismiss(self, session: S) -> None:
        try:
            await session.logout()
        finally:
            self._drop(session)

    # Lending

    async def _join(self, prefer: str | None, *, much: bool) -> Shared[S]:
        """A session to read from, with one place in it taken."""
        while True:
            given = await self._slots.take(prefer, reads=True, much=much)
            if isinstance(given, Slot):
                session = await self._with_slot(prefer, given)
                if session is None:
                    continue
                given = self._slots.share(session, given)
            if given.session.alive:
                return given
            self._leave(given)  # it was lost between the grant and now

    def _leave(self, shared: Shared[S]) -> None:
        """Give a place back; the last reader gives the session back, and the slot."""
        if self._slots.leave(shared):
            self._take_back(shared.session, shared.slot)

    def _unclaimed(self, given: Slot | Shared[S]) -> None:
        if isinstance(given, Slot):
            self._slots.give_back(given)
        else:
            self._leave(given)

    async def _borrow(self, prefer: str | None) -> tuple[S, Slot]:
        """Take a slot, and with it a session; the slot stays taken when this returns and only then."""
        while True:
            slot = await self._slots.take(prefer, reads=False)
            assert isinstance(slot, Slot), "only readers share"
            if (session := await self._with_slot(prefer, slot)) is not None:
                return session, slot

    async def _post(self) -> tuple[S, Slot, asyncio.Event]:
        """As `_borrow`, for a watcher."""
        while True:
            slot = await self._slots.watch()
            assert slot.wanted is not None, "it is a watcher's"
            if (session := await self._with_slot(None, slot)) is not None:
                return session, slot, slot.wanted

    async def _with_slot(self, prefer: str | None, slot: Slot) -> S | None:
        """Find or open a session for the slot that was taken; without one the slot is no longer taken.

        None when the server refuses one more connection: in words, or by ending it while we sign in, so that the
        words are lost with what we were still sending.
        """
        try:
            return self._rested(prefer) or await self._first_or_further(prefer)
        except (TooManyConnections, ServerUnreachable) as error:
            if not any(session.alive or isinstance(error, TooManyConnections) for session in self._open):
                self._slots.give_back(slot)
                raise
            # Another slot is left, the one that the open session came with.
            self._do_without(slot)
            return None
        except BaseException:
            self._slots.give_back(slot)
            raise

    def _do_without(self, slot: Slot) -> None:
        self._refused_at = asyncio.get_running_loop().time()
        self._slots.lose(slot)

    def _rested(self, prefer: str | None) -> S | None:
        """A resting session that still lives as far as we know, if there is one."""
        for session in [s for s in self._resting if not s.alive]:
            del self._resting[session]
            self._drop(session)
        if not self._resting:
            return None
        resting = list(self._resting)
        session = resting[choose([each.mailbox for each in resting], prefer)]
        since = self._resting.pop(session)
        if asyncio.get_running_loop().time() - since > LONG:
            session.doubt(PROMPT)
        return session

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
            session = await self._dials.session()
        except Exception as error:
            self._failures, self._failure = self._failures + 1, error
            raise
        self.opened += 1
        session.obey(self.patience)
        self._open[session] = None
        self.most_open = max(self.most_open, len(self._open))
        if self._closed:
            self._drop(session)
        self._require_open()
        return session

    def _require_open(self) -> None:
        if self._closed:
            raise ConnectionLost("the connections to this server are being closed")

    def _take_back(self, session: S, slot: Slot) -> None:
        """Let a session rest if it can be lent again, and free its slot."""
        if session in self._open:
            if session.alive and not session.busy and not self._closed:
                self._resting[session] = asyncio.get_running_loop().time()
                self._rests.set()
            else:
                self._drop(session)
        if session.is_one_too_many and self._open:
            self._do_without(slot)
        else:
            self._slots.give_back(slot)

    def _lose(self, session: S) -> None:
        """Forget a session that was lost. What killed it may have killed all, and who watches would wait in silence."""
        if session in self._open:
            self._drop(session)
            self._doubt_those_in_use()

    def _doubt_those_in_use(self) -> None:
        for session in self._open.keys() - self._resting.keys():
            session.doubt(PROMPT)

    def _drop(self, session: S, why: str = "the connection was cut") -> None:
        """Forget a session and cut its connection; nothing happens to one that is dropped already."""
        if session in self._open:
            self._closed_octets = self._closed_octets[0] + session.octets[0], self._closed_octets[1] + session.octets[1]
            del self._open[session]
            session.abort(why)
