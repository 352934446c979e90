"""The last line of a run one way: both sides are looked at once more, and what is there is counted.

Nothing that the run believes to have done counts. A message of the source is on the target if the ledger pairs the two
and both still show it. Folders that both sides prove to be as they were agreed on need no look for that; of all others
every message is listed, without any checkpoint to build on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import AccountError, ConnectionLost, FolderError, KeysRenewed, PostboatError, ValidityChanged
from postboat.events import FolderFailed, PlanShown
from postboat.mirrored import Mirrored, NotThere, NotTold
from postboat.model import Side
from postboat.service.absentees import Seen, Why, missing
from postboat.service.steps import Steps
from postboat.service.tree import read_tree
from postboat.sync import subjects
from postboat.sync.folder_tree import CONFIRMED_GONE, FolderTask, Gone
from postboat.tasks import each, together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from postboat.events import Event, Publish
    from postboat.folder_list import ListedFolder
    from postboat.ledger.ledger import AccountLedger, FolderLedger
    from postboat.model import Changes, Key
    from postboat.service.assemble import AccountParts
    from postboat.service.run_options import RunOptions
    from postboat.service.tree import Tree
    from postboat.sync.folder_tree import LeftAlone
    from postboat.sync.ports import Replica

NAMED = 1000
"""Missing messages of an account whose subjects are read; of the others only their keys are told."""
FOLDERS_PER_CONNECTION = 4
"""Folders that are looked at at once for each connection."""
NOT_ALL_SHOWN = "not all of its messages are shown, or their names do not last"
ALL_GONE = "all folders are gone from one side, and nothing was synced"
ANOTHER = "it was made anew meanwhile: run again"


class Witness:
    """Hears what the run publishes, and passes it on: why folders failed, what a dry run would do. Then it counts."""

    def __init__(self, parts: AccountParts, options: RunOptions, publish: Publish) -> None:
        self._parts, self._options, self._publish = parts, options, publish
        self.failures: dict[str, str] = {}
        """By folder."""
        self.due: dict[str, frozenset[Key]] = {}
        """By folder: messages of the source that would be copied."""
        self.twins: dict[str, frozenset[Key]] = {}
        """By folder: messages of the source that the target holds, though nobody wrote that down yet."""

    def __call__(self, event: Event) -> None:
        """Take note of an event and publish it."""
        match event:
            case FolderFailed(folder=folder, reason=reason):
                self.failures[folder] = reason
            case PlanShown(folder=folder, operations=operations):
                self.due[folder] = frozenset(_of("copy", "message", operations))
                self.twins[folder] = frozenset(_of("adopt", "remote", operations))
        self._publish(event)

    async def verdict(self, ledger: AccountLedger) -> Mirrored:
        """Count what of the remote side is on the local one. What cannot be told is in what is returned, not raised."""
        parts, folders = self._parts, self._options.folders
        empty = Mirrored(parts.name, parts.config.remote.name, parts.config.local.name, only=folders)
        with Steps(parts.name, self._publish).telling() as steps:
            try:
                tree = await read_tree(parts, ledger, folders)
                if tree.plan.all_gone is not None:
                    return replace(empty, untold=(NotTold("", next(iter(tree.problems), ALL_GONE)),))
                return await _Count(parts, ledger, self, tree, steps).all(empty)
            except PostboatError as failure:
                return replace(empty, untold=(NotTold("", str(failure)),))


def _of(what: str, key: str, operations: Collection[Mapping[str, object]]) -> Iterator[Key]:
    return (str(one[key]) for one in operations if one["do"] == what and one.get("to") != Side.REMOTE.value)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder of the source."""

    name: str
    task: FolderTask
    lacks: str = ""
    """Why the target lacks it; "" when it does not."""
    was_there: str = ""
    """What became of its messages if the target held the folder before, as `NotThere.why` has it."""


