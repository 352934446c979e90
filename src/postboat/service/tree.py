"""Reads the folders of both sides, proves the folder rules on them and pairs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.folder_names import NameMap
from postboat.errors import FolderRulesRefused, StoreMissing
from postboat.model import Side
from postboat.sync.checkpoints import is_unchanged
from postboat.sync.folder_tree import Folders, contradictions, plan_tree
from postboat.sync.tasks import together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.imap.folders import RemoteFolders
    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.model import FolderName, Glimpse, Policy
    from postboat.service.assemble import AccountParts
    from postboat.sync.folder_tree import FolderTask, LeftAlone, TreePlan


@dataclass(frozen=True, slots=True)
class Tree:
    """An account's folders: as the server lists them, what each is called locally, and what to do with them."""

    remote: RemoteFolders
    local: tuple[FolderName, ...]
    names: NameMap
    plan: TreePlan
    problems: tuple[str, ...]
    """Folders that cannot be handled, in words for people; the others go on."""
    known: Mapping[tuple[FolderName, FolderName], KnownFolder]
    """What the ledger holds, by remote and local name."""
    on_disk: Mapping[FolderName, Glimpse]
    """Local folders as they are, without a look inside."""

    def is_known(self, task: FolderTask) -> bool:
        """Whether the pair was synced before, so that messages may have left it."""
        known = self.known.get((task.remote, task.local))
        return known is not None and known.has_pairings

    def holds_any(self, task: FolderTask) -> bool:
        """Whether deletions were held in the pair when the last run ended."""
        known = self.known.get((task.remote, task.local))
        return known is not None and bool(known.verdicts)

    def is_unchanged(self, task: FolderTask, policy: Policy) -> bool:
        """Whether both folders are proved to be as they were agreed on, with nothing begun, held or not recorded."""
        known = self.known.get((task.remote, task.local))
        if known is None or known.has_intents or known.verdicts or task.create is not None:
            return False
        return is_unchanged(known.validity, known.checkpoint, self.glimpses(task), policy)

    def glimpses(self, task: FolderTask) -> dict[Side, Glimpse | None]:
        """Both folders as they are, as far as that is known without opening them."""
        remote = self.remote.find(task.remote)
        return {Side.REMOTE: remote.glimpse if remote else None, Side.LOCAL: self.on_disk.get(task.local)}

    def name_of(self, alone: LeftAlone) -> str:
        """What a folder that is left alone is called where it is, and where it is missing if that differs."""
        remote, local = self.names.remote_text(alone.remote), self.names.local_text(alone.local)
        if alone.remote == alone.local:
            return remote if alone.lacking is Side.LOCAL else local
        return f"{remote} (on disk: {local})"


def _missing(parts: AccountParts, what: str) -> str:
    """An unmounted disk is not an instruction to delete."""
    advice = f"Is its disk mounted? Nothing was changed. To start over in an empty place, remove {parts.ledger_path}"
    return f"{what}, though mail was synced to it. {advice}"


async def _refuse_another_layout(parts: AccountParts, ledger: AccountLedger) -> None:
    """Under another `sep` or `layout` the directories on disk would be taken for other folders."""
    present = f"{parts.store.layout.kind} {parts.store.layout.sep}"
    before = await ledger.layout(present)
    if before != present:
        kind, sep = before.split(" ", 1)
        raise FolderRulesRefused(
            f"the folders in {parts.store.root} are laid out as layout = {kind!r}, sep = {sep!r}: set it back, or "
            f"rename the directories by hand and remove {parts.ledger_path}, whereupon mail is matched and not copied"
        )


async def read_tree(parts: AccountParts, ledger: AccountLedger, only: Sequence[str] = ()) -> Tree:
    """List both sides and pair their folders.

    Raises `FolderRulesRefused` with every problem of the rules at once, before anything is created or changed.
    """
    config = parts.config
    recorded = await ledger.known()
    known = [folder for folder in recorded if folder.has_pairings]
    if known and not await parts.store.exists():
        raise StoreMissing(_missing(parts, f"{parts.store.root} is missing"))
    await _refuse_another_layout(parts, ledger)
    listing, (local, local_problems) = await together(
        parts.folders.list(
            subscribed_only=config.remote.subscribedonly,
            reference=config.remote.reference,
            known=[folder.remote for folder in known],
            empty=[folder.remote for folder in recorded if not folder.has_pairings],
        ),
        parts.store.list(),
    )
    names = NameMap(
        config.remote.rules,
        config.local.rules,
        delimiter=listing.delimiter,
        namespace_prefix=listing.namespace_prefix,
        local_sep=parts.store.layout.sep,
        only=tuple(only),
    )
    remote = [folder.name for folder in listing.folders if folder.selectable]
    may_create = frozenset(
        side
        for side, repository in ((Side.REMOTE, config.remote), (Side.LOCAL, config.local))
        if repository.createfolders and not repository.readonly
    )
    offered = [folder.name for folder in listing.folders if folder.selectable and folder.subscribed]
    problems = names.prove(offered, local, may_create_remote=Side.REMOTE in may_create)
    if problems:
        raise FolderRulesRefused("\n".join(problems))
    present = set(local)
    lost = [folder for folder in known if folder.local not in present]
    for folder in lost:
        await parts.store.disown(folder.local)
    if lost and lost == known:
        raise StoreMissing(_missing(parts, f"none of the folders synced before is in {parts.store.root}"))
    folders = Folders(
        set(remote),
        set(local),
        {pair.remote: pair.local for pair in known},
        may_create,
        frozenset(folder.name for folder in listing.folders if not folder.subscribed),
    )
    plan = plan_tree(folders, names)
    if mixed := contradictions(plan.tasks, folders, [(pair.remote, pair.local) for pair in known]):
        raise FolderRulesRefused("\n".join(mixed))
    return Tree(
        listing,
        tuple(local),
        names,
        plan,
        (*listing.problems, *local_problems),
        {(folder.remote, folder.local): folder for folder in recorded},
        await parts.store.glimpses([task.local for task in plan.tasks if task.create is not Side.LOCAL]),
    )
