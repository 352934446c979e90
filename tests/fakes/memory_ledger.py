"""The real ledger in memory, with a fuse at each of its commits."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.fakes.memory_replica import never

from postboat.ledger.ledger import AccountLedger, FolderLedger
from postboat.model import FolderName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from postboat.model import Aside, Held, Intent, Pairing, Side

ARCHIVE = FolderName(("Archive",))


@asynccontextmanager
async def memory_ledger(account: str = "test") -> AsyncIterator[AccountLedger]:
    """An empty ledger that lives as long as the block; `ledger.folder(…)` again is what the next run would open."""
    async with await AccountLedger.open(None, account=account) as ledger:
        yield ledger


class FusedLedger(FolderLedger):
    """A folder's ledger that calls `fuse` before and after every commit ("before record", "after record" …)."""

    def __init__(
        self,
        ledger: AccountLedger,
        remote: FolderName = ARCHIVE,
        local: FolderName = ARCHIVE,
        *,
        fuse: Callable[[str], None] = never,
    ) -> None:
        made = ledger.folder(remote, local)
        self._run, self._tables, self._pair, self.row = made._run, made._tables, made._pair, made.row
        self.fuse = fuse

    async def open(self, validity: Mapping[Side, str]) -> bool:
        self.fuse("before open")
        same = await super().open(validity)
        self.fuse("after open")
        return same

    async def intend(self, intents: Sequence[Intent]) -> None:
        self.fuse("before intend")
        await super().intend(intents)
        self.fuse("after intend")

    async def record(
        self,
        *,
        pairings: Sequence[Pairing] = (),
        forget: Sequence[Pairing] = (),
        settled: Sequence[Intent] = (),
    ) -> None:
        self.fuse("before record")
        await super().record(pairings=pairings, forget=forget, settled=settled)
        self.fuse("after record")

    async def save_checkpoints(self, checkpoints: Mapping[Side, str | None]) -> None:
        self.fuse("before save_checkpoints")
        await super().save_checkpoints(checkpoints)
        self.fuse("after save_checkpoints")

    async def hold(self, on: Side, held: Held | None) -> None:
        self.fuse("before hold")
        await super().hold(on, held)
        self.fuse("after hold")

    async def put_aside(self, asides: Sequence[Aside], taken_back: Sequence[Aside] = ()) -> None:
        if asides or taken_back:
            self.fuse("before put_aside")
        await super().put_aside(asides, taken_back)
        if asides or taken_back:
            self.fuse("after put_aside")
