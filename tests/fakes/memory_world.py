"""Two replicas in memory and a real ledger: one folder pair, and the promises that must hold for it after a sync."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.fakes.memory_ledger import FusedLedger
from tests.fakes.memory_replica import MAILDIR_HOLDS, SERVER_HOLDS, Fuse, MemoryReplica, Naming, never

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


Kinds = tuple[Naming, Naming]
"""How the remote and the local side name messages: "uid" for a server, "name" for Maildirs."""
SERVER_AND_MAILDIR: Kinds = ("uid", "name")
TWO_SERVERS: Kinds = ("uid", "uid")
TWO_MAILDIRS: Kinds = ("name", "name")
ALL_KINDS = (SERVER_AND_MAILDIR, TWO_SERVERS, TWO_MAILDIRS)


def shore(name: str, naming: Naming, **traits: object) -> MemoryReplica:
    """A server's mailbox or a Maildir folder."""
    holds, identity = (SERVER_HOLDS, "1") if naming == "uid" else (MAILDIR_HOLDS, "id")
    return MemoryReplica(name, naming=naming, holds=holds, identity=identity, whole=200, **traits)  # type: ignore[arg-type]


def seen_alike(remote: MemoryReplica, local: MemoryReplica) -> tuple[Counter, Counter]:
    """What both hold, with the flags that both can: equal when they are in step."""
    masked = [
        Counter((wire, a.holds.mask(flags)) for wire, flags in b.contents())
        for a, b in ((local, remote), (remote, local))
    ]
    return masked[0], masked[1]


def message(number: int, body: str = "hello") -> bytes:
    """A small message in wire form; equal numbers and bodies make identical copies."""
    return f"Message-ID: <{number}@example.org>\r\nSubject: {number}\r\n\r\n{body}\r\n".encode()


class MemoryWorld:
    """Two replicas in memory: a server's mailbox and a Maildir folder, unless told otherwise."""

    def __init__(
        self,
        ledger: AccountLedger,
        policy: Policy = Policy(),
        *,
        width: int = 2,
        kinds: Kinds = SERVER_AND_MAILDIR,
    ) -> None:
        self.ledger, self.policy, self.width = ledger, policy, width
        self.remote, self.local = shore("remote", kinds[0]), shore("local", kinds[1])
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
        remote, local = seen_alike(self.remote, self.local)
        assert remote == local

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
