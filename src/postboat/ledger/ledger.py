"""The ledger as the loop sees it. One thread owns the file; every call is one transaction in it.

What is asked for while the thread is busy shares one commit, and with it one wait for the disk. Work once handed over
is always done, also when the task that waits for it is cancelled: what took place is written down, and a transaction
never stays half way.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from postboat.ledger.database import Database
from postboat.ledger.rows import FolderRow, KnownFolder, PairOfFolders
from postboat.ledger.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from postboat.model import Aside, Flags, FolderName, Held, Intent, Key, Pairing, Side, Verdict

P = ParamSpec("P")
T = TypeVar("T")


class AccountLedger:
    """All that one account's sides last agreed on. Raises `LedgerUnusable` wherever the file cannot be used."""

    def __init__(self, database: Database) -> None:
        """Made by `open`."""
        self._database = database
        self._tables = Tables(database)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[Any]]] = []
        """Work and who waits for it, while the thread is busy with what came before."""
        self._busy = False
        self._closed = False

    @classmethod
    async def open(cls, path: Path | None, *, account: str, fsync: bool = True, dry_run: bool = False) -> AccountLedger:
        """Open the account's file, made when there is none; `path` None keeps all in memory (tests).

        With `dry_run` everything happens on a copy in memory, and nothing is made or changed on disk.
        """
        ledger = cls(Database(path, account=account, fsync=fsync, copy=dry_run))
        try:
            await ledger._alone(ledger._database.open)
        except BaseException:
            ledger._thread.submit(ledger._database.close)
            ledger._thread.shutdown(wait=False)
            raise
        return ledger

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of how the ledger was opened: that a damaged one was set aside."""
        return self._database.notes

    async def close(self) -> None:
        """Finish what was handed over, then close the file. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await self.run(_nothing)
            await self._alone(self._database.close)
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
        return await self.run(self._tables.known)

    async def remembered(self, side: Side) -> str | None:
        """What `remember` was last given; None before."""
        return await self.run(self._tables.remembered, side)

    async def remember(self, side: Side, text: str) -> None:
        """Keep what is known about a side's server, in words that only `imap` reads, in the place of what was kept."""
        await self.run(self._tables.remember, side, text)

    async def layout(self, side: Side, present: str) -> str:
        """How a side's folders were laid out so far; `present` when nothing was synced yet, and remembered then."""
        return await self.run(self._tables.layout, side, present)

    async def store_standing(self, side: Side, present: str) -> str:
        """Where a side's root stood when messages were last agreed on; `present` before, and remembered then."""
        return await self.run(self._tables.standing, side, present)

    async def stand(self, side: Side, present: str) -> None:
        """Remember where a side's root stands, in the place of what `store_standing` answered so far."""
        await self.run(self._tables.stand, side, present)

    async def holds(self) -> list[tuple[FolderName, FolderName, Held]]:
        """All deletions that are held, with their folders' remote and local names."""
        return [(*pair, held) for pair, held in await self.run(self._tables.holds)]

    async def decide(
        self, verdict: Verdict, remote: FolderName | None = None
    ) -> list[tuple[FolderName, FolderName, Held]]:
        """Write down what the user says of what is held in a remote folder, None: in all; return what it is on."""
        return [(*pair, held) for pair, held in await self.run(self._tables.decide, verdict, remote)]

    def folder(self, remote: FolderName, local: FolderName) -> FolderLedger:
        """The ledger of one pair of folders; nothing is written until there is something to write."""
        return FolderLedger(self, self._tables, PairOfFolders(remote, local))

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have the ledger's thread do `work`, one transaction, after all that was handed over before.

        What waits while the thread is busy is then done together, with one commit for all: nobody is told of it
        before it is durable.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((partial(work, *args, **kwargs), done))
        if not self._busy:
            self._go_on()
        return await done

    def _go_on(self) -> None:
        batch, self._waiting = self._waiting, []
        self._busy = bool(batch)
        if batch:
            works = [work for work, _ in batch]
            doing = asyncio.get_running_loop().run_in_executor(self._thread, self._database.together, works)
            doing.add_done_callback(partial(self._tell, [done for _, done in batch]))

    def _tell(self, waiting: Sequence[asyncio.Future[Any]], did: asyncio.Future[list[object]]) -> None:
        """Give everyone who still waits what came of his work, and take up what was handed over meanwhile."""
        failure = did.exception()
        for done, outcome in zip(waiting, [failure] * len(waiting) if failure else did.result(), strict=True):
            if done.done():
                continue
            if isinstance(outcome, BaseException):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)
        self._go_on()

    async def _alone(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))


