"""The folders in which something was heard to happen, synced without a look at the others.

What the servers listed and how folders are called is taken from the last look at everything; of the ledger nothing is,
since other runs may have written to it meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.events import AccountStarted
from postboat.model import Glimpse, Side
from postboat.service.account import opened, tell_finished
from postboat.service.changed_folders import ChangedFolders
from postboat.service.outcome import Outcome
from postboat.service.recorded import read_recorded
from postboat.sync.all_folders import NotEnough
from postboat.tasks import each
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from postboat.events import Publish
    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.run_options import RunOptions
    from postboat.service.staying.agenda import Work
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import FolderTask, PairOfNames
    from postboat.sync.guard import Guard

    Untouched = Callable[[Side, FolderName], Touched | None]
    """Says what to look at in a Maildir of which the disk told nothing."""

AT_ONCE = 16
"""Maildirs that are looked into at the same moment."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pairs of folders to sync."""

    heard: frozenset[FolderTask]
    """Those in which something happened on a server, or that were asked for."""
    touched: Mapping[FolderTask, Mapping[Side, Touched | None]]
    """Those in which something happened on disk, with what happened to their files."""


def choose(tree: Tree, work: Work) -> Chosen | None:
    """Which pairs the work is about; None when it is about a folder that is not known, so that all are to be listed.

    What happens in folders that the rules leave out is nobody's business.
    """
    by_wire = {(side, found.wire): (side, found.name) for side in Side for found in tree.lists[side].folders}
    by_place = {(side, task.on(side)): _as_it_is(task) for task in tree.plan.tasks for side in Side}
    if not (work.mailboxes <= by_wire.keys() and work.touched.keys() <= by_place.keys()):
        return None
    heard = {by_place[place] for mailbox in work.mailboxes if (place := by_wire[mailbox]) in by_place}
    heard.update(map(_as_it_is, tree.named(work.named)))
    touched: dict[FolderTask, dict[Side, Touched | None]] = {}
    for (side, name), what in work.touched.items():
        touched.setdefault(by_place[side, name], {})[side] = what
    return Chosen(frozenset(heard), touched)


def _as_it_is(task: FolderTask) -> FolderTask:
    """A pair now that a look at everything has made what it lacked."""
    return replace(task, create=None, afresh=False)


async def sync_some(
    parts: AccountParts,
    options: RunOptions,
    publish: Publish,
    tree: Tree,
    work: Work,
    untouched: Untouched,
    *,
    guard: Guard,
    deaf: Collection[Side] = (),
) -> Outcome | None:
    """Sync what the work is about; None when that takes a look at everything. Raises as `account.sync_account`.

    What is gone from a folder of a server that does not tell of all its folders (`deaf`) is looked for in the others,
    where that takes no look into each.
    """
    chosen = choose(tree, work)
    if chosen is None:
        return None
    began = time.monotonic()
    async with opened(parts, options, publish) as ledger:
        recorded = await read_recorded(parts, ledger)
        if recorded.missing:
            return None
        known = {(folder.remote, folder.local): folder for folder in recorded.folders}
        changed = chosen.heard | await _changed(parts, ledger, chosen, known)
        if not changed:
            return Outcome()
        publish(AccountStarted(parts.name))
        order = [task for task in map(_as_it_is, tree.plan.tasks) if task in changed]
        touched = {task: _touched(parts, task, chosen, untouched) for task in order}
        now = replace(tree, recorded=recorded, known=known, seen=_assumed(parts, order, known))
        unheard = {side for side in deaf if parts.servers[side].memory.keeps_modseq}
        folders = ChangedFolders(parts, ledger, now, publish, options, guard=guard, touched=touched, unheard=unheard)
        try:
            outcome = await folders.sync(order)
        except NotEnough:
            return None
    tell_finished(parts, outcome, len(order), time.monotonic() - began, publish)
    return outcome


async def _changed(
    parts: AccountParts, ledger: AccountLedger, chosen: Chosen, known: Mapping[PairOfNames, KnownFolder]
) -> set[FolderTask]:
    """The folders that were touched, but not those in which nothing differs from what is written down: the disk tells
    of what we did ourselves, too.
    """
    news: set[FolderTask] = set()

    async def ask(task: FolderTask) -> None:
        folder = known.get(task.pair)
        validity = {side: (folder and folder.validity[side]) or "" for side in Side}
        if not all(validity.values()) or await _is_news(parts, ledger, task, chosen.touched[task], validity):
            news.add(task)

    await each(list(chosen.touched.keys() - chosen.heard), ask, width=AT_ONCE)
    return news


async def _is_news(
    parts: AccountParts,
    ledger: AccountLedger,
    task: FolderTask,
    touched: Mapping[Side, Touched | None],
    validity: Mapping[Side, str],
) -> bool:
    """Whether what was touched may differ from what is written down."""
    folder = ledger.folder(*task.pair)
    await folder.open(validity)
    for side, what in touched.items():
        mailbox = parts.maildirs[side].store.mailbox(task.on(side), touched=what)
        if what is None or await mailbox.is_news(folder.agreed(side)):
            return True
    return False


def _touched(parts: AccountParts, task: FolderTask, chosen: Chosen, untouched: Untouched) -> dict[Side, Touched | None]:
    """What to look at in the Maildirs of a pair."""
    told = chosen.touched.get(task, {})
    return {side: told[side] if side in told else untouched(side, task.on(side)) for side in parts.maildirs}


def _assumed(
    parts: AccountParts, tasks: Iterable[FolderTask], known: Mapping[PairOfNames, KnownFolder]
) -> dict[Side, dict[FolderName, Glimpse]]:
    """What the lists of servers might just have told: the validities that are recorded. The SELECT proves them."""
    seen: dict[Side, dict[FolderName, Glimpse]] = {side: {} for side in Side}
    for task in tasks:
        folder = known.get(task.pair)
        for side in parts.servers:
            if folder is not None and (validity := folder.validity[side]):
                seen[side][task.on(side)] = Glimpse(validity)
    return seen
