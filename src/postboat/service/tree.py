"""Reads the folders of both sides, proves the folder rules on them and pairs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.folder_names import NameMap
from postboat.errors import FolderRulesRefused
from postboat.folder_list import FolderList
from postboat.model import Side, Verdict
from postboat.service.recorded import read_recorded
from postboat.sync.checkpoints import is_unchanged
from postboat.sync.folder_tree import Folders, Gone, TreePlan, contradictions, plan_tree
from postboat.sync.tasks import together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.model import FolderName, Glimpse, Policy
    from postboat.service.assemble import AccountParts
    from postboat.service.recorded import Recorded
    from postboat.sync.folder_tree import FolderTask, LeftAlone


@dataclass(frozen=True, slots=True)
class Tree:
    """An account's folders: as the server lists them, what each is called locally, and what to do with them."""

    remote: FolderList
    names: NameMap
    plan: TreePlan
    problems: tuple[str, ...]
    """Folders that cannot be handled, in words for people; the others go on."""
    recorded: Recorded
    known: Mapping[tuple[FolderName, FolderName], KnownFolder]
    """What the ledger holds, by remote and local name."""
    on_disk: Mapping[FolderName, Glimpse]
    """Local folders as they are, without a look inside."""

    def is_known(self, task: FolderTask) -> bool:
        """Whether the pair was synced before, so that messages may have left it."""
        known = self.known.get((task.remote, task.local))
        return known is not None and known.has_pairings and not task.afresh

    def was_in_step(self, task: FolderTask) -> bool:
        """Whether a sync of the pair ever came to its end, as far as can be told.

        One that did leaves a checkpoint of the server's mailbox, but for an empty one on a server without CONDSTORE.
        """
        known = self.known.get((task.remote, task.local))
        if known is None or task.afresh or known.validity[Side.REMOTE] is None:
            return False
        return known.checkpoint[Side.REMOTE] is not None or not known.has_pairings

    def holds_any(self, task: FolderTask) -> bool:
        """Whether deletions were held in the pair when the last run ended."""
        known = self.known.get((task.remote, task.local))
        return known is not None and bool(known.verdicts)

    def is_unchanged(self, task: FolderTask, policy: Policy, *, quick: bool = False) -> bool:
        """Whether both folders are proved to be as they were agreed on, with nothing begun, held or not recorded.

        With `quick`, of a server that cannot prove it no more than the flags may have changed.
        """
        known = self.known.get((task.remote, task.local))
        if known is None or known.has_intents or known.verdicts or task.create is not None:
            return False
        return is_unchanged(known.validity, known.checkpoint, self.glimpses(task), policy, quick=quick)

    def trusted_glimpse(self, task: FolderTask) -> Glimpse | None:
        """What the list told of the remote folder, unless it contradicts what was recorded of it."""
        known, told = self.known.get((task.remote, task.local)), self.glimpses(task)[Side.REMOTE]
        recorded = known.validity[Side.REMOTE] if known is not None else None
        return told if told is None or recorded in (None, told.validity) else None

    def glimpses(self, task: FolderTask) -> dict[Side, Glimpse | None]:
        """Both folders as they are, as far as that is known without opening them."""
        remote = self.remote.find(task.remote)
        return {Side.REMOTE: remote.glimpse if remote else None, Side.LOCAL: self.on_disk.get(task.local)}

    @property
    def wire_names(self) -> Mapping[str, str]:
        """Wire names of the remote folders, by the names that events use."""
        return {self.names.remote_text(folder.name): folder.wire for folder in self.remote.folders}

    @property
    def synced_names(self) -> Collection[str]:
        """Names that events use of the folders that are synced."""
        return {self.names.remote_text(task.remote) for task in self.plan.tasks}

    def halves(self, names: Collection[str]) -> Iterator[str | FolderName]:
        """Wire names and local names of the folders that events call so."""
        yield from (wire for name, wire in self.wire_names.items() if name in names)
        yield from (task.local for task in self.plan.tasks if self.names.remote_text(task.remote) in names)

    def name_of(self, alone: LeftAlone | Gone) -> str:
        """What a folder with one half is called where it is, and where it is missing if that differs."""
        remote, local = self.names.remote_text(alone.remote), self.names.local_text(alone.local)
        if alone.remote == alone.local:
            return remote if alone.lacking is Side.LOCAL else local
        return f"{remote} (on disk: {local})"


