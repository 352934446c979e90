"""Which folders form pairs, and which must be created where: the same three-way idea for folders themselves.

Folders are created on either side without asking. One that the ledger knows and that is gone from one side waits for
the user's word, however small it is: it is removed from the other side, or made anew. When all are gone from one side,
nothing is made there before he has spoken: the place may be none of ours.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Protocol

from postboat.errors import FolderRulesRefused
from postboat.model import Side, Verdict
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from postboat.model import FolderName


PairOfNames = tuple["FolderName", "FolderName"]
"""Remote and local name of a pair of folders."""

CONFIRMED_GONE = "gone from the other side, as was confirmed; deletions are not repeated here"
WHERE: Mapping[Side, str] = {Side.REMOTE: "on the server", Side.LOCAL: "locally"}
"""Where something is on each side, where that is a server and a tree of Maildirs."""


def half(pair: PairOfNames, side: Side) -> FolderName:
    """What a pair of folders is called on a side."""
    return pair[0] if side is Side.REMOTE else pair[1]


class Names(Protocol):
    """What the tree asks of the folder rules; `config.folder_names` answers."""

    def wanted(self, remote: FolderName) -> bool:
        """Whether the rules sync this remote folder."""
        ...

    def local_name(self, remote: FolderName) -> FolderName:
        """What a remote folder is called locally."""
        ...

    def remote_name(self, local: FolderName) -> FolderName | None:
        """What a folder that exists only locally is called remotely; None when the rules leave it out."""
        ...

    def sort(self, names: Sequence[FolderName]) -> list[FolderName]:
        """Remote names in the order in which to sync them."""
        ...


@dataclass(frozen=True, slots=True)
class FolderTask:
    """A folder pair to sync, and the side on which it must be created first."""

    remote: FolderName
    local: FolderName
    create: Side | None = None
    afresh: bool = False
    """Whether what was agreed on must be forgotten first: its user wants the lost half back."""

    @property
    def pair(self) -> PairOfNames:
        """Both names, as the ledger knows them."""
        return self.remote, self.local

    def on(self, side: Side) -> FolderName:
        """What the folder is called on a side."""
        return half(self.pair, side)


@dataclass(frozen=True, slots=True)
class Gone:
    """A pair of folders that was synced before, of which one side lacks its half now."""

    remote: FolderName
    local: FolderName
    lacking: Side
    verdict: Verdict = Verdict.WAITING
    """Never `RESTORE`: that makes it a task."""

    @property
    def pair(self) -> PairOfNames:
        """Both names, as the ledger knows them."""
        return self.remote, self.local

    def on(self, side: Side) -> FolderName:
        """What the folder is called on a side."""
        return half(self.pair, side)


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A pair of folders of which one side lacks its half, and that is not synced for its user does not want it."""

    remote: FolderName
    local: FolderName
    lacking: Side
    reason: str


