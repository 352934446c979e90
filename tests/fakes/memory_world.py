"""Two replicas in memory and a real ledger: one folder pair, and the promises that must hold for it after a sync."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.fakes.memory_ledger import FusedLedger
from tests.fakes.memory_replica import SERVER_HOLDS, Fuse, MemoryReplica, never

from postboat.model import NO_FLAGS, Policy, Side
from postboat.sync.folder_pair import FolderPair, look, plan, settle
from postboat.sync.guard import Guard
from postboat.sync.observe import observe
from postboat.sync.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postboat.events import Counts, Event
    from postboat.ledger.ledger import AccountLedger
    from postboat.model import Limits


def message(number: int, body: str = "hello") -> bytes:
    """A small message in wire form; equal numbers and bodies make identical copies."""
    return f"Message-ID: <{number}@example.org>\r\nSubject: {number}\r\n\r\n{body}\r\n".encode()


class MemoryWorld:
    """A server's mailbox and a Maildir folder, both in memory."""

    def __init__(self, ledger: AccountLedger, policy: Policy = Policy(), *, width: int = 2) -> None:
        self.ledger, self.policy, self.width = ledger, policy, width
        self.remote = MemoryReplica("remote", naming="uid", holds=SERVER_HOLDS, whole=200)
        self.local = MemoryReplica("local", naming="name", identity="id", whole=200)
        self.events: list[Event] = []
        self.now = 1_000_000.0
        """What its clock tells, in seconds since the epoch."""
        self.retry = False
        self.limits: Limits | None = None

    def side(self, side: Side) -> MemoryReplica:
        return self.remote if side is Side.REMOTE else self.local

    def pair(self, fuse: Callable[[str], None] = never) -> FolderPair:
        self.remote.fuse = self.local.fuse = fuse
        ledger = FusedLedger(self.ledger, fuse=fuse)
        return FolderPair(
            "test",
            "Archive",
            self.remote,
            self.local,
            ledger,
            self.policy,
            self.width,
            clock=lambda: self.now,
            retry=self.retry,
        )

    async def sync(self, fuse: Callable[[str], None] = never) -> Counts:
        self.events.clear()
        return await self.sync_pair(self.pair(fuse))

    async def sync_pair(self, pair: FolderPair) -> Counts:
        """One folder by itself, from the look to the record."""
        seen = await look(pair, self.events.append)
        (judged,) = Guard(self.limits).judge([await plan(pair, seen)])
        return await settle(pair, seen, judged, self.events.append)

    async def agree(self, *numbers: int, flags: Iterable[str] = NO_FLAGS) -> None:
        """Bring both sides to hold these messages, known to the ledger."""
        for number in numbers:
            self.remote.put(message(number), flags)
        await self.sync()

    def key(self, side: Side, number: int, body: str = "hello") -> str:
        replica = self.side(side)
        return next(key for key, held in replica.messages.items() if held.wire == message(number, body))

    def bodies(self, side: Side) -> Counter[bytes]:
        return Counter(held.wire for held in self.side(side).messages.values())

    def assert_in_step(self) -> None:
        masked = [(wire, self.local.holds.mask(flags)) for wire, flags in self.remote.contents()]
        key = lambda content: (content[0], sorted(content[1]))  # noqa: E731
        assert sorted(masked, key=key) == sorted(self.local.contents(), key=key)

    async def assert_at_rest(self) -> None:
        """A second run plans nothing and sends nothing that may change anything."""
        assert make_plan(await observe(self.pair()), self.policy).nothing
        before = self.remote.mutations + self.local.mutations
        await self.sync()
        assert self.remote.mutations + self.local.mutations == before


def dying_at(point: int) -> Fuse:
    """A fuse that kills the run at its `point`-th effect, look or commit."""
    return Fuse(point, error=lambda where: Died(where))


class Died(BaseException):
    """The process is gone: nothing may handle this."""
