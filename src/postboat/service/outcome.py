"""What became of an account's folders, added up."""

from __future__ import annotations

from postboat.events import Counts
from postboat.values import dataclass


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

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.done + other.done,
            self.failed + other.failed,
            self.held + other.held,
            self.doubtful or other.doubtful,
        )

    @property
    def exit_code(self) -> int:
        """What waits for the user comes before what may pass by itself."""
        if self.held:
            return 6
        return 3 if self.failed or self.done.failed or self.done.aside else 0
