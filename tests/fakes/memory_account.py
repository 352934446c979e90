"""Several folders of one account in memory, over a real ledger: for what happens between folders."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.fakes.memory_ledger import FusedLedger
from tests.fakes.memory_replica import MemoryReplica, never
from tests.fakes.memory_world import SERVER_AND_MAILDIR, Kinds, seen_alike, shore

from postboat.model import FolderName, Policy, Side
from postboat.sync.all_folders import show_all, sync_all
from postboat.sync.folder_pair import FolderPair
from postboat.sync.folder_run import FolderRun
from postboat.sync.folder_tree import FolderTask
from postboat.sync.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.events import Event, FolderCreated
    from postboat.ledger.ledger import AccountLedger
    from postboat.model import Limits, Suspicion


class MemoryAccount:
    """A server with a few mailboxes and as many Maildir folders, or two shores of one kind."""

    def __init__(
        self, ledger: AccountLedger, *names: str, policy: Policy = Policy(), kinds: Kinds = SERVER_AND_MAILDIR
    ) -> None:
        self.ledger, self.policy, self.kinds = ledger, policy, kinds
        self.limits: Limits | None = None
        self.exempt: set[str] = set()
        self.doubts: dict[Side, frozenset[Suspicion]] = {}
        self.retry = False
        self.events: list[Event] = []
        self.folders: dict[str, dict[Side, MemoryReplica]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Another folder, on both sides. No two folders give out the same names."""
        first = 1 + 100 * len(self.folders)
        self.folders[name] = {
            Side.REMOTE: shore(f"{name}@server", self.kinds[0], first=first),
            Side.LOCAL: shore(f"{name}@disk", self.kinds[1], first=first),
        }

    def side(self, name: str, side: Side) -> MemoryReplica:
        return self.folders[name][side]

    def move(self, side: Side, source: str, target: str, key: str, *, copied: bool = False) -> str:
        """The user moves a message; `copied`: by a program that writes a new file and removes the old one."""
        origin, goal = self.side(source, side), self.side(target, side)
        held = origin.messages[key]
        origin.remove(key)
        return goal._add(held.wire, held.flags, held.date, goal._name(), "" if copied else held.mark)

    async def sync(self, fuse: Callable[[str], None] = never) -> None:
        self.events.clear()
        await sync_all(*self._runs(fuse), Guard(self.limits), width=2)

    async def show(self) -> None:
        self.events.clear()
        await show_all(*self._runs(never), Guard(self.limits), width=2)

    def _runs(self, fuse: Callable[[str], None]) -> tuple[list[FolderRun], list[FolderRun]]:
        known, fresh = [], []
        for name, sides in self.folders.items():
            task = FolderTask(FolderName((name,)), FolderName((name,)))
            run = FolderRun("test", name, task, self._maker(name, fuse), _nothing_to_create, self.events.append)
            (known if sides[Side.REMOTE].commands["read"] or sides[Side.LOCAL].commands["read"] else fresh).append(run)
        return known, fresh

    def _maker(self, name: str, fuse: Callable[[str], None]) -> Callable[[FolderTask, bool], FolderPair]:
        def make(task: FolderTask, again: bool) -> FolderPair:
            remote, local = (self.side(name, side) for side in (Side.REMOTE, Side.LOCAL))
            remote.fuse = local.fuse = fuse
            ledger = FusedLedger(self.ledger, task.remote, task.local, fuse=fuse)
            may = {"exempt": name in self.exempt, "doubts": self.doubts, "retry": self.retry}
            return FolderPair("test", name, remote, local, ledger, self.policy, 2, again=again, **may)

        return make

    @property
    def transfers(self) -> int:
        """How many bodies were read and stored so far, in all folders on both sides."""
        return sum(replica.commands["store"] for sides in self.folders.values() for replica in sides.values())

    def bodies(self, side: Side) -> Counter[tuple[str, bytes]]:
        """What lies where."""
        return Counter(
            (name, held.wire) for name, sides in self.folders.items() for held in sides[side].messages.values()
        )

    def assert_in_step(self) -> None:
        for name, sides in self.folders.items():
            remote, local = sides[Side.REMOTE], sides[Side.LOCAL]
            there, here = seen_alike(remote, local)
            assert there == here, name

    @property
    def mutations(self) -> int:
        return sum(replica.mutations for sides in self.folders.values() for replica in sides.values())

    async def assert_at_rest(self) -> None:
        """A second run sends nothing that may change anything."""
        before = self.mutations
        await self.sync()
        assert self.mutations == before


async def _nothing_to_create(task: FolderTask) -> FolderCreated:
    raise AssertionError(f"{task} is there")
