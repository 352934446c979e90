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

from dataclasses import replace
from heapq import nlargest
from typing import TYPE_CHECKING, Protocol

from postboat.errors import KeysRenewed
from postboat.imap.checkpoint import Anchor, anchored, counts_text, read_anchors, read_checkpoint
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
    from collections.abc import Collection, Mapping, Sequence

    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.opening import Opening
    from postboat.imap.selected import Selected
    from postboat.imap.session import Session
    from postboat.model import Flags, Key

ANCHORS = 4
"""Messages that are kept as anchors: while the newest is there, it is the one that is asked for."""


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
    anchors, saved = read_anchors(agreed.checkpoint), read_checkpoint(agreed.checkpoint)
    place = Place(session, opening, anchors[-1] if anchors else None)
    changes = await look_since(place, saved, agreed) if saved is not None and _keeps_state(session) else None
    if changes is None:
        changes = await _look_at_all(place, await agreed.flags(), saved)
    if changes.checkpoint is None and not changes.complete:
        return changes
    return replace(changes, checkpoint=anchored(changes.checkpoint, _anchors(anchors, changes)))


def _anchors(before: Sequence[Anchor], changes: Changes) -> list[Anchor]:
    """The newest messages that are there and whose sizes are known: those of the last look, and what came since."""
    come = (Anchor(int(key), each.size) for key, each in changes.appeared.items() if each.size is not None)
    still = (anchor for anchor in before if str(anchor.uid) not in changes.vanished)
    return sorted(nlargest(ANCHORS, {*still, *come}))


def _counts_of(selected: Selected, messages: int | None) -> str | None:
    """The mailbox at its SELECT, as far as a server tells that keeps no mod-sequences."""
    return counts_text(selected.uidvalidity, selected.uidnext, messages)


async def known_already(session: Session, begun: Selected, agreed: Agreed) -> Changes | None:
    """What a SELECT that was made to learn the validity tells by itself; None when it leaves anything open."""
    checkpoint = checkpoint_of(begun, begun.exists) if _keeps_state(session) and begun.understood else None
    anchors = read_anchors(agreed.checkpoint)
    unchanged = checkpoint is not None and anchored(checkpoint, anchors) == agreed.checkpoint
    if not unchanged and (begun.exists or await agreed.count()):
        return None
    kept = anchored(checkpoint, anchors if unchanged else ())
    return Changes(holds=holds_of(begun), checkpoint=kept, readonly=begun.turned_read_only)


def _keeps_state(session: Session) -> bool:
    """Whether the server announces mod-sequences; a HIGHESTMODSEQ without that proves nothing (Yahoo)."""
    return not session.capabilities.isdisjoint({"CONDSTORE", "QRESYNC"})


async def _look_at_all(place: Place, known: Mapping[Key, Flags], saved: Checkpoint | None) -> Changes:
    uids = await aside(len(known), lambda: sorted(map(int, known)))
    reached = uids[-1] if uids else 0
    found = await esearch.list_by_sets(place, known, reached) if esearch.is_worth_it(place, known) else None
    selected, heard = found or await list_plainly(place, uids)
    if place.is_another(heard) or await began_anew(place, selected, reached, saved):
        raise KeysRenewed(RENEWED)
    listing = heard.listing
    listing.may_hide_older = may_hide_older(place.session.capabilities, len(listing.flags))
    await place.complete(listing, [uid for uid in listing.flags if uid < reached and str(uid) not in known])
    state = checkpoint_of if _keeps_state(place.session) else _counts_of
    checkpoint = state(selected, heard.at_select)
    many, holds = max(len(listing.flags), len(known)), holds_of(selected)
    return await aside(many, compare, listing, known, holds, checkpoint, readonly=selected.turned_read_only)
