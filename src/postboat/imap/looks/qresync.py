"""The look at a server that tells what changed, removals included, with its answer to SELECT (RFC 7162 section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire.uid_set import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.looks.flight import Flight
    from postboat.imap.looks.place import Place


def ask_for_changes(place: Place, saved: Checkpoint) -> Flight:
    """Send a SELECT for all changes since `saved`, and ask for the details of what arrived."""
    flight = place.flight((saved.uidvalidity, saved.highestmodseq))
    flight.heard.anchor = place.anchor.uid if place.anchor is not None else 0
    flight.fetch(place.above(saved.uidnext - 1), place.details)
    return flight


async def none_shown(place: Place, uids: Iterable[int]) -> bool:
    """Whether the mailbox shows none of the messages it said to be gone.

    A VANISHED that names one message in place of another is as long as the true one, and all sums come out right.
    """
    vanished = UidSet.of(uids)
    if not vanished:
        return True
    with place.flight() as flight:
        flight.fetch(vanished, "UID FLAGS")
        await flight.landed()
    shown = flight.heard.listing
    return flight.refused is None and shown.understood and not any(uid in vanished for uid in shown.flags)
