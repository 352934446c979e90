"""One account's coroutine: list the folders of both sides, pair them, sync every pair over the shared pool."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.events import (
    AccountFinished,
    AccountStarted,
    Counts,
    FolderLeftAlone,
    FoldersListed,
    FoldersUnchanged,
    Warned,
)
from postboat.ledger.ledger import AccountLedger
from postboat.ledger.lock import lock_account
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
        lost = _tell_problems(parts, publish, tree)
        done, failed, held = await _sync_folders(parts, options, publish, ledger, tree)
        await parts.store.prune()
    seconds = time.monotonic() - began
    publish(AccountFinished(parts.name, done, len(tree.plan.tasks), failed, seconds, lost, held, done.aside))
    return 6 if held else 3 if failed or done.failed or done.aside or lost else 0


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
) -> tuple[Counts, int, int]:
    """Sync the folders that are not proved to be unchanged; return what was done, and how many failed and are held."""
    tasks = tree.plan.tasks
    changed = [task for task in tasks if not tree.is_unchanged(task, parts.policy)]
    if len(changed) < len(tasks):
        publish(FoldersUnchanged(parts.name, len(tasks) - len(changed)))
    if not changed:
        return Counts(), 0, 0
    from postboat.service.changed_folders import ChangedFolders  # here, since most runs have nothing to sync

    folders = ChangedFolders(parts, ledger, tree, publish, dry_run=options.dry_run, retry=options.retry)
    await folders.sync(changed)
    return folders.done, folders.failed, sum(told.count for told in folders.held)


def _tell_problems(parts: AccountParts, publish: Publish, tree: Tree) -> int:
    """Tell of folders that one side lost and of those that cannot be handled; return how many were lost."""
    lost = [alone for alone in tree.plan.left_alone if not alone.chosen]
    for alone in lost:
        publish(FolderLeftAlone(parts.name, tree.name_of(alone), alone.reason))
    for problem in tree.problems:
        publish(Warned(problem, parts.name))
    return len(lost)