@dataclass(frozen=True, slots=True)
class TreePlan:
    """What to do with an account's folders."""

    tasks: tuple[FolderTask, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    gone: tuple[Gone, ...] = ()
    all_gone: Side | None = None
    """The side that lost every folder, while nobody has said why: there are no tasks then."""
    forgotten: tuple[PairOfNames, ...] = ()
    """Pairs gone from both sides."""
    back: tuple[PairOfNames, ...] = ()
    """Pairs that are whole again, though one half was gone and held for it: wanted by the rules or not."""


@dataclass(frozen=True, slots=True)
class Folders:
    """What each side has, and what the ledger knows."""

    remote: Collection[FolderName]
    local: Collection[FolderName]
    known: Collection[PairOfNames] = ()
    """Pairs of folders that held messages when they were last synced."""
    empty: Collection[PairOfNames] = ()
    """Those that held none: made anew where they are missing, as nothing can be lost."""
    verdicts: Mapping[PairOfNames, Mapping[Side, Verdict]] = field(default_factory=dict)
    """What the user said of pairs of which one half was gone, by the side that still has it."""
    may_create: frozenset[Side] = frozenset(Side)
    may_lose: frozenset[Side] = frozenset(Side)
    """Sides on which deletions are repeated."""
    passed_over: Mapping[Side, Collection[FolderName]] = field(default_factory=lambda: dict.fromkeys(Side, ()))
    """Folders that are there and are not to be synced (`subscribedonly`)."""
    where: Mapping[Side, str] = field(default_factory=lambda: WHERE)
    """Where something is on each side, in words that follow a verb."""

    def lost_all(self) -> Side | None:
        """The side that has none of the folders any more that the ledger knows."""
        remote = any(pair[0] in self.remote for pair in (*self.known, *self.empty))
        local = any(pair[1] in self.local for pair in (*self.known, *self.empty))
        if not self.known or remote == local:
            return None
        return Side.LOCAL if remote else Side.REMOTE


def plan_tree(folders: Folders, names: Names) -> TreePlan:
    """Pair the folders of both sides. The rules must have been proved for these folders before."""
    planned: list[FolderTask | LeftAlone | Gone] = []
    pairs = {remote: names.local_name(remote) for remote in folders.remote if _wanted(remote, folders, names)}
    for remote, local in pairs.items():
        planned.append(_decided(FolderTask(remote, local, None if local in folders.local else Side.LOCAL), folders))
    before = {local: remote for remote, local in (*folders.empty, *folders.known)}
    for local in sorted(set(folders.local) - set(pairs.values()) - set(folders.passed_over[Side.LOCAL])):
        partner = _partner(local, before.get(local), names)
        if partner is not None and partner not in folders.remote:
            planned.append(_decided(FolderTask(partner, local, Side.REMOTE), folders))
    tasks = [task for task in planned if isinstance(task, FolderTask)]
    gone = tuple(each for each in planned if isinstance(each, Gone))
    lost = folders.lost_all()
    if lost and any(each.verdict is Verdict.WAITING for each in gone) and not any(task.afresh for task in tasks):
        return TreePlan(gone=gone, all_gone=lost)
    order = {name: place for place, name in enumerate(names.sort([task.remote for task in tasks]))}
    return TreePlan(
        tuple(sorted(tasks, key=lambda task: order[task.remote])),
        tuple(each for each in planned if isinstance(each, LeftAlone)),
        gone,
        forgotten=() if lost else tuple(_forgotten(folders)),
        back=tuple(pair for pair in folders.verdicts if pair[0] in folders.remote and pair[1] in folders.local),
    )


def _partner(local: FolderName, before: FolderName | None, names: Names) -> FolderName | None:
    """The remote half of a local folder that is paired with none; None when the rules leave it out.

    Several remote names may lead to it: then it is the one that it was synced with `before`, there or not, and never
    another that the rules would rather give to a new folder.
    """
    if before is not None and _leads_to(before, local, names):
        return before if names.wanted(before) else None
    return names.remote_name(local)


def _leads_to(remote: FolderName, local: FolderName, names: Names) -> bool:
    try:
        return names.local_name(remote) == local
    except FolderRulesRefused:  # they were proved for what is there, not for what was
        return False


def _forgotten(folders: Folders) -> Iterator[PairOfNames]:
    for remote, local in folders.known:
        if remote not in folders.remote and local not in folders.local:
            yield remote, local


def contradictions(
    tasks: Sequence[FolderTask], folders: Folders, known: Collection[tuple[FolderName, FolderName]]
) -> list[str]:
    """Pairs that would mix up mail: one half was synced with another folder before, and that one is still there.

    So it is after folder rules changed. Each problem names all three folders.
    """
    by_remote, by_local = {task.remote: task.local for task in tasks}, {task.local: task.remote for task in tasks}
    problems = []
    for remote, local in known:
        if (now := by_remote.get(remote, local)) != local and local in folders.local:
            what = f"remote folder '{remote}' was synced with local '{local}' so far, and would now be with '{now}'"
            problems.append(f"{what}: rename the local folder itself first, or set the folder rules back")
        elif (other := by_local.get(local, remote)) != remote and remote in folders.remote:
            what = f"local folder '{local}' was synced with remote '{remote}' so far, and would now be with '{other}'"
            problems.append(f"{what}: move the local folder away first, or set the folder rules back")
    return problems


def _wanted(remote: FolderName, folders: Folders, names: Names) -> bool:
    return remote not in folders.passed_over[Side.REMOTE] and names.wanted(remote)


def _decided(task: FolderTask, folders: Folders) -> FolderTask | LeftAlone | Gone:
    """What becomes of a pair: whose missing half someone may have deleted, or which must not be created."""
    if task.create is None:
        return task
    pair, lacking = task.pair, task.create
    verdict = folders.verdicts.get(pair, {}).get(lacking.other, Verdict.WAITING)
    if pair in folders.known and verdict is not Verdict.RESTORE:
        if verdict is Verdict.CONFIRMED and lacking.other not in folders.may_lose:
            return LeftAlone(*pair, lacking, CONFIRMED_GONE)
        return Gone(*pair, lacking, verdict)
    if lacking not in folders.may_create:
        where = folders.where[lacking]
        return LeftAlone(*pair, lacking, f"does not exist {where}, and createfolders or readonly forbids to create it")
    return replace(task, afresh=pair in folders.known)
