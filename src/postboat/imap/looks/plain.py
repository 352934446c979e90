"""The look that every server understands: the flags of all messages, in windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.unsearchable import knows_no_search
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import MAX_UID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postboat.imap.looks.heard import Heard
    from postboat.imap.looks.place import Place
    from postboat.imap.selected import Selected

WINDOW = 5000
"""Known messages of which one command asks."""


def windows(known: Sequence[int], size: int) -> Iterator[str]:
    """Ranges that together hold all UIDs up to the last of `known` (sorted), each at most `size` of them.

    All have a number at both ends: with `*` Cyrus 3.6 leaves out removals above the last message, and servers show
    the last message whatever number stands before.
    """
    first = 1
    for at in range(size - 1, len(known) + size - 1, size):
        last = known[min(at, len(known) - 1)]
        yield f"{first}:{last}"
        first = last + 1


async def list_plainly(place: Place, known: Sequence[int]) -> tuple[Selected, Heard]:
    """List all messages, those above `known` (sorted) with their details, and again when the count is wrong.

    Absence counts only when as many messages were listed as the mailbox holds (`Listing.complete`): servers cut
    answers short, hide messages, and announce removals late. An empty one is asked again in other words.
    """
    selected, heard = await _list(place, known)
    if not heard.listing.complete:
        selected, heard = await _list(place, known)
    if known and heard.listing.complete and not heard.listing.flags:
        heard.listing.complete = await is_empty(place)
    return selected, heard


async def is_empty(place: Place) -> bool:
    """Whether the mailbox is empty in the words of a SEARCH, too; of one more SELECT where none is to be had."""
    with place.flight() as flight:
        flight.ask(commands.uid_search("ALL"))
        await flight.landed()
    if flight.refused is not None and not knows_no_search(flight.refused.status):
        raise flight.refused
    heard = flight.heard
    return heard.exists == 0 and heard.understood and not any(heard.searched) and not heard.esearched


async def _list(place: Place, known: Sequence[int]) -> tuple[Selected, Heard]:
    if known and place.anchor is not None and place.anchor.uid == known[-1]:
        known = known[:-1]  # it comes with the details of what is new
    with place.flight() as flight:
        for window in windows(known, min(WINDOW, place.session.kind.most_messages)):
            flight.fetch(window, "UID FLAGS")
            await flight.room()
        reached = known[-1] if known else 0
        if reached < MAX_UID:
            flight.fetch(place.above(reached), place.details)
        selected = await flight.landed()
    heard = flight.heard
    if flight.refused is not None and heard.exists:  # some servers refuse a FETCH of nothing
        raise flight.refused
    if place.session.kind.most_messages < heard.exists:
        await _list_what_was_cut_off(place, heard, reached)
    heard.listing.complete = len(heard.listing.flags) == heard.exists
    return selected, heard


async def _list_what_was_cut_off(place: Place, heard: Heard, reached: int) -> None:
    """Ask for new messages that an answer left out because it ends after so many, which are the newest (RFC 9738)."""
    listing = heard.listing
    while len(listing.flags) < heard.exists:
        first = min((uid for uid in listing.flags if uid > reached), default=0)
        if first <= reached + 1:
            return
        with place.flight() as flight:
            flight.fetch(f"{reached + 1}:{first - 1}", place.details)
            await flight.landed()
        if flight.refused is not None or not flight.heard.listing.flags.keys() - listing.flags.keys():
            return
        listing.add(flight.heard.listing)
