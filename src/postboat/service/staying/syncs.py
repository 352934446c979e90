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
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from postboat.events import Event, Publish
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.outcome import Outcome
    from postboat.service.staying.agenda import Work
    from postboat.service.staying.deletions import Deletions
    from postboat.service.staying.disk_watching import DiskWatching
    from postboat.service.staying.server_watching import ServerWatching
    from postboat.service.tree import Tree
    from postboat.sync.guard import Guard


class Syncs:
    """Does what is due. `server` is the watch to stand at before folders are listed; None: there is none.

    `now` is in seconds on a clock that goes on while the machine sleeps.
    """

    def __init__(
        self,
        parts: AccountParts,
        publish: Publish,
        *,
        server: ServerWatching | None,
        disk: DiskWatching,
        deletions: Deletions,
        now: Callable[[], float],
    ) -> None:
        self._parts, self._publish = parts, publish
        self._server, self._disk = server, disk
        self._deletions, self._now = deletions, now
        self._quick = Quick(parts.config.quick)
        self._failed: set[str] = set()
        """Folders that failed in the sync under way, or else in the last one, as events name them."""
        self.tree: Tree | None = None
        """The account's folders as the last look at everything found them; None before the first."""

    async def do(self, work: Work) -> tuple[Work, Outcome]:
        """Do the work; returns what was done, which may be more, and what became of it. Raises as `sync_everything`."""
        parts = self._parts
        parts.pool.renew()
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
            self._parts,
            options,
            self._tell,
            tree,
            work,
            guard=guard,
            untouched=self._disk.untouched,
            hears_all=self._server is not None and self._server.hears_all,
        )

    async def _everything(self, work: Work, guard: Guard) -> Outcome:
        from postboat.service.account import sync_everything

        if self._server is not None:
            existing = () if self.tree is None else self.tree.wire_names.values()
            await self._server.stand(existing)  # before the list, so that nothing falls between
        options = self._quick.options(asked=work.asked)
        outcome = await sync_everything(self._parts, options, self._tell, listed=self._listed, guard=guard)
        self._quick.done(options)
        await self._follow_made()
        return outcome

    async def _listed(self, tree: Tree) -> None:
        self.tree = tree
        await self._disk.follow([task.local for task in tree.plan.tasks if task.create is not Side.LOCAL])

    async def _follow_made(self) -> None:
        """Watch also the folders that were made on disk."""
        tasks = self.tree.plan.tasks if self.tree is not None else ()
        if any(task.create is Side.LOCAL for task in tasks):
            await self._disk.follow([task.local for task in tasks])

    def _tell(self, event: Event) -> None:
        if isinstance(event, FolderFailed):
            self._failed.add(event.folder)
        self._publish(event)

    # What the last look at everything found

    @property
    def failed(self) -> Iterator[str | FolderName]:
        """Wire names and local names of the folders that failed in the last sync."""
        assert self.tree is not None, "folders are listed before any fails"
        return self.tree.halves(self._failed)

    def wire_names(self, folders: Sequence[str]) -> frozenset[str] | None:
        """Wire names of folders named as events name them; None when one is not known."""
        names = {} if self.tree is None else self.tree.wire_names
        return frozenset(names[name] for name in folders) if names.keys() >= set(folders) else None

    def refuse_unknown(self, folders: Iterable[str]) -> None:
        """Raise `ConfigError` for folders that were not synced."""
        synced = set() if self.tree is None else self.tree.synced_names
        account = self._parts.name
        for name in folders:
            if synced and name not in synced:
                all_told = "; `postboat folders` lists all there are, and why some are not synced"
                hint = did_you_mean(name, synced) or all_told
                raise ConfigError([f"{account}:{name}: account {account} syncs no folder {name}{hint}"])