class FolderLedger:
    """What both sides of one folder last agreed on (`sync.ports.FolderLedger`)."""

    def __init__(self, ledger: AccountLedger, tables: Tables, pair: PairOfFolders) -> None:
        """Made by `AccountLedger.folder`."""
        self._run, self._tables, self._pair = ledger.run, tables, pair
        self.row = FolderRow()
        """What was last read or written of the folder itself; nothing before `open`."""

    def agreed(self, side: Side) -> AgreedView:
        """The view of one side."""
        return AgreedView(self, side)

    async def open(self, validity: Mapping[Side, str]) -> bool:
        """Compare validities with the recorded ones, as `sync.ports.FolderLedger.open` says."""
        same, self.row = await self._run(self._tables.open_folder, self._pair, dict(validity))
        return same

    async def start_over(self) -> None:
        """Drop all that was agreed on, keeping the validities (`sync.ports.FolderLedger.start_over`)."""
        self.row = await self._run(self._tables.start_over, self._pair)

    async def count(self) -> int:
        """How many pairings there are."""
        return await self._run(self._tables.count, self._pair)

    async def flags(self, side: Side) -> Mapping[Key, Flags]:
        """Agreed flags of every pairing by the key of `side`."""
        return await self._run(self._tables.flags, self._pair, side)

    async def flags_of(self, side: Side, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of the pairings that `side` calls `keys`."""
        return {key: pairing.flags for key, pairing in (await self.pairings(side, keys)).items()}

    async def marks(self, side: Side, keys: Collection[Key]) -> Mapping[Key, str]:
        """Marks of the pairings that `side` calls `keys`."""
        return await self._run(self._tables.marks, self._pair, side, list(keys)) if keys else {}

    async def pairings(self, side: Side, keys: Collection[Key]) -> Mapping[Key, Pairing]:
        """The pairings of messages that `side` calls `keys`."""
        return await self._run(self._tables.pairings, self._pair, side, list(keys)) if keys else {}

    async def held(self) -> Sequence[Held]:
        """The deletions that are held, at most one entry for each side."""
        return await self._run(self._tables.held, self._pair)

    async def hold(self, on: Side, held: Held | None) -> None:
        """Write down what is held on a side, verdict and all, in the place of what was; None drops it."""
        await self._run(self._tables.hold, self._pair, on, held)

    async def asides(self) -> Sequence[Aside]:
        """The copies that were put aside and have not succeeded since."""
        return await self._run(self._tables.asides, self._pair)

    async def put_aside(self, asides: Sequence[Aside], taken_back: Sequence[Aside] = ()) -> None:
        """Write down copies that failed, in the place of those of the same origin, and drop those `taken_back`."""
        if asides or taken_back:
            await self._run(self._tables.put_aside, self._pair, list(asides), list(taken_back))

    async def intents(self) -> Sequence[Intent]:
        """Copies begun and not recorded, in the order in which they were intended."""
        return await self._run(self._tables.intents, self._pair)

    async def intend(self, intents: Sequence[Intent]) -> None:
        """Write down copies that are about to be made."""
        if intents:
            await self._run(self._tables.intend, self._pair, list(intents))

    async def record(
        self,
        *,
        pairings: Sequence[Pairing] = (),
        forget: Sequence[Pairing] = (),
        settled: Sequence[Intent] = (),
    ) -> None:
        """In one transaction: forget, then write pairings in the place of those with a same key, then drop intents."""
        if pairings or forget or settled:
            await self._run(self._tables.record, self._pair, list(pairings), list(forget), list(settled))

    async def save_checkpoints(self, checkpoints: Mapping[Side, str | None]) -> None:
        """Remember how the next look can be cheap; what is remembered already costs nothing."""
        known = self.row.id is not None
        if not known or any(self.row.checkpoint(side) != checkpoint for side, checkpoint in checkpoints.items()):
            self.row = await self._run(self._tables.save_checkpoints, self._pair, dict(checkpoints))


def _nothing() -> None:
    """What closing waits for: when it is done, all before it is."""


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
