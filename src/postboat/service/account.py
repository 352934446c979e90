"""One account's coroutine: list the folders of both sides, pair them, sync every pair over shared connections."""

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
from postboat.model import Side
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
        await parts.close()


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
    witness = None
    if options.one_way:
        from postboat.service.verdict import Witness  # here, since few runs go one way

        publish = witness = Witness(parts, options, publish)
    async with opened(parts, options, publish) as ledger:
        tree = await read_tree(parts, ledger, options.folders)
        publish(FoldersListed(parts.name, len(tree.plan.tasks)))
        if Side.LOCAL in parts.servers:
            parts.servers[Side.LOCAL].names = tree.local_names
        for problem in tree.problems:
            publish(Warned(problem, parts.name))
        if listed is not None:
            await listed(tree)
        outcome = await _sync_folders(parts, options, publish, ledger, tree, guard)
        await _believe_in_roots(parts, options, ledger, tree, outcome)
        for shore in parts.shores.values():
            await shore.prune()
        mirrored = await witness.verdict(ledger) if witness else None
    if not options.folders:
        await _name_mailboxes(parts, tree, publish)
    tell_finished(parts, outcome, len(tree.plan.tasks), time.monotonic() - began, publish)
    if mirrored is not None:
        publish(mirrored)
        outcome += Outcome(incomplete=mirrored.fails)
    return outcome


async def _name_mailboxes(parts: AccountParts, tree: Tree, publish: Publish) -> None:
    """List the local folders for other programs, if any wants that."""
    if parts.mbnames is None:
        return
    maildirs, root = parts.maildirs.get(Side.LOCAL), None
    folders = [tree.names.local_text(task.local) for task in tree.plan.tasks]
    if maildirs is not None:
        root, folders = maildirs.root, [maildirs.store.directory(task.local) for task in tree.plan.tasks]
    if problem := await in_thread(parts.mbnames.update, parts.name, root, folders):
        publish(Warned(problem, parts.name))


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
        for side, server in parts.servers.items():
            await stack.enter_async_context(_remembering(side, server.memory, ledger, dry_run=options.dry_run))
        for note in ledger.notes:
            publish(Warned(note, parts.name))
        yield ledger


@asynccontextmanager
async def _remembering(
    side: Side, memory: ServerMemory, ledger: AccountLedger, *, dry_run: bool
) -> AsyncIterator[None]:
    """Know what the last run learnt about a server, and keep what this one learns, above all if it fails."""
    memory.restore(await ledger.remembered(side))
    try:
        yield
    finally:
        if memory.changed and not dry_run:
            await ledger.remember(side, memory.text())


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
    if plan.gone and (plan.all_gone or not options.one_way):  # nothing is deleted one way, so nothing need be held
        from postboat.service.gone_folders import GoneFolders

        lost = GoneFolders(parts, ledger, tree, publish, folders, dry_run=options.dry_run)
        outcome += await lost.remove_confirmed()
        outcome += await lost.hold()
    if outcome.come_back or (tree.lacks_levels(parts.servers) and not options.dry_run):
        known = {task.pair for task in plan.tasks} - outcome.come_back
        tree = await read_tree(parts, ledger, options.folders)
        if anew := [task for task in tree.plan.tasks if task.pair not in known]:
            outcome += await ChangedFolders(parts, ledger, tree, publish, options, guard=guard).sync(anew)
    return outcome


async def _believe_in_roots(
    parts: AccountParts, options: RunOptions, ledger: AccountLedger, tree: Tree, outcome: Outcome
) -> None:
    """Take the roots of Maildirs for theirs from now on, if all folders were seen and none of it is doubtful.

    One that fails in every run keeps nobody from saying that the root is the right one.
    """
    unseen = outcome.failed and not tree.recorded.is_vouched_for
    unsure = options.folders or unseen or outcome.doubtful or tree.plan.gone
    if unsure or options.dry_run:
        return
    for side in filter(tree.recorded.is_elsewhere, parts.maildirs):
        stands = await parts.maildirs[side].standing()
        if stands != tree.recorded.stood[side]:
            await ledger.stand(side, stands)
