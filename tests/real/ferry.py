"""One folder on two servers, kept in step by the engine with nothing else of the program around it."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from tests.contract.imap_world import ImapWorld
from tests.fakes.memory_ledger import memory_ledger

from postboat.events import FolderFinished, MessageFailed
from postboat.model import FolderName, Policy
from postboat.sync.all_folders import sync_all
from postboat.sync.folder_pair import FolderPair
from postboat.sync.folder_run import FolderRun
from postboat.sync.folder_tree import FolderTask
from postboat.sync.guard import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.servers.process import Account

    from postboat.events import Counts, Event, FolderCreated
    from postboat.imap.shelving import Shelf
    from postboat.ledger.ledger import AccountLedger

NAME = FolderName(("Contract",))


class Ferry:
    """`remote` and `local` are the folder as another program sees it on either server."""

    def __init__(self, ledger: AccountLedger, remote: ImapWorld, local: ImapWorld) -> None:
        self._ledger, self.remote, self.local = ledger, remote, local
        self.events: list[Event] = []

    @property
    def both(self) -> tuple[ImapWorld, ImapWorld]:
        return self.remote, self.local

    async def sync(self) -> Counts:
        """One run; what happened is in `events`."""
        self.events.clear()
        run = FolderRun("test", "Contract", FolderTask(NAME, NAME), self._pair, _nothing_to_create, self.events.append)
        await sync_all([run], [], Guard(None), width=2)
        (finished,) = [event for event in self.events if isinstance(event, FolderFinished)]
        return finished.done

    @property
    def failures(self) -> dict[str, str]:
        """What could not be done in the last run, and why."""
        return {event.what: event.reason for event in self.events if isinstance(event, MessageFailed)}

    def _pair(self, task: FolderTask, again: bool) -> FolderPair:
        remote, local = self.remote.replica(), self.local.replica()
        ledger = self._ledger.folder(task.remote, task.local)
        return FolderPair("test", "Contract", remote, local, ledger, Policy(), 3, again=again)


@asynccontextmanager
async def ferry(remote: Account, local: Account, spool: Path, shelf: Shelf | None = None) -> AsyncIterator[Ferry]:
    """Both servers connected, both folders empty; what is removed from the local one goes to `shelf`."""
    worlds = (
        ImapWorld(remote, connections=3, spool=spool),
        ImapWorld(local, connections=3, spool=spool, shelf=shelf),
    )
    async with memory_ledger() as ledger, AsyncExitStack() as stack:
        for world in worlds:
            await world.open()
            stack.push_async_callback(world.close)
        yield Ferry(ledger, *worlds)


async def _nothing_to_create(task: FolderTask) -> FolderCreated:
    raise AssertionError(f"{task} is there")
