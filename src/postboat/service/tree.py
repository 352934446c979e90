"""Reads the folders of both sides, proves the folder rules on them and pairs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.folder_names import NameMap
from postboat.errors import FolderRulesRefused
from postboat.folder_list import FolderList
from postboat.model import FolderName, Side, Verdict
from postboat.service.recorded import read_recorded
from postboat.sync.checkpoints import is_unchanged
from postboat.sync.folder_tree import Folders, Gone, TreePlan, contradictions, half, plan_tree
from postboat.tasks import together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.model import Glimpse, Policy
    from postboat.service.assemble import AccountParts
    from postboat.service.recorded import Recorded
    from postboat.service.shores.shore import Shore
    from postboat.sync.folder_tree import FolderTask, LeftAlone, PairOfNames


@dataclass(frozen=True, slots=True)
class Tree:
    """An account's folders: as both sides list them, what each is called on the other, and what to do with them."""

    lists: Mapping[Side, FolderList]
    names: NameMap
    plan: TreePlan
    problems: tuple[str, ...]
    """Folders that cannot be handled, in words for people; the others go on."""
    recorded: Recorded
    known: Mapping[PairOfNames, KnownFolder]
    """What the ledger holds."""
    seen: Mapping[Side, Mapping[FolderName, Glimpse]]
    """Folders as they are, without a look inside."""

    def is_known(self, task: FolderTask) -> bool:
        """Whether the pair was synced before, so that messages may have left it."""
        known = self.known.get(task.pair)
        return known is not None and known.has_pairings and not task.afresh

    def was_in_step(self, task: FolderTask) -> bool:
        """Whether a sync of the pair ever came to its end, as far as can be told.

        One that did leaves a checkpoint of the remote folder, but for an empty one on a server without CONDSTORE.
        """
        known = self.known.get(task.pair)
        if known is None or task.afresh or known.validity[Side.REMOTE] is None:
            return False
        return known.checkpoint[Side.REMOTE] is not None or not known.has_pairings

    def holds_any(self, task: FolderTask) -> bool:
        """Whether deletions were held in the pair when the last run ended."""
        known = self.known.get(task.pair)
        return known is not None and bool(known.verdicts)

    def is_unchanged(self, task: FolderTask, policy: Policy, *, quick: bool = False) -> bool:
        """Whether both folders are proved to be as they were agreed on, with nothing begun, held or not recorded.

        With `quick`, of a server that cannot prove it no more than the flags may have changed.
        """
        known = self.known.get(task.pair)
        if known is None or known.has_intents or known.verdicts or task.create is not None:
            return False
        return is_unchanged(known.validity, known.checkpoint, self.glimpses(task), policy, quick=quick)

    def trusted_glimpse(self, task: FolderTask, side: Side) -> Glimpse | None:
        """What the list told of a folder, unless it contradicts what was recorded of it.

        What a list tells of a renamed mailbox may still be another one's (Cyrus keeps its answers to STATUS): that
        would drop all that was agreed on, so a UIDVALIDITY that is not the recorded one is asked for.
        """
        known, told = self.known.get(task.pair), self.glimpses(task)[side]
        recorded = known.validity[side] if known is not None else None
        return told if told is None or recorded in (None, told.validity) else None

    def glimpses(self, task: FolderTask) -> dict[Side, Glimpse | None]:
        """Both folders as they are, as far as that is known without opening them."""
        return {side: self.seen[side].get(task.on(side)) for side in Side}

    def is_exempt(self, task: FolderTask) -> bool:
        """Whether it is for trash or junk on either side, which may be emptied as one likes."""
        return any(found.role for side in Side if (found := self.lists[side].find(task.on(side))) is not None)

    @property
    def local_names(self) -> Mapping[str, str]:
        """What events call local folders, by what they are called where they are."""
        found = ((self.lists[Side.LOCAL].find(task.local), task.remote) for task in self.plan.tasks)
        return {local.wire: self.names.remote_text(remote) for local, remote in found if local is not None}

    def lacks_levels(self, sides: Collection[Side]) -> bool:
        """Whether folders are to be created on one of `sides` below levels that are no folders there.

        Some servers make folders of these, too (Cyrus), which nobody has asked for and the other side has not.
        """
        return any(
            self.lists[side].find(above) is None and above not in made
            for side in sides
            for made in [{task.on(side) for task in self.plan.tasks if task.create is side}]
            for name in made
            for above in (FolderName(name.parts[:count]) for count in range(1, len(name.parts)))
            if not above.is_inbox
        )

    @property
    def synced_names(self) -> Collection[str]:
        """Names that events use of the folders that are synced."""
        return {self.names.remote_text(task.remote) for task in self.plan.tasks}

    def named(self, names: Collection[str]) -> Iterator[FolderTask]:
        """The pairs of folders that events call so."""
        return (task for task in self.plan.tasks if self.names.remote_text(task.remote) in names)

    def name_of(self, alone: LeftAlone | Gone) -> str:
        """What a folder with one half is called where it is, and where it is missing if that differs."""
        remote, local = self.names.remote_text(alone.remote), self.names.local_text(alone.local)
        if alone.remote == alone.local:
            return remote if alone.lacking is Side.LOCAL else local
        return f"{remote} (locally: {local})"


