"""Which folders form pairs, and which must be created where: the same three-way idea for folders themselves.

Folders are created on either side and never removed: one that the ledger knows and that is gone from one side is left
alone on the other, and told.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from postboat.model import Side
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from postboat.model import FolderName


GONE = {
    Side.LOCAL: "gone from the disk, though synced before. "
    "Is its disk mounted, did localfolders, sep or layout change? "
    "To fetch it again, make its directory anew with cur, new and tmp in it; "
    "to be rid of it, delete it on the server too",
    Side.REMOTE: "gone from the server, though synced before. "
    "Was it renamed there, did remoteuser or reference change? "
    "To send it up again, create it on the server; to be rid of it, remove its directory too",
}
"""Why a folder is left alone, by the side that lost it: what to check comes first, as nobody need have deleted it."""


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


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A pair of folders of which one side lacks its half, and that is not synced."""

    remote: FolderName
    local: FolderName
    lacking: Side
    reason: str
    chosen: bool = False
    """Whether it is the user's own choice, so that nobody need be told in every run."""


@dataclass(frozen=True, slots=True)
class TreePlan:
    """What to do with an account's folders."""

    tasks: tuple[FolderTask, ...]
    left_alone: tuple[LeftAlone, ...]


@dataclass(frozen=True, slots=True)
class Folders:
    """What each side has, and what the ledger knows."""

    remote: Collection[FolderName]
    local: Collection[FolderName]
    known: Mapping[FolderName, FolderName] = field(default_factory=dict)
    """Folder pairs synced before, remote name to local name."""
    may_create: frozenset[Side] = frozenset(Side)
    passed_over: frozenset[FolderName] = frozenset()
    """Remote folders that are there and are not to be synced (`subscribedonly`)."""


def plan_tree(folders: Folders, names: Names) -> TreePlan:
    """Pair the folders of both sides. The rules must have been proved for these folders before."""
    tasks: list[FolderTask] = []
    alone: list[LeftAlone] = []
    pairs = {remote: names.local_name(remote) for remote in folders.remote if _wanted(remote, folders, names)}
    for remote, local in pairs.items():
        lacking = None if local in folders.local else Side.LOCAL
        _decide(FolderTask(remote, local, lacking), folders, tasks, alone)
    for local in sorted(set(folders.local) - set(pairs.values())):
        partner = names.remote_name(local)
        if partner is not None and partner not in folders.remote:
            _decide(FolderTask(partner, local, Side.REMOTE), folders, tasks, alone)
    order = {name: place for place, name in enumerate(names.sort([task.remote for task in tasks]))}
    return TreePlan(tuple(sorted(tasks, key=lambda task: order[task.remote])), tuple(alone))


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
            problems.append(f"{what}: rename the local folder on disk first, or set the folder rules back")
        elif (other := by_local.get(local, remote)) != remote and remote in folders.remote:
            what = f"local folder '{local}' was synced with remote '{remote}' so far, and would now be with '{other}'"
            problems.append(f"{what}: move the local folder away first, or set the folder rules back")
    return problems


def _wanted(remote: FolderName, folders: Folders, names: Names) -> bool:
    return remote not in folders.passed_over and names.wanted(remote)


def _decide(task: FolderTask, folders: Folders, tasks: list[FolderTask], alone: list[LeftAlone]) -> None:
    """Take a pair on, unless its missing half was deleted by someone or must not be created."""
    if task.create is None:
        tasks.append(task)
        return
    if folders.known.get(task.remote) == task.local:
        alone.append(LeftAlone(task.remote, task.local, task.create, GONE[task.create]))
    elif task.create not in folders.may_create:
        where = "on the server" if task.create is Side.REMOTE else "locally"
        reason = f"does not exist {where}, and createfolders or readonly forbids to create it"
        alone.append(LeftAlone(task.remote, task.local, task.create, reason, chosen=True))
    else:
        tasks.append(task)
