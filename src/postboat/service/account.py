"""One account's coroutine: list the folders of both sides, pair them, sync every pair over the shared pool."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.events import (
    AccountFinished,
    AccountStarted,
    Counts,
    FolderCreated,
    FolderLeftAlone,
    FoldersListed,
    FoldersUnchanged,
    Warned,
)
from postboat.ledger.ledger import AccountLedger
from postboat.ledger.lock import lock_account
from postboat.model import Side
from postboat.service.tree import read_tree
from postboat.sync.all_folders import show_all, sync_all
from postboat.sync.budget import Budget
from postboat.sync.folder_pair import FolderPair
from postboat.sync.folder_run import FolderRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from postboat.events import Publish
    from postboat.service.assemble import AccountParts
    from postboat.service.supervisor import RunOptions
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import FolderTask, LeftAlone

FOLDERS_PER_CONNECTION = 4
"""Folders under way at once for each connection: while one waits for the server, others use the line and the disk."""


async def sync_account(parts: AccountParts, options: RunOptions, publish: Publish) -> int:
    """Sync all of an account's folders; return its exit code. Raises `AccountError` for what stops it as a whole."""
    publish(AccountStarted(parts.name))
    began = time.monotonic()
    async with _opened(parts, options) as ledger:
        parts.memory.restore(await ledger.remembered())
        tree = await read_tree(parts, ledger, options.folders)
        run = _AccountRun(parts, options, publish, ledger, tree)
        await run.sync_folders()
        if parts.memory.changed and not options.dry_run:
            await ledger.remember(parts.memory.text())
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


class _AccountRun:
    """One run over an account's folders under way."""

    def __init__(
        self, parts: AccountParts, options: RunOptions, publish: Publish, ledger: AccountLedger, tree: Tree
    ) -> None:
        self.parts, self.options, self.publish, self.ledger, self.tree = parts, options, publish, ledger, tree
        self.lost_folders = 0
        self._runs: list[FolderRun] = []
        self._transfers = Budget()
        self._width = parts.config.remote.maxconnections * FOLDERS_PER_CONNECTION

    @property
    def done(self) -> Counts:
        """What was done in all folders."""
        return sum((run.done for run in self._runs), Counts())

    @property
    def failed_folders(self) -> int:
        """How many folders could not be synced."""
        return sum(run.failed for run in self._runs)

    async def sync_folders(self) -> None:
        """Sync the folders that are not proved to be unchanged, and tell of those that cannot be synced."""
        plan = self.tree.plan
        self.publish(FoldersListed(self.parts.name, len(plan.tasks)))
        for alone in plan.left_alone:
            if not alone.chosen:
                self._leave_alone(alone)
        for problem in self.tree.problems:
            self.publish(Warned(problem, self.parts.name))
        self._runs = [self._run(task) for task in self._changed(plan.tasks)]
        known = [run for run in self._runs if self.tree.is_known(run.task)]
        fresh = [run for run in self._runs if not self.tree.is_known(run.task)]
        await (show_all if self.options.dry_run else sync_all)(known, fresh, width=self._width)

    def _changed(self, tasks: Sequence[FolderTask]) -> list[FolderTask]:
        """The folders that are not proved to be as they were agreed on."""
        changed = [task for task in tasks if not self.tree.is_unchanged(task, self.parts.policy)]
        if len(changed) < len(tasks):
            self.publish(FoldersUnchanged(self.parts.name, len(tasks) - len(changed)))
        return changed

    def _run(self, task: FolderTask) -> FolderRun:
        name = self.tree.names.remote_text(task.remote)
        return FolderRun(self.parts.name, name, task, self._pair, self._create, self.publish)

    def _leave_alone(self, alone: LeftAlone) -> None:
        """Tell of a folder that one side lost."""
        self.lost_folders += 1
        self.publish(FolderLeftAlone(self.parts.name, self.tree.name_of(alone), alone.reason))

    async def _create(self, task: FolderTask) -> FolderCreated:
        """Create the folder on the side that lacks it, or say that it would be."""
        names = self.tree.names
        assert task.create is not None
        if not self.options.dry_run:
            if task.create is Side.REMOTE:
                await self.parts.folders.create(task.remote, self.tree.remote)
            else:
                await self.parts.store.create(task.local)
        folder = names.remote_text(task.remote)
        renamed = task.create is Side.LOCAL and task.local != task.remote
        made = names.local_text(task.local) if renamed else folder
        return FolderCreated(self.parts.name, folder, task.create.value, made)

    def _pair(self, task: FolderTask, again: bool) -> FolderPair:
        parts, dry_run = self.parts, self.options.dry_run
        wire = parts.folders.wire_name(task.remote, self.tree.remote)
        read_only = dry_run or Side.REMOTE in parts.policy.readonly
        glimpse = None if again else self.tree.glimpses(task)[Side.REMOTE]
        return FolderPair(
            account=parts.name,
            name=self.tree.names.remote_text(task.remote),
            remote=parts.folders.mailbox(wire, read_only=read_only, may_be_missing=dry_run, glimpse=glimpse),
            local=parts.store.mailbox(task.local),
            ledger=self.ledger.folder(task.remote, task.local),
            policy=parts.policy,
            width=parts.config.remote.maxconnections,
            transfers=self._transfers,
            again=again,
        )
