"""The folders of an account that changed: created where they are missing, paired and synced over the shared pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import Counts, FolderCreated
from postboat.model import Side
from postboat.sync.all_folders import show_all, sync_all
from postboat.sync.budget import Budget
from postboat.sync.folder_pair import FolderPair
from postboat.sync.folder_run import FolderRun
from postboat.sync.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.events import PlanHeld, Publish
    from postboat.ledger.ledger import AccountLedger
    from postboat.service.assemble import AccountParts
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import FolderTask

FOLDERS_PER_CONNECTION = 4
"""Folders under way at once for each connection: while one waits for the server, others use the line and the disk."""
BATCHES_PER_CONNECTION = 3
"""Transfers of one folder under way at once for each connection: the next is asked for while one arrives."""


class ChangedFolders:
    """Folders under way, and what was done in them. With `dry_run` they are looked at, and what is due shown."""

    def __init__(
        self,
        parts: AccountParts,
        ledger: AccountLedger,
        tree: Tree,
        publish: Publish,
        *,
        dry_run: bool,
        retry: bool = False,
    ) -> None:
        self._parts, self._ledger, self._tree, self._publish = parts, ledger, tree, publish
        self._dry_run, self._retry = dry_run, retry
        self._transfers = Budget()
        self._runs: list[FolderRun] = []

    @property
    def done(self) -> Counts:
        """What was done in all of them."""
        return sum((run.done for run in self._runs), Counts())

    @property
    def held(self) -> list[PlanHeld]:
        """What was held in them."""
        return [told for run in self._runs for told in run.held]

    @property
    def failed(self) -> int:
        """How many could not be synced."""
        return sum(run.failed for run in self._runs)

    async def sync(self, tasks: Sequence[FolderTask]) -> None:
        """Sync folders; what stops one stops no other. Raises `AccountError` for what stops all."""
        runs = {task: self._run(task) for task in tasks}
        self._runs = list(runs.values())
        known = [run for task, run in runs.items() if self._tree.is_known(task)]
        fresh = [run for task, run in runs.items() if not self._tree.is_known(task)]
        width = self._parts.config.remote.maxconnections * FOLDERS_PER_CONNECTION
        guard = Guard(self._parts.config.limits)
        await (show_all if self._dry_run else sync_all)(known, fresh, guard, width=width)

    def _run(self, task: FolderTask) -> FolderRun:
        name = self._tree.names.remote_text(task.remote)
        return FolderRun(self._parts.name, name, task, self._pair, self._create, self._publish)

    async def _create(self, task: FolderTask) -> FolderCreated:
        """Create the folder on the side that lacks it, or say that it would be."""
        names = self._tree.names
        assert task.create is not None
        if not self._dry_run:
            if task.create is Side.REMOTE:
                await self._parts.folders.create(task.remote, self._tree.remote)
            else:
                await self._parts.store.create(task.local)
        folder = names.remote_text(task.remote)
        renamed = task.create is Side.LOCAL and task.local != task.remote
        made = names.local_text(task.local) if renamed else folder
        return FolderCreated(self._parts.name, folder, task.create.value, made)

    def _pair(self, task: FolderTask, again: bool) -> FolderPair:
        parts, dry_run = self._parts, self._dry_run
        wire = parts.folders.wire_name(task.remote, self._tree.remote)
        read_only = dry_run or Side.REMOTE in parts.policy.readonly
        glimpse = None if again else self._tree.glimpses(task)[Side.REMOTE]
        listed = self._tree.remote.find(task.remote)
        remote = parts.folders.mailbox(wire, read_only=read_only, may_be_missing=dry_run, glimpse=glimpse, alone=again)
        return FolderPair(
            account=parts.name,
            name=self._tree.names.remote_text(task.remote),
            remote=remote,
            local=parts.store.mailbox(task.local),
            ledger=self._ledger.folder(task.remote, task.local),
            policy=parts.policy,
            width=parts.config.remote.maxconnections * BATCHES_PER_CONNECTION,
            transfers=self._transfers,
            exempt=listed is not None and bool(listed.role),
            held_before=self._tree.holds_any(task),
            retry=self._retry,
            again=again,
        )