async def read_tree(parts: AccountParts, ledger: AccountLedger, only: Sequence[str] = ()) -> Tree:
    """List both sides and pair their folders; without a connection when the root of the Maildirs is missing.

    Raises `FolderRulesRefused` with every problem of the rules at once, before anything is created or changed.
    """
    recorded = await read_recorded(parts, ledger)
    if recorded.root_is_missing:
        return _rootless(parts, recorded)
    remote = parts.config.remote
    listing, (local, local_problems) = await together(
        parts.folders.list(
            subscribed_only=remote.subscribedonly,
            reference=remote.reference,
            known=[name for name, _ in recorded.known],
            empty=[name for name, _ in recorded.empty],
        ),
        parts.store.list(),
    )
    used = [name for _, name in recorded.known]
    local = [*local, *await parts.store.completed(used), *filter(parts.store.is_barred, used)]
    names = _names(parts, listing, only)
    may_create = _may_create(parts)
    offered = [folder.name for folder in listing.folders if folder.selectable and folder.subscribed]
    _refuse(names.prove(offered, local, may_create_remote=Side.REMOTE in may_create))
    await _disown_lost(parts, recorded, local)
    folders = Folders(
        {folder.name for folder in listing.folders if folder.selectable},
        set(local),
        recorded.known,
        recorded.empty,
        recorded.verdicts,
        may_create,
        _may_lose(parts.policy),
        frozenset(folder.name for folder in listing.folders if not folder.subscribed),
    )
    plan = plan_tree(folders, names)
    _refuse(contradictions(plan.tasks, folders, recorded.known))
    return Tree(
        listing,
        names,
        plan,
        (*listing.problems, *local_problems, *_not_made(plan, names, recorded)),
        recorded,
        {(folder.remote, folder.local): folder for folder in recorded.folders},
        await parts.store.glimpses([task.local for task in plan.tasks if task.create is not Side.LOCAL]),
    )


def _not_made(plan: TreePlan, names: NameMap, recorded: Recorded) -> Iterator[str]:
    """Folders that their user wants back where none may be created."""
    for alone in plan.left_alone:
        said = recorded.verdicts.get((alone.remote, alone.local), {})
        if said.get(alone.lacking.other) is Verdict.RESTORE:
            yield f"folder {names.remote_text(alone.remote)!r} is wanted back, but {alone.reason}"


def _rootless(parts: AccountParts, recorded: Recorded) -> Tree:
    """The tree of which nothing is to be seen: an unmounted disk is not an instruction to delete."""
    said = recorded.verdicts
    gone = [Gone(*pair, Side.LOCAL, said.get(pair, {}).get(Side.REMOTE, Verdict.WAITING)) for pair in recorded.known]
    listing = FolderList(None)
    problem = f"{parts.store.root} is missing, though mail was synced to it. Is its disk mounted?"
    plan = TreePlan(gone=tuple(gone), all_gone=Side.LOCAL)
    return Tree(listing, _names(parts, listing), plan, (problem,), recorded, {}, {})


def _names(parts: AccountParts, listing: FolderList, only: Sequence[str] = ()) -> NameMap:
    return NameMap(
        parts.config.remote.rules,
        parts.config.local.rules,
        delimiter=listing.delimiter,
        namespace_prefix=listing.namespace_prefix,
        local_sep=parts.store.layout.sep,
        only=tuple(only),
    )


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise FolderRulesRefused("\n".join(problems))


def _may_create(parts: AccountParts) -> frozenset[Side]:
    sides = ((Side.REMOTE, parts.config.remote), (Side.LOCAL, parts.config.local))
    return frozenset(side for side, config in sides if config.createfolders and not config.readonly)


def _may_lose(policy: Policy) -> frozenset[Side]:
    """The sides on which whole folders may be deleted."""
    marks_only = frozenset(Side) - policy.expunge
    return frozenset(side for side in Side if side.other in policy.sync_deletes) - policy.readonly - marks_only


async def _disown_lost(parts: AccountParts, recorded: Recorded, local: Collection[FolderName]) -> None:
    present = set(local)
    for _, name in recorded.known:
        if name not in present:
            await parts.store.disown(name)
