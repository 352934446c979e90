"""Which messages of a folder are not on the other side after a run one way, and why. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.mirrored import NotThere
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.model import Changes, Key


@dataclass(frozen=True, slots=True)
class Seen:
    """A folder as both sides show it, held against what they agreed on."""

    name: str
    agreed: int
    """How many messages the ledger pairs."""
    source: Changes
    lost: frozenset[Key]
    """Messages that the source has and the target has not any more, as the source calls them."""

    @property
    def messages(self) -> int:
        """How many the source holds."""
        return self.agreed - len(self.source.vanished) + len(self.source.appeared)


@dataclass(frozen=True, slots=True)
class Why:
    """Why messages of one folder are missing, as far as that is known of it."""

    folder: str = ""
    """Why the folder failed as a whole, or is missing on the target; "" when it did not and is not."""
    lost: str = "removed"
    """What became of messages that were there once."""
    readonly: bool = False
    refused: Mapping[Key, str] = field(default_factory=dict)
    """Messages that failed, with the reason."""
    unsettled: frozenset[Key] = frozenset()


def missing(seen: Seen, why: Why, *, there: Collection[Key] = (), due: Collection[Key] = ()) -> list[NotThere]:
    """The messages of a folder that are not on the target, in the order in which they came.

    `there` are messages that are, though the ledger does not know it, and `due` those that are to be copied yet.
    """
    absent = (seen.source.appeared.keys() | seen.lost) - set(there) - set(due)
    told: list[NotThere] = []
    whole = dict.fromkeys(("folder", "lost"), 0)
    for key in sorted(absent, key=lambda key: (len(key), key)):
        one = _missing(seen, why, key)
        if one.why in whole:
            whole[one.why] += 1
        else:
            told.append(one)
    for reason, count in whole.items():
        if count:
            told.append(NotThere(seen.name, "", reason, why.folder if reason == "folder" else "", count=count))
    return told


def _missing(seen: Seen, why: Why, key: Key) -> NotThere:
    if key in why.refused:
        return NotThere(seen.name, key, "refused", why.refused[key])
    if key in seen.lost:
        return NotThere(seen.name, key, why.lost)
    if why.readonly:
        return NotThere(seen.name, key, "readonly")
    if why.folder:
        return NotThere(seen.name, key, "folder", why.folder)
    return NotThere(seen.name, key, "unsettled" if key in why.unsettled else "arrived")
