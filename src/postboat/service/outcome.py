"""What became of an account's folders, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import Counts
from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.ledger.rows import PairOfFolders


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done and what was not."""

    done: Counts = Counts()
    failed: int = 0
    """Folders that could not be synced."""
    held: int = 0
    """Messages whose deletion waits for the user's word."""
    doubtful: bool = False
    """Whether some of them wait because the root of the Maildirs is doubtful."""
    incomplete: bool = False
    """Whether a run one way left messages behind, or may have."""
    come_back: frozenset[PairOfFolders] = frozenset()
    """Folders that were emptied and could not be removed: they are to be made anew where they are missing."""

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.done + other.done,
            self.failed + other.failed,
            self.held + other.held,
            self.doubtful or other.doubtful,
            self.incomplete or other.incomplete,
            self.come_back | other.come_back,
        )

    @property
    def exit_code(self) -> int:
        """What waits for the user comes before what may pass by itself."""
        if self.held:
            return 6
        return 3 if self.failed or self.done.failed or self.done.aside or self.incomplete else 0
