"""One account's coroutine: list the folders of both sides, pair them, sync every pair over the shared pool."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.events import (
    AccountFinished,
    AccountStarted,
    FoldersListed,
    FoldersUnchanged,
    Warned,
)
from postboat.ledger.ledger import AccountLedger
from postboat.ledger.lock import lock_account
from postboat.service.outcome import Outcome
from postboat.service.recorded import WHOLE_FOLDERS, held_before
from postboat.service.tree import read_tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.events import Publish
    from postboat.imap.memory import ServerMemory
    from postboat.service.assemble import AccountParts
    from postboat.service.supervisor import RunOptions
    from postboat.service.tree import Tree


async def sync_account(parts: AccountParts, options: RunOptions, publish: Publish) -> int:
    """Sync all of an account's folders; return its exit code. Raises `AccountError` for what stops it as a whole."""
    publish(AccountStarted(parts.name))
    began = time.monotonic()
    async with _opened(parts, options) as ledger, _remembering(parts.memory, ledger, dry_run=options.dry_run):
        for note in ledger.notes:
            publish(Warned(note, parts.name))
        tree = await read_tree(parts, ledger, options.folders)
        publish(FoldersListed(parts.name, len(tree.plan.tasks)))
        for problem in tree.problems:
            publish(Warned(problem, parts.name))
        outcome = await _sync_folders(parts, options, publish, ledger, tree)
        await _believe_in_root(parts, options, ledger, tree, outcome)
        await parts.store.prune()
    seconds, done = time.monotonic() - began, outcome.done
    folders = len(tree.plan.tasks)
    publish(AccountFinished(parts.name, done, folders, outcome.failed, seconds, held=outcome.held, aside=done.aside))
    return outcome.exit_code


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
async def _remembering(memory: ServerMemory, ledger: AccountLedger, *, dry_run: bool) -> AsyncIterator[None]:
    """Know what the last run learnt about the server, and keep what this one learns, above all if it fails."""
    memory.restore(await ledger.remembered())
    try:
        yield
    finally:
        if memory.changed and not dry_run:
            await ledger.remember(memory.text())


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


async def _sync_folders(
    parts: AccountParts, options: RunOptions, publish: Publish, ledger: AccountLedger, tree: Tree
) -> Outcome:
    """Sync the folders that are not proved to be unchanged, then see to those that one side lost."""
    plan = tree.plan
    changed = [task for task in plan.tasks if not tree.is_unchanged(task, parts.policy)]
    if len(changed) < len(plan.tasks):
        publish(FoldersUnchanged(parts.name, len(plan.tasks) - len(changed)))
    for remote, local in plan.forgotten:
        await ledger.folder(remote, local).start_over()
    for pair in plan.back:  # now, since a run may sync other folders only, and these may be gone again in the next one
        for held in tree.recorded.held[pair]:
            if held.suspicion in WHOLE_FOLDERS:
                await ledger.folder(*pair).hold(held.on, held_before(held))
    if not (changed or plan.gone):
        return Outcome()
    from postboat.service.changed_folders import ChangedFolders  # here, since most runs have nothing to sync

    folders = ChangedFolders(parts, ledger, tree, publish, options)
    outcome = await folders.sync(changed) if changed else Outcome()
    if plan.gone:
        from postboat.service.gone_folders import GoneFolders

        lost = GoneFolders(parts, ledger, tree, publish, folders, dry_run=options.dry_run)
        outcome += await lost.remove_confirmed()
        outcome += await lost.hold()
    if outcome.come_back:
        tree = await read_tree(parts, ledger, options.folders)
        anew = [task for task in tree.plan.tasks if (task.remote, task.local) in outcome.come_back]
        outcome += await ChangedFolders(parts, ledger, tree, publish, options).sync(anew)
    return outcome


async def _believe_in_root(
    parts: AccountParts, options: RunOptions, ledger: AccountLedger, tree: Tree, outcome: Outcome
) -> None:
    """Take the root of the Maildirs for theirs from now on, if all folders were seen and none of it is doubtful.

    One that fails in every run keeps nobody from saying that the root is the right one.
    """
    unseen = outcome.failed and not tree.recorded.is_vouched_for
    unsure = options.folders or unseen or outcome.doubtful or tree.plan.gone
    if unsure or options.dry_run or not tree.recorded.is_elsewhere:
        return
    stands = await parts.store.standing()
    if stands != tree.recorded.stood:
        await ledger.stand(stands)
