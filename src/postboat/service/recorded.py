"""What the ledger holds of an account's folders and of the places of its Maildirs, before anything is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import FolderRulesRefused
from postboat.maildir.identity import UNMARKED
from postboat.maildir.standing import UNTOLD
from postboat.model import Held, Side, Suspicion, Verdict
from postboat.service.shores.shore import SERVER
from postboat.tasks import together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.shores.shore import Shore
    from postboat.sync.folder_tree import PairOfNames

WHOLE_FOLDERS = (Suspicion.FOLDER_GONE, Suspicion.ALL_GONE)
"""What is held because a folder is missing, and not some of its messages."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An account as it was left, and where its Maildirs are now."""

    folders: Sequence[KnownFolder]
    held: Mapping[PairOfNames, Sequence[Held]]
    """What was held for the user's word."""
    stood: Mapping[Side, str]
    """Where the roots of Maildirs stood when messages were last agreed on; servers have none."""
    stands: Mapping[Side, str]
    """Where they are now; "" for one that is missing."""

    @property
    def known(self) -> list[PairOfNames]:
        """Pairs of folders that held messages."""
        return [(folder.remote, folder.local) for folder in self.folders if folder.has_pairings]

    @property
    def empty(self) -> list[PairOfNames]:
        """Those that held none."""
        return [(folder.remote, folder.local) for folder in self.folders if not folder.has_pairings]

    @property
    def verdicts(self) -> dict[PairOfNames, dict[Side, Verdict]]:
        """What the user said of pairs of which one half was missing."""
        said: dict[PairOfNames, dict[Side, Verdict]] = {}
        for pair, held in self.held.items():
            if verdicts := {one.on: one.verdict for one in held if one.suspicion in WHOLE_FOLDERS}:
                said[pair] = verdicts
        return said

    @property
    def doubts(self) -> dict[Side, frozenset[Suspicion]]:
        """What is doubtful about the roots: another directory may have come to lie in the place of one."""
        return {side: _doubts(stood, self.stands[side]) for side, stood in self.stood.items()}

    @property
    def is_vouched_for(self) -> bool:
        """Whether the user spoke of deletions that were held because the root is doubtful: he knows which one it is."""
        from postboat.sync.guard import DOUBTS  # here, since most runs have nothing to sync

        held = (one for held in self.held.values() for one in held)
        return any(one.suspicion in DOUBTS and one.verdict is not Verdict.WAITING for one in held)

    def is_elsewhere(self, side: Side) -> bool:
        """Whether a root is not where it was, was not there before, or bears no marker yet."""
        stands = self.stands[side]
        return self.stood[side] != stands or not stands or stands.startswith(UNMARKED)

    @property
    def missing(self) -> tuple[Side, ...]:
        """The sides whose root is gone with all that was in it; nobody has said yet that this is meant, or is not."""
        return tuple(side for side, stands in self.stands.items() if not stands and self.known and self._unsaid(side))

    def _unsaid(self, lost: Side) -> bool:
        said = (verdicts.get(lost.other, Verdict.WAITING) for verdicts in self.verdicts.values())
        return all(verdict is Verdict.WAITING for verdict in said)


def _doubts(stood: str, stands: str) -> frozenset[Suspicion]:
    if not (stood and stands):
        return frozenset()
    (marker, disk), (now_marker, now_disk) = stood.split(" ", 1), stands.split(" ", 1)
    if marker not in (UNMARKED, now_marker):
        return frozenset({Suspicion.UNMARKED})
    return frozenset({Suspicion.OTHER_DISK} if UNTOLD not in (disk, now_disk) and disk != now_disk else ())


def held_before(gone: Held) -> Held | None:
    """What was held in a folder before it was gone, now that it is there again: nobody has had a word on that."""
    many = len(gone.keys)
    return Held(gone.on, Suspicion.EMPTIED, many, max(many, gone.of), gone.keys) if many else None


async def read_recorded(parts: AccountParts, ledger: AccountLedger) -> Recorded:
    """Read it. Raises `FolderRulesRefused` when directories on disk would be taken for other folders than before."""
    roots = list(parts.maildirs)
    stands = {side: await parts.maildirs[side].standing(mark=False) for side in roots}
    folders, both = await together(ledger.known(), together(*(_stood(parts, ledger, side, stands) for side in Side)))
    held: dict[tuple[FolderName, FolderName], list[Held]] = {}
    for remote, local, one in await ledger.holds() if any(folder.verdicts for folder in folders) else ():
        held.setdefault((remote, local), []).append(one)
    stood = {side: before for side, before in zip(Side, both, strict=True) if side in stands}
    return Recorded(folders, held, stood, stands)


async def _stood(parts: AccountParts, ledger: AccountLedger, side: Side, stands: Mapping[Side, str]) -> str:
    """Where a side's root stood, once its folders prove to be laid out as they were; "" for a server."""
    shore = parts.shores[side]
    if side not in stands:
        before, stood = await ledger.layout(side, shore.layout), ""
    else:
        before, stood = await together(ledger.layout(side, shore.layout), ledger.store_standing(side, stands[side]))
    if before != shore.layout:
        raise FolderRulesRefused(_laid_out_otherwise(parts, shore, before))
    return stood


def _laid_out_otherwise(parts: AccountParts, shore: Shore, before: str) -> str:
    anew = f"remove {parts.ledger_path}, whereupon mail is matched and not copied"
    was_server, is_server = before == SERVER, shore.layout == SERVER
    if was_server != is_server:
        was = "a server" if was_server else "a tree of Maildirs"
        return f"repository {shore.config.name} was {was} so far: set it back, give the account another name, or {anew}"
    kind, sep = before.split(" ", 1)
    return (
        f"the folders in {shore.root} are laid out as layout = {kind!r}, sep = {sep!r}: set it back, or "
        f"rename the directories by hand and {anew}"
    )