class _Count:
    """The looks at all folders of an account, and what they showed."""

    def __init__(self, parts: AccountParts, ledger: AccountLedger, witness: Witness, tree: Tree, steps: Steps) -> None:
        self._parts, self._ledger, self._witness, self._tree, self._steps = parts, ledger, witness, tree, steps
        self._messages = self._there = self._due = self._done = self._headers = 0
        self._missing: dict[str, Sequence[NotThere]] = {}
        self._untold: dict[str, str] = {}

    async def all(self, empty: Mirrored) -> Mirrored:
        """Look at every folder of the source, and add up."""
        folders = list(self._folders())
        self._steps.reach("counting", 0, len(folders))

        async def count(folder: _Folder) -> None:
            await self._count_or_tell(folder)
            self._done += 1
            self._steps.reach("counting", self._done, len(folders))

        await each(folders, count, width=self._parts.width * FOLDERS_PER_CONNECTION)
        told = [NotTold("", problem) for problem in self._tree.lists[Side.REMOTE].problems if not empty.only]
        told += [NotTold(one.name, self._untold[one.name]) for one in folders if one.name in self._untold]
        absent = (one for folder in folders for one in self._missing.get(folder.name, ()))
        left_out, unsubscribed = ((), ()) if empty.only else self._not_looked_at(folders)
        return replace(
            empty,
            messages=self._messages,
            there=self._there,
            folders=len(folders) - len(self._untold),
            missing=tuple(absent),
            untold=tuple(told),
            left_out=left_out,
            unsubscribed=unsubscribed,
            due=self._due,
        )

    def _folders(self) -> Iterator[_Folder]:
        """The folders of the source that the rules want, in the order of work."""
        plan, text = self._tree.plan, self._tree.names.remote_text
        for task in plan.tasks:
            if task.create is not Side.REMOTE:
                yield _Folder(text(task.remote), task)
        lacking: tuple[LeftAlone | Gone, ...] = (*plan.left_alone, *plan.gone)
        for alone in lacking:
            if alone.lacking is Side.LOCAL:
                yield self._lacking(text(alone.remote), alone)

    def _lacking(self, name: str, alone: LeftAlone | Gone) -> _Folder:
        task = FolderTask(alone.remote, alone.local, Side.LOCAL)
        if isinstance(alone, Gone):
            return _Folder(name, task, "gone", "lost")
        return _Folder(name, task, alone.reason, "removed" if alone.reason == CONFIRMED_GONE else "")

    def _not_looked_at(self, folders: Collection[_Folder]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Folders of the source that nobody wanted: by the rules, and by subscription."""
        seen, text = {folder.task.remote for folder in folders}, self._tree.names.remote_text
        listed = self._tree.lists[Side.REMOTE].folders
        others = [folder for folder in sorted(listed, key=_by_name) if folder.selectable and folder.name not in seen]
        return (
            tuple(text(folder.name) for folder in others if folder.subscribed),
            tuple(text(folder.name) for folder in others if not folder.subscribed),
        )

    async def _count_or_tell(self, folder: _Folder) -> None:
        """Count a folder, a second time on new connections if they break."""
        try:
            try:
                await self._count(folder, again=False)
            except (ConnectionLost, ValidityChanged):
                await self._count(folder, again=True)
        except AccountError:
            raise
        except PostboatError as failure:
            self._untold[folder.name] = str(failure)

    async def _count(self, folder: _Folder, *, again: bool) -> None:
        task = folder.task
        ledger = self._ledger.folder(*task.pair)
        if self._tree.is_unchanged(task, self._parts.policy):
            count = await ledger.agreed(Side.REMOTE).count()
            self._messages, self._there = self._messages + count, self._there + count
            return
        source = self._parts.remote.mailbox(task.remote, self._tree.lists[Side.REMOTE], alone=again)
        seen, readonly = await self._look(folder, ledger, source, again=again)
        absent = await self._absent(seen, folder, ledger, source, readonly=readonly)
        due = self._witness.due.get(folder.name, frozenset()) & (seen.source.appeared.keys() | seen.lost)
        self._messages += seen.messages
        self._there += seen.messages - len(due) - sum(one.count for one in absent)
        self._due += len(due)
        self._missing[folder.name] = absent

    async def _look(self, folder: _Folder, ledger: FolderLedger, source: Replica, *, again: bool) -> tuple[Seen, bool]:
        """List both sides; also whether the target turned out not to be writable."""
        task, lists = folder.task, self._tree.lists
        if task.create is None:
            target = self._parts.local.mailbox(task.local, lists[Side.LOCAL], alone=again)
            here, there = await together(
                self._changes(task, Side.REMOTE, source, ledger), self._changes(task, Side.LOCAL, target, ledger)
            )
            paired = await ledger.pairings(Side.LOCAL, there.vanished)
            lost = frozenset(pairing.remote for pairing in paired.values())
            readonly = there.readonly
        else:
            here = await self._changes(task, Side.REMOTE, source, ledger)
            lost, readonly = frozenset(await ledger.flags(Side.REMOTE)), False
        return Seen(folder.name, await ledger.count(), here, lost - here.vanished), readonly

    async def _changes(self, task: FolderTask, side: Side, replica: Replica, ledger: FolderLedger) -> Changes:
        """All that a side shows; a ledger that is not opened has no checkpoint to spare it anything."""
        known = self._tree.known.get(task.pair)
        if known is not None and known.validity[side] not in (None, await replica.validity()):
            raise FolderError(ANOTHER)
        try:
            changes = await replica.changes(ledger.agreed(side))
        except KeysRenewed as renewed:
            raise FolderError(NOT_ALL_SHOWN) from renewed
        if not changes.complete:
            raise FolderError(NOT_ALL_SHOWN)
        return changes

    async def _absent(
        self, seen: Seen, folder: _Folder, ledger: FolderLedger, source: Replica, *, readonly: bool
    ) -> list[NotThere]:
        why = Why(
            folder=self._witness.failures.get(folder.name, folder.lacks),
            lost=folder.was_there or ("lost" if self._is_emptied(seen, folder) else "removed"),
            readonly=readonly or Side.LOCAL in self._parts.policy.readonly,
            refused={aside.origin: aside.reason for aside in await ledger.asides() if aside.to is Side.LOCAL},
            unsettled=frozenset(intent.origin for intent in await ledger.intents() if intent.to is Side.LOCAL),
        )
        there, due = self._witness.twins.get(folder.name, ()), self._witness.due.get(folder.name, ())
        return await self._named(missing(seen, why, there=there, due=due), source)

    def _is_emptied(self, seen: Seen, folder: _Folder) -> bool:
        """Whether the target holds none any more of so many messages that nobody need have removed them."""
        limits, held = self._parts.config.limits, seen.agreed - len(seen.source.vanished)
        if limits is None or self._tree.is_exempt(folder.task):
            return False
        return len(seen.lost) == held >= limits.whole

    async def _named(self, absent: list[NotThere], source: Replica) -> list[NotThere]:
        """Add what messages are about, as long as they are not very many."""
        keys = [one.key for one in absent if one.key][: max(0, NAMED - self._headers)]
        self._headers += len(keys)
        try:
            headers: Mapping[Key, bytes] = await source.headers(keys) if keys else {}
        except AccountError:
            raise
        except PostboatError:
            return absent
        return [_about(one, headers[one.key]) if one.key in headers else one for one in absent]


def _by_name(folder: ListedFolder) -> tuple[str, ...]:
    return folder.name.parts


def _about(one: NotThere, header: bytes) -> NotThere:
    return replace(one, subject=subjects.subject(header), date=subjects.date(header))
