"""Chooses how to look at a mailbox. START READING HERE.

```
checkpoint  server                       way
yes         QRESYNC enabled              qresync: SELECT tells flags, arrivals and removals
yes         CONDSTORE                    condstore: flags since then, arrivals; removals by a census
-           ESEARCH, much is known       esearch: sets of UIDs, one for each flag
-           any                          plain: a list of all messages
```
Whatever does not add up is looked at again in the next way down; the plain one has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.errors import KeysRenewed
from postboat.imap.checkpoint import read_checkpoint
from postboat.imap.looks import esearch
from postboat.imap.looks.anew import began_anew
from postboat.imap.looks.aside import aside
from postboat.imap.looks.delta import RENEWED, checkpoint_of, look_since
from postboat.imap.looks.hiding import may_hide_older
from postboat.imap.looks.listing import compare, holds_of
from postboat.imap.looks.place import Place
from postboat.imap.looks.plain import list_plainly
from postboat.model import Changes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.opening import Opening
    from postboat.imap.selected import Selected
    from postboat.imap.session import Session
    from postboat.model import Flags, Key


class Agreed(Protocol):
    """What a look asks of the ledger's view of this side: a part of `sync.ports.Agreed`."""

    @property
    def checkpoint(self) -> str | None:
        """What the last look returned as its checkpoint."""
        ...

    async def count(self) -> int:
        """How many pairings there are."""
        ...

    async def flags(self) -> Mapping[Key, Flags]:
        """Agreed flags by key."""
        ...

    async def flags_of(self, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of the paired messages in `keys`."""
        ...


async def look(session: Session, opening: Opening, agreed: Agreed) -> Changes:
    """What differs from what was agreed. Raises `KeysRenewed` when UIDs were given out anew."""
    place = Place(session, opening)
    saved = read_checkpoint(agreed.checkpoint)
    if saved is not None and _keeps_state(session):
        changes = await look_since(place, saved, agreed)
        if changes is not None:
            return changes
    return await _look_at_all(place, await agreed.flags(), saved)


async def known_already(session: Session, begun: Selected, agreed: Agreed) -> Changes | None:
    """What a SELECT that was made to learn the validity tells by itself; None when it leaves anything open."""
    checkpoint = checkpoint_of(begun, begun.exists) if _keeps_state(session) and begun.understood else None
    unchanged = checkpoint is not None and checkpoint == agreed.checkpoint
    if not unchanged and (begun.exists or await agreed.count()):
        return None
    return Changes(holds=holds_of(begun), checkpoint=checkpoint, readonly=begun.turned_read_only)


def _keeps_state(session: Session) -> bool:
    """Whether the server announces mod-sequences; a HIGHESTMODSEQ without that proves nothing (Yahoo)."""
    return not session.capabilities.isdisjoint({"CONDSTORE", "QRESYNC"})


async def _look_at_all(place: Place, known: Mapping[Key, Flags], saved: Checkpoint | None) -> Changes:
    uids = await aside(len(known), lambda: sorted(map(int, known)))
    reached = uids[-1] if uids else 0
    found = await esearch.list_by_sets(place, known, reached) if esearch.is_worth_it(place, known) else None
    selected, heard = found or await list_plainly(place, uids)
    if await began_anew(place, selected, reached, saved):
        raise KeysRenewed(RENEWED)
    listing = heard.listing
    listing.may_hide_older = may_hide_older(place.session.capabilities, len(listing.flags))
    await place.complete(listing, [uid for uid in listing.flags if uid < reached and str(uid) not in known])
    checkpoint = checkpoint_of(selected, heard.at_select) if _keeps_state(place.session) else None
    many, holds = max(len(listing.flags), len(known)), holds_of(selected)
    return await aside(many, compare, listing, known, holds, checkpoint, readonly=selected.turned_read_only)
