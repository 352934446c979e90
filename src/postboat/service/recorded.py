"""What the ledger holds of an account's folders and of the place of its Maildirs, before anything is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import FolderRulesRefused
from postboat.maildir.identity import UNMARKED
from postboat.maildir.standing import UNTOLD
from postboat.model import Held, Side, Suspicion, Verdict
from postboat.sync.tasks import together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.ledger.ledger import AccountLedger
    from postboat.ledger.rows import KnownFolder
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.sync.folder_tree import PairOfNames

WHOLE_FOLDERS = (Suspicion.FOLDER_GONE, Suspicion.ALL_GONE)
"""What is held because a folder is missing, and not some of its messages."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An account as it was left, and where its Maildirs are now."""

    folders: Sequence[KnownFolder]
    held: Mapping[PairOfNames, Sequence[Held]]
    """What was held for the user's word."""
    stood: str
    """Where the root of the Maildirs stood when messages were last agreed on."""
    stands: str
    """Where it is now; "" when it is missing."""

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
    def doubts(self) -> frozenset[Suspicion]:
        """What is doubtful about the root: another directory may have come to lie in its place."""
        if not (self.stood and self.stands):
            return frozenset()
        (marker, disk), (now_marker, now_disk) = self.stood.split(" ", 1), self.stands.split(" ", 1)
        if marker not in (UNMARKED, now_marker):
            return frozenset({Suspicion.UNMARKED})
        return frozenset({Suspicion.OTHER_DISK} if UNTOLD not in (disk, now_disk) and disk != now_disk else ())

    @property
    def is_vouched_for(self) -> bool:
        """Whether the user spoke of deletions that were held because the root is doubtful: he knows which one it is."""
        from postboat.sync.guard import DOUBTS  # here, since most runs have nothing to sync

        held = (one for held in self.held.values() for one in held)
        return any(one.suspicion in DOUBTS and one.verdict is not Verdict.WAITING for one in held)

    @property
    def is_elsewhere(self) -> bool:
        """Whether the root is not where it was, was not there before, or bears no marker yet."""
        return self.stood != self.stands or not self.stands or self.stands.startswith(UNMARKED)

    @property
    def root_is_missing(self) -> bool:
        """Whether the root is gone with all that was in it, and nobody has said yet that this is meant, or is not."""
        said = (verdicts.get(Side.REMOTE, Verdict.WAITING) for verdicts in self.verdicts.values())
        return bool(self.known) and not self.stands and all(verdict is Verdict.WAITING for verdict in said)


def held_before(gone: Held) -> Held | None:
    """What was held in a folder before it was gone, now that it is there again: nobody has had a word on that."""
    many = len(gone.keys)
    return Held(gone.on, Suspicion.EMPTIED, many, max(many, gone.of), gone.keys) if many else None


async def read_recorded(parts: AccountParts, ledger: AccountLedger) -> Recorded:
    """Read it. Raises `FolderRulesRefused` when directories on disk would be taken for other folders than before."""
    present = await parts.store.standing(mark=False)
    layout = f"{parts.store.layout.kind} {parts.store.layout.sep}"
    folders, (stood, before) = await together(
        ledger.known(), together(ledger.store_standing(present), ledger.layout(layout))
    )
    if before != layout:
        kind, sep = before.split(" ", 1)
        raise FolderRulesRefused(
            f"the folders in {parts.store.root} are laid out as layout = {kind!r}, sep = {sep!r}: set it back, or "
            f"rename the directories by hand and remove {parts.ledger_path}, whereupon mail is matched and not copied"
        )
    held: dict[tuple[FolderName, FolderName], list[Held]] = {}
    for remote, local, one in await ledger.holds() if any(folder.verdicts for folder in folders) else ():
        held.setdefault((remote, local), []).append(one)
    return Recorded(folders, held, stood, present)
