"""The folders in which something was heard to happen, synced without a look at the others.

What the server listed and how folders are called is taken from the last look at everything; of the ledger nothing is,
since other runs may have written to it meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.events import AccountStarted
from postboat.model import Glimpse, Side
from postboat.service.account import opened, tell_finished
from postboat.service.changed_folders import ChangedFolders
from postboat.service.outcome import Outcome
from postboat.service.recorded import read_recorded
from postboat.sync.all_folders import NotEnough
from postboat.sync.tasks import each
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from postboat.events import Publish
    from postboat.folder_list import FolderList
    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.run_options import RunOptions
    from postboat.service.staying.agenda import Work
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import FolderTask
    from postboat.sync.guard import Guard

AT_ONCE = 16
"""Local folders that are looked into at the same moment."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pairs of folders to sync."""

    heard: tuple[FolderTask, ...] = ()
    """Those in which something happened on the server."""
    touched: Mapping[FolderTask, Touched | None] = field(default_factory=dict)
    """Those in which something happened on disk, with what happened to their files."""


def choose(tree: Tree, work: Work) -> Chosen | None:
    """Which pairs the work is about; None when it is about a folder that is not known, so that all are to be listed.

    What happens in folders that the rules leave out is nobody's business.
    """
    by_wire = {folder.wire: folder.name for folder in tree.remote.folders}
    if not (work.mailboxes <= by_wire.keys()):
        return None
    by_remote = {task.remote: task for task in tree.plan.tasks}
    by_local = {task.local: task for task in tree.plan.tasks}
    heard = [by_remote[name] for wire in sorted(work.mailboxes) if (name := by_wire[wire]) in by_remote]
    if not (work.touched.keys() <= by_local.keys()):
        return None
    touched = {by_local[name]: what for name, what in work.touched.items()}
    return Chosen(tuple(heard), touched)


async def sync_some(
    parts: AccountParts,
    options: RunOptions,
    publish: Publish,
    tree: Tree,
    work: Work,
    *,
    guard: Guard,
    untouched: Callable[[FolderName], Touched | None],
    hears_all: bool = True,
) -> Outcome | None:
    """Sync what the work is about; None when that takes a look at everything. Raises as `account.sync_account`.

    `untouched` says what to look at in a local folder of which the disk told nothing. Unless the server tells of all
    folders (`hears_all`), what is gone from one is looked for in the others, where that takes no look into each.
    """
    chosen = choose(tree, work)
    if chosen is None:
        return None
    began = time.monotonic()
    async with opened(parts, options, publish) as ledger:
        recorded = await read_recorded(parts, ledger)
        if recorded.root_is_missing:
            return None
        known = {(folder.remote, folder.local): folder for folder in recorded.folders}
        changed = await _changed(parts, ledger, chosen, known)
        changed |= {task: untouched(task.local) for task in chosen.heard if task not in chosen.touched}
        if not changed:
            return Outcome()
        publish(AccountStarted(parts.name))
        now = replace(tree, recorded=recorded, known=known, remote=_as_recorded(tree, changed, known), on_disk={})
        unheard = {Side.REMOTE} if not hears_all and parts.memory.keeps_modseq else ()
        folders = ChangedFolders(parts, ledger, now, publish, options, guard=guard, touched=changed, unheard=unheard)
        try:
            outcome = await folders.sync([replace(task, create=None, afresh=False) for task in changed])
        except NotEnough:
            return None
    tell_finished(parts, outcome, len(changed), time.monotonic() - began, publish)
    return outcome


async def _changed(
    parts: AccountParts,
    ledger: AccountLedger,
    chosen: Chosen,
    known: Mapping[tuple[FolderName, FolderName], KnownFolder],
) -> dict[FolderTask, Touched | None]:
    """The folders that were touched, but not those in which nothing differs from what is written down: the disk tells
    of what we did ourselves, too.
    """
    news: dict[FolderTask, Touched | None] = {}

    async def ask(task: FolderTask) -> None:
        touched, folder = chosen.touched[task], ledger.folder(task.remote, task.local)
        validity = known[task.remote, task.local].validity if (task.remote, task.local) in known else {}
        if touched is not None and task not in chosen.heard and all(validity.get(side) for side in Side):
            await folder.open({side: validity[side] or "" for side in Side})
            if not await parts.store.mailbox(task.local, touched=touched).is_news(folder.agreed(Side.LOCAL)):
                return
        news[task] = touched

    await each(list(chosen.touched), ask, width=AT_ONCE)
    return news


def _as_recorded(
    tree: Tree, changed: Mapping[FolderTask, object], known: Mapping[tuple[FolderName, FolderName], KnownFolder]
) -> FolderList:
    """The list of remote folders as if it had just told the validities that are recorded: the SELECT proves them."""
    assumed = dict(_assumed(changed, known))
    folders = tuple(replace(folder, glimpse=assumed.get(folder.name)) for folder in tree.remote.folders)
    return replace(tree.remote, folders=folders)


def _assumed(
    changed: Mapping[FolderTask, object], known: Mapping[tuple[FolderName, FolderName], KnownFolder]
) -> Iterator[tuple[FolderName, Glimpse]]:
    for task in changed:
        folder = known.get((task.remote, task.local))
        validity = folder.validity[Side.REMOTE] if folder is not None else None
        if validity:
            yield task.remote, Glimpse(validity)
