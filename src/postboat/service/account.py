"""One account's coroutine: list the folders of both sides, pair them, sync every pair over the shared pool."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.errors import AccountError, ConnectionLost, PostboatError
from postboat.events import (
    AccountFinished,
    AccountStarted,
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderLeftAlone,
    FolderProgressed,
    FoldersListed,
    PlanShown,
    Warned,
)
from postboat.ledger.ledger import AccountLedger
from postboat.ledger.lock import lock_account
from postboat.model import Side
from postboat.service.tree import read_tree
from postboat.sync.folder_pair import FolderPair, plan_folder_pair, sync_folder_pair
from postboat.sync.tally import describe
from postboat.sync.tasks import each

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.events import Event, Publish
    from postboat.operations import Operation
    from postboat.service.assemble import AccountParts
    from postboat.service.supervisor import RunOptions
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import FolderTask, LeftAlone


async def sync_account(parts: AccountParts, options: RunOptions, publish: Publish) -> int:
    """Sync all of an account's folders; return its exit code. Raises `AccountError` for what stops it as a whole."""
    publish(AccountStarted(parts.name))
    began = time.monotonic()
    async with _opened(parts, options) as ledger:
        tree = await read_tree(parts, ledger, options.folders)
        run = _AccountRun(parts, options, publish, ledger, tree)
        await run.sync_folders()
    seconds = time.monotonic() - began
    folders = len(tree.plan.tasks)
    publish(AccountFinished(parts.name, run.done, folders, run.failed_folders, seconds, run.lost_folders))
    return 3 if run.failed_folders or run.done.failed or run.lost_folders else 0


@asynccontextmanager
async def _opened(parts: AccountParts, options: RunOptions) -> AsyncIterator[AccountLedger]:
    """Lock the account, open its ledger, and in the end close it and all connections. A dry run takes no lock."""
    if options.dry_run:
        async with _ledger(parts, dry_run=True) as ledger:
            yield ledger
    else:
        async with lock_account(parts.lock_path, wait=options.wait), _ledger(parts, dry_run=False) as ledger:
            yield ledger


@asynccontextmanager
async def _ledger(parts: AccountParts, *, dry_run: bool) -> AsyncIterator[AccountLedger]:
    ledger = await AccountLedger.open(parts.ledger_path, account=parts.name, fsync=parts.fsync, dry_run=dry_run)
    try:
        yield ledger
    finally:
        try:
            await parts.pool.close()
        finally:
            await ledger.close()


class _Progress:
    """Passes a folder's events on and remembers how far it came."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self.done = Counts()

    def __call__(self, event: Event) -> None:
        if isinstance(event, FolderProgressed | FolderFinished):
            self.done = event.done
        self._publish(event)


class _AccountRun:
    """One run over an account's folders under way."""

    def __init__(
        self, parts: AccountParts, options: RunOptions, publish: Publish, ledger: AccountLedger, tree: Tree
    ) -> None:
        self.parts, self.options, self.publish, self.ledger, self.tree = parts, options, publish, ledger, tree
        self.done = Counts()
        self.failed_folders = self.lost_folders = 0
        self._transfers = asyncio.Semaphore(parts.config.remote.maxconnections)

    async def sync_folders(self) -> None:
        """Sync folder after folder, as many at once as there may be connections."""
        plan = self.tree.plan
        self.publish(FoldersListed(self.parts.name, len(plan.tasks)))
        for alone in plan.left_alone:
            if not alone.chosen:
                self._leave_alone(alone)
        for problem in self.tree.problems:
            self.publish(Warned(problem, self.parts.name))
        await each(plan.tasks, self._sync_or_tell, width=self.parts.config.remote.maxconnections)

    def _leave_alone(self, alone: LeftAlone) -> None:
        """Tell of a folder that one side lost."""
        self.lost_folders += 1
        self.publish(FolderLeftAlone(self.parts.name, self.tree.name_of(alone), alone.reason))

    async def _sync_or_tell(self, task: FolderTask) -> None:
        """Sync one folder; a failure that stops it stops no other, but one of the account does."""
        try:
            if task.create:
                await self._create(task)
            try:
                await self._sync(task)
            except ConnectionLost:
                await self._sync(task, again=True)
        except AccountError:
            raise
        except PostboatError as failure:
            self._failed(task, failure)

    def _failed(self, task: FolderTask, failure: PostboatError) -> None:
        self.failed_folders += 1
        self.publish(FolderFailed(self.parts.name, self.tree.names.remote_text(task.remote), str(failure)))

    async def _sync(self, task: FolderTask, *, again: bool = False) -> None:
        """One go at a folder; `again` on a new connection, after the first one broke."""
        pair = self._pair(task, again=again)
        if self.options.dry_run:
            await self._show(pair)
            return
        progress = _Progress(self.publish)
        try:
            await sync_folder_pair(pair, progress)
        finally:
            self.done += progress.done  # what was done counts, also when the folder failed half way

    async def _create(self, task: FolderTask) -> None:
        """Create the folder on the side that lacks it, or say that it would be."""
        names = self.tree.names
        if not self.options.dry_run:
            if task.create is Side.REMOTE:
                await self.parts.folders.create(task.remote, self.tree.remote)
            else:
                await self.parts.store.create(task.local)
        assert task.create is not None
        folder = names.remote_text(task.remote)
        renamed = task.create is Side.LOCAL and task.local != task.remote
        made = names.local_text(task.local) if renamed else folder
        self.publish(FolderCreated(self.parts.name, folder, task.create.value, made))

    def _pair(self, task: FolderTask, *, again: bool) -> FolderPair:
        parts, dry_run = self.parts, self.options.dry_run
        wire = parts.folders.wire_name(task.remote, self.tree.remote)
        read_only = dry_run or Side.REMOTE in parts.policy.readonly
        return FolderPair(
            account=parts.name,
            name=self.tree.names.remote_text(task.remote),
            remote=parts.folders.mailbox(wire, read_only=read_only, may_be_missing=dry_run),
            local=parts.store.mailbox(task.local),
            ledger=self.ledger.folder(task.remote, task.local),
            policy=parts.policy,
            width=parts.config.remote.maxconnections,
            transfers=self._transfers,
            again=again,
        )

    async def _show(self, pair: FolderPair) -> None:
        """Publish what a sync of the folder would do."""
        plan = await plan_folder_pair(pair)
        operations: list[Operation] = [*plan.adopts, *plan.copies, *plan.reflags, *plan.deletes]
        told = tuple(fact for operation in operations if (fact := describe(operation)))
        self.publish(PlanShown(pair.account, pair.name, told))
