"""Folders that one side lost: held until the user has said what it means, removed from the other side if he confirms.

Their messages go first, each as any deletion goes; the folder follows when nothing is left in it. What came or changed
there since stays, and the folder is made anew where it was missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import AccountError, PostboatError
from postboat.events import FolderFailed, PlanHeld
from postboat.ledger.rows import PairOfFolders
from postboat.model import Held, Side, Suspicion, Verdict
from postboat.service.outcome import Outcome
from postboat.sync.absent import empty_other_side, show_other_side
from postboat.sync.folder_tree import FolderTask

if TYPE_CHECKING:
    from postboat.events import Publish
    from postboat.ledger.ledger import AccountLedger
    from postboat.service.assemble import AccountParts
    from postboat.service.changed_folders import ChangedFolders
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import Gone


class GoneFolders:
    """The pairs of an account of which one side lacks its half. With `dry_run` nothing is written or removed."""

    def __init__(
        self,
        parts: AccountParts,
        ledger: AccountLedger,
        tree: Tree,
        publish: Publish,
        others: ChangedFolders,
        *,
        dry_run: bool,
    ) -> None:
        self._parts, self._ledger, self._tree, self._publish = parts, ledger, tree, publish
        self._others, self._dry_run = others, dry_run

    async def remove_confirmed(self) -> Outcome:
        """Do what the user confirmed. What stops one folder stops no other."""
        confirmed = [gone for gone in self._tree.plan.gone if gone.verdict is Verdict.CONFIRMED]
        outcome = Outcome()
        for gone in sorted(confirmed, key=lambda gone: -len(gone.remote.parts)):  # those below others come first
            outcome += await self._removed_or_told(gone)
        return outcome

    async def hold(self) -> Outcome:
        """Write down and tell what waits; one word for all when everything is gone."""
        lost = self._tree.plan.all_gone
        waiting = sorted((gone for gone in self._tree.plan.gone if gone.verdict is Verdict.WAITING), key=_by_name)
        held = [await self._held(gone, Suspicion.ALL_GONE if lost else Suspicion.FOLDER_GONE) for gone in waiting]
        total = sum(one.count for one in held)
        if lost:
            self._tell("", lost.other, Suspicion.ALL_GONE, total)
        else:
            for gone, one in zip(waiting, held, strict=True):
                self._tell(self._tree.names.remote_text(gone.remote), one.on, one.suspicion, one.count)
        return Outcome(held=total)

    async def _held(self, gone: Gone, suspicion: Suspicion) -> Held:
        """What is held of a folder, written down unless it is already, with what was held in it before it was gone."""
        kept = gone.lacking.other
        ledger = self._ledger.folder(*gone.pair)
        count = await ledger.agreed(kept).count()
        before = self._tree.recorded.held.get(gone.pair, ())
        keys = next((one.keys for one in before if one.on is kept), frozenset())
        held = Held(kept, suspicion, count, count, keys)
        if not self._dry_run and held not in before:
            await ledger.hold(kept, held)
        return held

    def _tell(self, folder: str, on: Side, suspicion: Suspicion, count: int) -> None:
        self._publish(PlanHeld(self._parts.name, folder, on.value, suspicion.value, count, count))

    async def _removed_or_told(self, gone: Gone) -> Outcome:
        try:
            return await self._remove(gone)
        except AccountError:
            raise
        except PostboatError as failure:
            name = self._tree.names.remote_text(gone.remote)
            self._publish(FolderFailed(self._parts.name, name, str(failure)))
            return Outcome(failed=1)

    async def _remove(self, gone: Gone) -> Outcome:
        """Remove what is left of a pair of folders, and forget it."""
        pair = self._others.pair(FolderTask(*gone.pair))
        if self._dry_run:
            await show_other_side(pair, gone.lacking, self._publish)
            return Outcome()
        done, is_empty = await empty_other_side(pair, gone.lacking, self._publish)
        is_removed = is_empty and await self._remove_empty(gone)
        await self._ledger.folder(*gone.pair).start_over()
        left = () if is_removed else (PairOfFolders(gone.remote, gone.local),)
        return Outcome(done, come_back=frozenset(left))

    async def _remove_empty(self, gone: Gone) -> bool:
        """Remove the folder itself; where that is refused it stays, empty, and comes back on the other side."""
        kept = gone.lacking.other
        return await self._parts.shores[kept].remove(gone.on(kept), self._tree.lists[kept])


def _by_name(gone: Gone) -> tuple[str, ...]:
    return gone.remote.parts