async def read_tree(parts: AccountParts, ledger: AccountLedger, only: Sequence[str] = ()) -> Tree:
    """List both sides and pair their folders; without a connection when a root of Maildirs is missing.

    Raises `FolderRulesRefused` with every problem of the rules at once, before anything is created or changed.
    """
    recorded = await read_recorded(parts, ledger)
    if recorded.missing:
        return _rootless(parts, recorded, recorded.missing[0])
    remote, local = await together(*(_listed(parts.shores[side], side, recorded) for side in Side))
    lists = {Side.REMOTE: remote, Side.LOCAL: local}
    names = _names(parts, lists, only)
    may_create = _may_create(parts)
    there = {side: {folder.name for folder in lists[side].folders if folder.selectable} for side in Side}
    offered = {side: [name for name in there[side] if _is_subscribed(name, lists[side])] for side in Side}
    _refuse(names.prove(offered[Side.REMOTE], offered[Side.LOCAL], may_create_remote=Side.REMOTE in may_create))
    await _disown_lost(parts, recorded, there)
    folders = Folders(
        there[Side.REMOTE],
        there[Side.LOCAL],
        recorded.known,
        recorded.empty,
        recorded.verdicts,
        may_create,
        _may_lose(parts.policy),
        {side: frozenset(each.name for each in lists[side].folders if not each.subscribed) for side in Side},
        parts.where,
    )
    plan = plan_tree(folders, names)
    _refuse(contradictions(plan.tasks, folders, recorded.known))
    present = [(side, [task.on(side) for task in plan.tasks if task.create is not side]) for side in Side]
    return Tree(
        lists,
        names,
        plan,
        (*remote.problems, *local.problems, *_not_made(plan, names, recorded)),
        recorded,
        {(folder.remote, folder.local): folder for folder in recorded.folders},
        {side: await parts.shores[side].glimpses(wanted, lists[side]) for side, wanted in present},
    )


async def _listed(shore: Shore, side: Side, recorded: Recorded) -> FolderList:
    known, empty = ([half(pair, side) for pair in pairs] for pairs in (recorded.known, recorded.empty))
    return await shore.list(known, empty)


def _is_subscribed(name: FolderName, listed: FolderList) -> bool:
    found = listed.find(name)
    return found is not None and found.subscribed


def _not_made(plan: TreePlan, names: NameMap, recorded: Recorded) -> Iterator[str]:
    """Folders that their user wants back where none may be created."""
    for alone in plan.left_alone:
        said = recorded.verdicts.get((alone.remote, alone.local), {})
        if said.get(alone.lacking.other) is Verdict.RESTORE:
            yield f"folder {names.remote_text(alone.remote)!r} is wanted back, but {alone.reason}"


def _rootless(parts: AccountParts, recorded: Recorded, lost: Side) -> Tree:
    """The tree of which nothing is to be seen: an unmounted disk is not an instruction to delete."""
    said = recorded.verdicts
    gone = [Gone(*pair, lost, said.get(pair, {}).get(lost.other, Verdict.WAITING)) for pair in recorded.known]
    lists = {side: FolderList(_delimiter(parts.shores[side])) for side in Side}
    problem = f"{parts.shores[lost].root} is missing, though mail was synced to it. Is its disk mounted?"
    plan = TreePlan(gone=tuple(gone), all_gone=lost)
    return Tree(lists, _names(parts, lists), plan, (problem,), recorded, {}, {side: {} for side in Side})


def _delimiter(shore: Shore) -> str | None:
    """What stands between levels of names where no list tells it."""
    return None if shore.root is None else shore.layout.split(" ", 1)[1]


def _names(parts: AccountParts, lists: Mapping[Side, FolderList], only: Sequence[str] = ()) -> NameMap:
    remote, local = lists[Side.REMOTE], lists[Side.LOCAL]
    return NameMap(
        parts.config.remote.rules,
        parts.config.local.rules,
        delimiter=remote.delimiter,
        namespace_prefix=remote.namespace_prefix,
        local_sep=local.delimiter,
        local_prefix=local.namespace_prefix,
        between_servers=len(parts.servers) > 1,
        only=tuple(only),
    )


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise FolderRulesRefused("\n".join(problems))


def _may_create(parts: AccountParts) -> frozenset[Side]:
    sides = ((side, parts.config.on(side)) for side in Side)
    return frozenset(side for side, config in sides if config.createfolders and not config.readonly)


def _may_lose(policy: Policy) -> frozenset[Side]:
    """The sides on which whole folders may be deleted."""
    wanted = frozenset(side for side in Side if side.other in policy.sync_deletes)
    return wanted & policy.expunge - policy.readonly


async def _disown_lost(parts: AccountParts, recorded: Recorded, there: Mapping[Side, Collection[FolderName]]) -> None:
    for side, shore in parts.shores.items():
        if lost := [name for pair in recorded.known if (name := half(pair, side)) not in there[side]]:
            await shore.disown(lost)
