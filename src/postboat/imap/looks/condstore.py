"""The look at a server that tells changed flags but not removals (RFC 7162 section 3.1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire import commands

if TYPE_CHECKING:
    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.looks.flight import Flight
    from postboat.imap.looks.place import Place


def ask_for_changes(place: Place, saved: Checkpoint) -> Flight:
    """Ask which flags of messages that were there changed since `saved`, and for the details of what arrived."""
    flight = place.flight()
    if saved.uidnext > 1:
        uids = f"1:{saved.uidnext - 1}"
        flight.ask(commands.uid_fetch(uids, "UID FLAGS", changed_since=saved.highestmodseq))
    flight.heard.anchor = place.anchor.uid if place.anchor is not None else 0
    flight.fetch(place.above(saved.uidnext - 1), place.details)
    return flight
