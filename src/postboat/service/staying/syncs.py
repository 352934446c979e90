"""The syncs of an account that is kept in step, one after the other, and what the last of them found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.config.document import did_you_mean
from postboat.errors import ConfigError
from postboat.events import FolderFailed
from postboat.model import Side
from postboat.service.staying.quick import Quick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from postboat.events import Event, Publish
    from postboat.service.assemble import AccountParts
    from postboat.service.outcome import Outcome
    from postboat.service.staying.agenda import Mailbox, Place, Work
    from postboat.service.staying.deletions import Deletions
    from postboat.service.staying.watches import Watches
    from postboat.service.tree import Tree
    from postboat.sync.guard import Guard


class Syncs:
    """Does what is due. `now` is in seconds on a clock that goes on while the machine sleeps."""

    def __init__(
        self,
        parts: AccountParts,
        publish: Publish,
        *,
        watches: Watches,
        deletions: Deletions,
        now: Callable[[], float],
    ) -> None:
        self._parts, self._publish = parts, publish
        self._watches, self._deletions, self._now = watches, deletions, now
        self._quick = Quick(parts.config.quick)
        self._failed: set[str] = set()
        """Folders that failed in the sync under way, or else in the last one, as events name them."""
        self.tree: Tree | None = None
        """The account's folders as the last look at everything found them; None before the first."""

    async def do(self, work: Work) -> tuple[Work, Outcome]:
        """Do the work; returns what was done, which may be more, and what became of it. Raises as `sync_everything`."""
        parts = self._parts
        self._watches.renew()
        self._failed.clear()
        guard = self._deletions.guard(parts.config.limits, self._now())
        try:
            if self.tree is not None and not work.everything:
                outcome = await self._some(self.tree, work, guard)
                if outcome is not None:
                    return work, outcome
            return replace(work, everything=True), await self._everything(work, guard)
        finally:
            self._deletions.remember(guard, self._now())

    async def _some(self, tree: Tree, work: Work, guard: Guard) -> Outcome | None:
        from postboat.service.staying.some_folders import sync_some

        options = self._quick.options(asked=True)
        return await sync_some(
            self._parts, options, self._tell, tree, work, self._watches.untouched, guard=guard, deaf=self._watches.deaf
        )

    async def _everything(self, work: Work, guard: Guard) -> Outcome:
        from postboat.service.account import sync_everything

        await self._watches.stand(self.tree)  # before the list, so that nothing falls between
        options = self._quick.options(asked=work.asked)
        outcome = await sync_everything(self._parts, options, self._tell, listed=self._listed, guard=guard)
        self._quick.done(options)
        if self.tree is not None:
            await self._watches.follow(self.tree, made=True)
        return outcome

    async def _listed(self, tree: Tree) -> None:
        self.tree = tree
        await self._watches.follow(tree)

    def _tell(self, event: Event) -> None:
        if isinstance(event, FolderFailed):
            self._failed.add(event.folder)
        self._publish(event)

    # What the last look at everything found

    @property
    def failed(self) -> Iterator[Mailbox | Place]:
        """The folders that failed in the last sync, by all that is heard of them."""
        assert self.tree is not None, "folders are listed before any fails"
        for task in self.tree.named(self._failed):
            for side in Side:
                yield side, task.on(side)
                if (found := self.tree.lists[side].find(task.on(side))) is not None:
                    yield side, found.wire

    def knows(self, folders: Iterable[str]) -> bool:
        """Whether folders are synced that are named so, as events name them."""
        return self.tree is not None and set(self.tree.synced_names).issuperset(folders)

    def refuse_unknown(self, folders: Iterable[str]) -> None:
        """Raise `ConfigError` for folders that were not synced."""
        synced = set() if self.tree is None else self.tree.synced_names
        account = self._parts.name
        for name in folders:
            if synced and name not in synced:
                all_told = "; `postboat folders` lists all there are, and why some are not synced"
                hint = did_you_mean(name, synced) or all_told
                raise ConfigError([f"{account}:{name}: account {account} syncs no folder {name}{hint}"])
