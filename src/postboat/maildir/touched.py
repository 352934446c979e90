"""What events tell of a folder's files: hints where to look, each proved against the disk before anything follows."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postboat.model import Key

Spot = tuple[str, str]
"""`new` or `cur`, and a file name."""

MANY = 2000
"""File names of which events told beyond which listing the folder costs no more than looking at each."""


def _unknown() -> bool:
    """Nobody vouches that nothing happened since."""
    return False


@dataclass(frozen=True, slots=True)
class Touched:
    """The files of one folder of which events told since it was last looked at, by key.

    A look at these alone is as good as one at the whole folder only if the rest is known to be in step: if a look that
    the same watch has seen was the last one (`watch`), or if the folder stood, when the watch began, as it was at the
    recorded checkpoint (`began`).
    """

    spots: Mapping[Key, Mapping[Spot, bool]] = field(default_factory=dict)
    """Where files of the key were seen, and whether one was there by the last event."""
    watch: str = ""
    """What the watch that saw all events is called; "" when some may be missing."""
    began: str = ""
    """The folder's checkpoint when the watch began; "" when it is not known."""
    is_latest: Callable[[], bool] = field(default=_unknown, compare=False)
    """Asks, on the loop's thread, whether nothing happened in the folder since the last of these events."""

    def merged(self, later: Touched) -> Touched:
        """Both together; what different watches saw is no proof of anything."""
        spots = {key: dict(seen) for key, seen in self.spots.items()}
        for key, seen in later.spots.items():
            spots[key] = {**spots.get(key, {}), **seen}
        same = self.watch == later.watch and sum(map(len, spots.values())) <= MANY
        return Touched(spots, later.watch if same else "", later.began if same else "", later.is_latest)

    def covers_all_since(self, checkpoint: str | None) -> bool:
        """Whether nothing else can have changed since the look that recorded `checkpoint`."""
        if not self.watch or checkpoint is None:
            return False
        stood, _, watch = checkpoint.partition("\n")
        return watch == self.watch or (bool(stood) and stood == self.began)


def sealed(checkpoint: str | None, watch: str) -> str | None:
    """A checkpoint that tells, below its first line, which watch sees what happens after it.

    Of a folder that was in step, but whose times prove nothing, the first line is empty.
    """
    return f"{checkpoint or ''}\n{watch}" if watch else checkpoint
