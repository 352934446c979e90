"""How much there is to do, or was done, in numbers that add up. Pure."""

from __future__ import annotations

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages an operation group concerns. Down is from remote to local, up the other way."""

    down: int = 0
    up: int = 0
    reflagged: int = 0
    """Messages whose flags changed on either side."""
    deleted_remote: int = 0
    deleted_local: int = 0
    moved: int = 0
    """Messages moved to another folder on one side, as their user moved them on the other."""
    adopted: int = 0
    """Messages found on both sides and paired without a transfer."""
    bytes_down: int = 0
    bytes_up: int = 0
    failed: int = 0
    aside: int = 0
    """Messages that failed in an earlier run and were not due to be tried again."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.down + other.down,
            self.up + other.up,
            self.reflagged + other.reflagged,
            self.deleted_remote + other.deleted_remote,
            self.deleted_local + other.deleted_local,
            self.moved + other.moved,
            self.adopted + other.adopted,
            self.bytes_down + other.bytes_down,
            self.bytes_up + other.bytes_up,
            self.failed + other.failed,
            self.aside + other.aside,
        )

    @property
    def changes(self) -> int:
        """Messages concerned in all, transfers and removals alike."""
        return self.down + self.up + self.reflagged + self.deleted_remote + self.deleted_local + self.moved
