"""Who is there: one SEARCH for all UIDs, believed only where a FETCH says the same of all that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.looks.arithmetic import one_set
from postboat.imap.looks.aside import aside
from postboat.imap.looks.hiding import may_hide_older
from postboat.imap.looks.listing import Listing
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.imap.looks.place import Place
    from postboat.model import Key

ALL = f"UID 1:{MAX_UID}"
"""Every search says so, whatever else it looks for: without the UIDs iCloud tells sequence numbers."""


@dataclass(frozen=True, slots=True)
class Census:
    """What the mailbox holds besides, and no longer, of what the ledger knows."""

    gone: frozenset[Key]
    new: Listing
    present: UidSet


async def take_census(place: Place, known: Collection[Key]) -> Census | None:
    """Compare who is there with the keys the ledger knows; None when the server's words contradict one another."""
    with place.flight() as flight:
        flight.ask(commands.uid_search(f"RETURN (ALL COUNT) {ALL}" if place.can("ESEARCH") else ALL))
        await flight.landed()
    heard = flight.heard
    present = one_set(heard) if flight.refused is None and heard.understood else None
    if present is None or len(present) != heard.exists:
        return None
    return await confirmed(place, present, known)


async def confirmed(place: Place, present: UidSet, known: Collection[Key]) -> Census | None:
    """Ask in other words for all that is said to be new or gone; None when a FETCH shows anything else.

    There are servers that tell sequence numbers for UIDs in a SEARCH, and such that forget messages in one.
    """
    uids = await aside(len(known), _uids, known)
    gone, new = uids - present, present - uids
    if may_hide_older(place.session.capabilities, len(present)):
        gone &= UidSet([(present.first, MAX_UID)])
    if not (gone or new):
        return Census(frozenset(), Listing(), present)
    with place.flight() as flight:
        flight.fetch(gone | new, place.details)
        await flight.landed()
    heard = flight.heard
    if (flight.refused is not None and heard.exists) or not heard.understood:
        return None
    if UidSet.of(heard.listing.flags) != new:
        return None
    return Census(frozenset(map(str, gone)), heard.listing, present)


def _uids(known: Collection[Key]) -> UidSet:
    return UidSet.of(map(int, known))
