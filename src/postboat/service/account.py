"""One account's coroutine: list the folders of both sides, pair them, sync every pair over the shared pool."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, asynccontextmanager
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
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from postboat.events import Publish
    from postboat.imap.memory import ServerMemory
    from postboat.service.assemble import AccountParts
    from postboat.service.run_options import RunOptions
    from postboat.service.tree import Tree
    from postboat.sync.guard import Guard


async def sync_account(parts: AccountParts, options: RunOptions, publish: Publish) -> Outcome:
    """Sync all of an account's folders and leave the server; return what became of them.

    Raises `AccountError` for what stops it as a whole.
    """
    try:
        return await sync_everything(parts, options, publish)
    finally:
        await parts.pool.close()


async def sync_everything(
    parts: AccountParts,
    options: RunOptions,
    publish: Publish,
    *,
    listed: Callable[[Tree], Awaitable[None]] | None = None,
    guard: Guard | None = None,
) -> Outcome:
    """Sync all of an account's folders, over connections that are left as they are. Raises as `sync_account`.

    `listed` is told which folders there are before any is looked into. `guard` remembers what earlier runs deleted.
    """
    publish(AccountStarted(parts.name))
    began = time.monotonic()
    async with opened(parts, options, publish) as ledger:
        tree = await read_tree(parts, ledger, options.folders)
        publish(FoldersListed(parts.name, len(tree.plan.tasks)))
        for problem in tree.problems:
            publish(Warned(problem, parts.name))
        if listed is not None:
            await listed(tree)
        outcome = await _sync_folders(parts, options, publish, ledger, tree, guard)
        await _believe_in_root(parts, options, ledger, tree, outcome)
        await parts.store.prune()
    if parts.mbnames is not None and not options.folders:
        folders = [parts.store.directory(task.local) for task in tree.plan.tasks]
        if problem := await in_thread(parts.mbnames.update, parts.name, parts.store.root, folders):
            publish(Warned(problem, parts.name))
    tell_finished(parts, outcome, len(tree.plan.tasks), time.monotonic() - began, publish)
    return outcome


def tell_finished(parts: AccountParts, outcome: Outcome, folders: int, seconds: float, publish: Publish) -> None:
    """Publish what became of an account in a run over so many folders."""
    done = outcome.done
    publish(AccountFinished(parts.name, done, folders, outcome.failed, seconds, held=outcome.held, aside=done.aside))


@asynccontextmanager
async def opened(parts: AccountParts, options: RunOptions, publish: Publish) -> AsyncIterator[AccountLedger]:
    """Lock the account and open its ledger; in the end close both, with what was learnt about the server in it.

    A dry run takes no lock. Raises `LedgerLocked` when another run has it, unless that is waited for.
    """
    async with AsyncExitStack() as stack:
        if not options.dry_run:
            await stack.enter_async_context(lock_account(parts.lock_path, wait=options.wait))
        ledger = await stack.enter_async_context(
            await AccountLedger.open(parts.ledger_path, account=parts.name, fsync=parts.fsync, dry_run=options.dry_run)
        )
        await stack.enter_async_context(_remembering(parts.memory, ledger, dry_run=options.dry_run))
        for note in ledger.notes:
            publish(Warned(note, parts.name))
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


async def _sync_folders(
    parts: AccountParts,
    options: RunOptions,
    publish: Publish,
    ledger: AccountLedger,
    tree: Tree,
    guard: Guard | None,
) -> Outcome:
    """Sync the folders that are not proved to be unchanged, then see to those that one side lost."""
    plan = tree.plan
    quick = options.quick or parts.config.quick < 0
    changed = [task for task in plan.tasks if not tree.is_unchanged(task, parts.policy, quick=quick)]
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

    folders = ChangedFolders(parts, ledger, tree, publish, options, guard=guard)
    outcome = await folders.sync(changed) if changed else Outcome()
    if plan.gone:
        from postboat.service.gone_folders import GoneFolders

        lost = GoneFolders(parts, ledger, tree, publish, folders, dry_run=options.dry_run)
        outcome += await lost.remove_confirmed()
        outcome += await lost.hold()
    if outcome.come_back:
        tree = await read_tree(parts, ledger, options.folders)
        anew = [task for task in tree.plan.tasks if (task.remote, task.local) in outcome.come_back]
        outcome += await ChangedFolders(parts, ledger, tree, publish, options, guard=guard).sync(anew)
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
