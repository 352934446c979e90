"""The look at a server that tells what changed, removals included, with its answer to SELECT (RFC 7162 section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire.uid_set import MAX_UID

if TYPE_CHECKING:
    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.looks.flight import Flight
    from postboat.imap.looks.place import Place


def ask_for_changes(place: Place, saved: Checkpoint) -> Flight:
    """Send a SELECT for all changes since `saved`, and ask for the details of what arrived."""
    flight = place.flight((saved.uidvalidity, saved.highestmodseq))
    flight.fetch(f"{saved.uidnext}:{MAX_UID}", place.details)
    return flight
