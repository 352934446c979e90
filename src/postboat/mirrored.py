"""How a run one way ends: how much of what the remote side holds is on the local one, and what is not.

Events carry facts only: `ui.sentences.mirror` has the words.
"""

from __future__ import annotations

from postboat.happening import AccountEvent
from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class NotThere:
    """A message of the source that its target lacks after a run one way, or all of a folder that it lacks."""

    folder: str
    key: str
    """What its own side calls it; "" for all messages of a folder."""
    why: str
    """`refused` (it could not be copied: `reason`), `folder` (its folder could not be synced: `reason`), `readonly`
    (the target may not be changed), `unsettled` (it was sent and does not show yet), `arrived` (it came too late),
    `removed` (from its folder on the target since it was copied) or `lost` (so were all of the folder, or the folder
    itself)."""
    reason: str = ""
    subject: str = ""
    date: float | None = None
    """When it was written, in seconds since the epoch."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class NotTold:
    """A folder of which nobody can say whether all of it is on the other side; "" for what no folder is named of."""

    folder: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mirrored(AccountEvent):
    """A run one way ended, and both sides were looked at once more: so many messages of one are on the other."""

    source: str
    """Name of the repository."""
    target: str
    messages: int = 0
    """How many messages the source holds in the folders that were counted."""
    there: int = 0
    """How many of them the target holds, too."""
    folders: int = 0
    """How many folders were counted."""
    missing: tuple[NotThere, ...] = ()
    untold: tuple[NotTold, ...] = ()
    left_out: tuple[str, ...] = ()
    """Folders of the source that the folder rules leave out."""
    unsubscribed: tuple[str, ...] = ()
    """Those left out for the user is not subscribed to them."""
    only: tuple[str, ...] = ()
    """The folders that were asked for; empty: all."""
    due: int = 0
    """In a dry run: how many of the messages that are not there would be copied."""

    @property
    def fails(self) -> bool:
        """Whether a message is missing that the target's user did not remove himself, or may be."""
        return bool(self.untold) or any(one.why != "removed" for one in self.missing)
