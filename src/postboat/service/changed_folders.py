"""The folders of an account that changed: created where they are missing, paired and synced over shared connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import FolderCreated
from postboat.model import Side
from postboat.service.outcome import Outcome
from postboat.service.scans import Scans
from postboat.sync.all_folders import show_all, sync_all
from postboat.sync.budget import Budget
from postboat.sync.folder_pair import FolderPair
from postboat.sync.folder_run import FolderRun
from postboat.sync.guard import DOUBTS, Guard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from postboat.events import Publish
    from postboat.ledger.ledger import AccountLedger
    from postboat.maildir.touched import Touched
    from postboat.service.assemble import AccountParts
    from postboat.service.run_options import RunOptions
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import FolderTask
    from postboat.sync.ports import Replica

FOLDERS_PER_CONNECTION = 4
"""Folders under way at once for each connection: while one waits for the server, others use the line and the disk."""
BATCHES_PER_CONNECTION = 3
"""Transfers of one folder under way at once for each connection: the next is asked for while one arrives."""


class ChangedFolders:
    """Folders under way. With `dry_run` they are looked at, and what is due shown.

    A `guard` that is given remembers what was deleted before; else only what is deleted by one call of `sync` counts.
    `touched` says what happened in Maildirs since they were last looked at, where that is known, and that these are
    not all folders, `unheard` on which sides nobody tells of the others: `sync` raises `NotEnough` as
    `sync_all` says.
    """

    def __init__(
        self,
        parts: AccountParts,
        ledger: AccountLedger,
        tree: Tree,
        publish: Publish,
        options: RunOptions,
        *,
        guard: Guard | None = None,
        touched: Mapping[FolderTask, Mapping[Side, Touched | None]] | None = None,
        unheard: Collection[Side] = (),
    ) -> None:
        self._parts, self._ledger, self._tree, self._publish = parts, ledger, tree, publish
        self._dry_run, self._retry = options.dry_run, options.retry
        self._guard, self._touched, self._unheard = guard, touched, unheard
        self._transfers = Budget()

    async def sync(self, tasks: Sequence[FolderTask]) -> Outcome:
        """Sync folders; what stops one stops no other. Raises `AccountError` for what stops all, and `NotEnough`."""
        for task in tasks:
            if task.afresh:
                await self._ledger.folder(*task.pair).start_over()
        runs = {task: self._run(task) for task in tasks}
        known = [run for task, run in runs.items() if self._tree.is_known(task)]
        fresh = [run for task, run in runs.items() if not self._tree.is_known(task)]
        width = self._parts.width * FOLDERS_PER_CONNECTION
        guard = self._guard or Guard(self._parts.config.limits)
        if self._dry_run:
            await show_all(known, fresh, guard, width=width)
        else:
            some = self._touched is not None
            await sync_all(known, fresh, guard, width=width, some=some, unheard=self._unheard)
        return sum((_outcome(run) for run in runs.values()), Outcome())

    def _run(self, task: FolderTask) -> FolderRun:
        name = self._tree.names.remote_text(task.remote)
        return FolderRun(self._parts.name, name, task, self.pair, self._create, self._publish)

    async def _create(self, task: FolderTask) -> FolderCreated:
        """Create the folder on the side that lacks it, or say that it would be."""
        names = self._tree.names
        assert task.create is not None
        if not self._dry_run:
            shore = self._parts.shores[task.create]
            await shore.create(task.on(task.create), self._tree.lists[task.create])
        folder = names.remote_text(task.remote)
        renamed = task.create is Side.LOCAL and task.local != task.remote
        made = names.local_text(task.local) if renamed else folder
        return FolderCreated(self._parts.name, folder, task.create.value, made)

    def pair(self, task: FolderTask, again: bool = False) -> FolderPair:
        """Both replicas of a folder; `again` when its connection broke in this run already."""
        parts, tree = self._parts, self._tree
        name = tree.names.remote_text(task.remote)
        scans = Scans(parts.name, name, self._publish)
        replicas = {side: self._replica(task, side, scans, again=again) for side in Side}
        return FolderPair(
            account=parts.name,
            name=name,
            remote=replicas[Side.REMOTE],
            local=replicas[Side.LOCAL],
            ledger=self._ledger.folder(*task.pair),
            policy=parts.policy,
            where=parts.where,
            width=parts.width * BATCHES_PER_CONNECTION,
            transfers=self._transfers,
            exempt=tree.is_exempt(task),
            doubts=tree.recorded.doubts,
            held_before=tree.holds_any(task),
            clock=parts.clock,
            retry=self._retry,
            again=again,
            first=not tree.was_in_step(task),
            lies=parts.local.lies(task.local, tree.lists[Side.LOCAL]),
        )

    def _replica(self, task: FolderTask, side: Side, scans: Scans, *, again: bool) -> Replica:
        return self._parts.shores[side].mailbox(
            task.on(side),
            self._tree.lists[side],
            glimpse=None if again else self._tree.trusted_glimpse(task, side),
            alone=again,
            touched=None if again or not self._touched else self._touched.get(task, {}).get(side),
            told=scans.of(side),
        )


def _outcome(run: FolderRun) -> Outcome:
    held = sum(told.count for told in run.held)
    doubtful = any(told.suspicion == doubt.value for told in run.held for doubt in DOUBTS)
    return Outcome(run.done, int(run.failed), held, doubtful)
