"""The ledger as the loop sees it. One thread owns the file; every call is one hop to it and one transaction.

Work once handed over is always done, also when the task that waits for it is cancelled: what took place is written
down, and a transaction never stays half way.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from postboat.ledger.database import Database
from postboat.ledger.rows import FolderRow, KnownFolder, PairOfFolders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from postboat.model import Flags, FolderName, Intent, Key, Pairing, Side

P = ParamSpec("P")
T = TypeVar("T")


class AccountLedger:
    """All that one account's sides last agreed on. Raises `LedgerUnusable` wherever the file cannot be used."""

    def __init__(self, database: Database) -> None:
        """Made by `open`."""
        self._database = database
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._closed = False

    @classmethod
    async def open(cls, path: Path | None, *, account: str, fsync: bool = True, dry_run: bool = False) -> AccountLedger:
        """Open the account's file, made when there is none; `path` None keeps all in memory (tests).

        With `dry_run` everything happens on a copy in memory, and nothing is made or changed on disk.
        """
        ledger = cls(Database(path, account=account, fsync=fsync, copy=dry_run))
        try:
            await ledger.run(ledger._database.open)
        except BaseException:
            ledger._thread.submit(ledger._database.close)
            ledger._thread.shutdown(wait=False)
            raise
        return ledger

    async def close(self) -> None:
        """Finish what was handed over, then close the file. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await self.run(self._database.close)
        finally:
            self._thread.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def known(self) -> list[KnownFolder]:
        """Every pair of folders that was synced before, oldest first."""
        return await self.run(self._database.known)

    async def remembered(self) -> str | None:
        """What `remember` was last given; None before."""
        return await self.run(self._database.remembered)

    async def remember(self, text: str) -> None:
        """Keep what is known about the server, in words that only `imap` reads, in the place of what was kept."""
        await self.run(self._database.remember, text)

    async def layout(self, present: str) -> str:
        """How the local folders were laid out so far; `present` when nothing was synced yet, and remembered then."""
        return await self.run(self._database.layout, present)

    def folder(self, remote: FolderName, local: FolderName) -> FolderLedger:
        """The ledger of one pair of folders; nothing is written until there is something to write."""
        return FolderLedger(self, self._database, PairOfFolders(remote, local))

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the ledger's thread do `work` after all that was handed over before."""
        call = partial(work, *args, **kwargs)
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, call))


class FolderLedger:
    """What both sides of one folder last agreed on (`sync.ports.FolderLedger`)."""

    def __init__(self, ledger: AccountLedger, database: Database, pair: PairOfFolders) -> None:
        """Made by `AccountLedger.folder`."""
        self._run, self._database, self._pair = ledger.run, database, pair
        self.row = FolderRow()
        """What was last read or written of the folder itself; nothing before `open`."""

    def agreed(self, side: Side) -> AgreedView:
        """The view of one side."""
        return AgreedView(self, side)

    async def open(self, validity: Mapping[Side, str]) -> bool:
        """Compare validities with the recorded ones, as `sync.ports.FolderLedger.open` says."""
        return await self._run(self._open, dict(validity))

    async def start_over(self) -> None:
        """Drop all that was agreed on, keeping the validities (`sync.ports.FolderLedger.start_over`)."""
        self.row = await self._run(self._database.start_over, self._pair)

    async def count(self) -> int:
        """How many pairings there are."""
        return await self._run(self._database.count, self._pair)

    async def flags(self, side: Side) -> Mapping[Key, Flags]:
        """Agreed flags of every pairing by the key of `side`."""
        return await self._run(self._database.flags, self._pair, side)

    async def flags_of(self, side: Side, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of the pairings that `side` calls `keys`."""
        return {key: pairing.flags for key, pairing in (await self.pairings(side, keys)).items()}

    async def marks(self, side: Side, keys: Collection[Key]) -> Mapping[Key, str]:
        """Marks of the pairings that `side` calls `keys`."""
        return await self._run(self._database.marks, self._pair, side, list(keys)) if keys else {}

    async def pairings(self, side: Side, keys: Collection[Key]) -> Mapping[Key, Pairing]:
        """The pairings of messages that `side` calls `keys`."""
        return await self._run(self._database.pairings, self._pair, side, list(keys)) if keys else {}

    async def intents(self) -> Sequence[Intent]:
        """Copies begun and not recorded, in the order in which they were intended."""
        return await self._run(self._database.intents, self._pair)

    async def intend(self, intents: Sequence[Intent]) -> None:
        """Write down copies that are about to be made."""
        if intents:
            await self._run(self._database.intend, self._pair, list(intents))

    async def record(
        self,
        *,
        pairings: Sequence[Pairing] = (),
        forget: Sequence[Pairing] = (),
        settled: Sequence[Intent] = (),
    ) -> None:
        """In one transaction: forget, then write pairings in the place of those with a same key, then drop intents."""
        if pairings or forget or settled:
            await self._run(self._database.record, self._pair, list(pairings), list(forget), list(settled))

    async def save_checkpoints(self, checkpoints: Mapping[Side, str | None]) -> None:
        """Remember how the next look can be cheap; what is remembered already costs nothing."""
        known = self.row.id is not None
        if not known or any(self.row.checkpoint(side) != checkpoint for side, checkpoint in checkpoints.items()):
            await self._run(self._save, dict(checkpoints))

    def _open(self, validity: Mapping[Side, str]) -> bool:
        same, self.row = self._database.open_folder(self._pair, validity)
        return same

    def _save(self, checkpoints: Mapping[Side, str | None]) -> None:
        self.row = self._database.save_checkpoints(self._pair, checkpoints)


class AgreedView:
    """One side's view of a folder's ledger (`sync.ports.Agreed`)."""

    def __init__(self, folder: FolderLedger, side: Side) -> None:
        """Made by `FolderLedger.agreed`."""
        self._folder, self._side = folder, side

    @property
    def validity(self) -> str | None:
        """The recorded validity; known once the folder's ledger is open."""
        return self._folder.row.validity(self._side)

    @property
    def checkpoint(self) -> str | None:
        """The recorded checkpoint; known once the folder's ledger is open."""
        return self._folder.row.checkpoint(self._side)

    async def count(self) -> int:
        """How many pairings there are."""
        return await self._folder.count()

    async def flags(self) -> Mapping[Key, Flags]:
        """Agreed flags of every paired message, by this side's key."""
        return await self._folder.flags(self._side)

    async def flags_of(self, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of the paired messages in `keys`."""
        return await self._folder.flags_of(self._side, keys)

    async def marks(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Marks of the paired messages in `keys`."""
        return await self._folder.marks(self._side, keys)
