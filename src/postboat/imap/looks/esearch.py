"""The look by sets: who is there, and for each flag who has it, as ranges of UIDs (RFC 4731).

The answers are as short as the mailbox is orderly: a kilobyte for a hundred thousand messages that were all read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.imap.looks.arithmetic import all_sets
from postboat.imap.looks.aside import aside
from postboat.imap.looks.census import ALL, confirmed
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.imap.looks.heard import Heard
    from postboat.imap.looks.place import Place
    from postboat.imap.selected import Selected
    from postboat.model import Flags, Key

FEW = 100
"""Known messages below which a plain list is hardly longer than the sets, and never asked for twice."""
MOST_KEYWORDS = 20
"""Searches for keywords beyond which a list of all flags costs less."""
ATTEMPTS = 2
SYSTEM = (SEEN, ANSWERED, FLAGGED, DRAFT, DELETED)
_ATOM = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")


def is_worth_it(place: Place, known: Mapping[Key, Flags]) -> bool:
    """Whether to look by sets."""
    return place.can("ESEARCH") and len(known) >= FEW


async def list_by_sets(place: Place, known: Mapping[Key, Flags], reached: int) -> tuple[Selected, Heard] | None:
    """List all messages, those above `reached` with their details.

    None when the mailbox is too restless or the answers disagree.

    Keywords that the ledger knows are searched for even when the server no longer lists them: a flag is only believed
    to be gone when it was asked for.
    """
    keywords = {flag.lower(): flag for flags in set(known.values()) for flag in flags if not flag.startswith("\\")}
    for _ in range(ATTEMPTS):
        if len(keywords) > MOST_KEYWORDS or not all(map(_ATOM.fullmatch, keywords.values())):
            return None
        wanted = (*SYSTEM, *keywords.values())
        answer = await _ask(place, wanted, reached)
        if answer is None:
            return None
        selected, heard, sets = answer
        listed = {flag.lower(): flag for flag in heard.flags or () if not flag.startswith("\\")}
        calm = not heard.stirred and not heard.nameless and len(sets[0]) == heard.exists
        if calm and listed.keys() <= keywords.keys():
            names = (*SYSTEM, *(listed.get(name, flag) for name, flag in keywords.items()))
            return (selected, heard) if await _fill(place, heard, sets, names, known) else None
        keywords |= listed
    return None


async def _ask(place: Place, wanted: Sequence[str], reached: int) -> tuple[Selected, Heard, Sequence[UidSet]] | None:
    """One search for all UIDs and one for each flag, in one flight with the details of what is above `reached`."""
    with place.flight() as flight:
        for keys in (ALL, *(f"{ALL} {_search_key(flag)}" for flag in wanted)):
            flight.ask(commands.uid_search(f"RETURN (ALL COUNT) {keys}"))
        if reached < MAX_UID:
            flight.fetch(place.above(reached), place.details)
        flight.ask(commands.noop())
        selected = await flight.landed()
    heard = flight.heard
    sets = all_sets(heard, len(wanted) + 1)
    if flight.refused is not None or not heard.understood or heard.flags is None or sets is None:
        return None
    return selected, heard, sets


def _search_key(flag: str) -> str:
    r"""`SEEN` for `\Seen`, and the like."""
    return flag[1:].upper() if flag.startswith("\\") else f"KEYWORD {flag}"


async def _fill(
    place: Place, heard: Heard, sets: Sequence[UidSet], names: Sequence[str], known: Mapping[Key, Flags]
) -> bool:
    """Complete what was heard to a listing of all messages; False when the answers contradict one another."""
    listing, present = heard.listing, sets[0]
    fetched = UidSet.of(listing.flags)
    if fetched - present or any(found - present for found in sets):
        return False
    told = {str(place.anchor.uid)} if place.anchor is not None and place.anchor.uid in fetched else set()
    census = await confirmed(place, present - fetched, known.keys() - told)
    if census is None:
        return False
    others = present - fetched - UidSet.of(census.new.flags)
    flags = await aside(len(known), spread, others, sets[1:], names)
    listing.add(census.new)
    listing.flags |= flags
    listing.complete = len(listing.flags) == len(present)
    return listing.complete


def spread(uids: UidSet, sets: Sequence[UidSet], names: Sequence[str]) -> dict[int, Flags]:
    """Flags of each of `uids`, given the set of UIDs that has the flag of the same place in `names`."""
    bits = dict.fromkeys(uids, 0)
    for place, members in enumerate(sets):
        for uid in members & uids:
            bits[uid] |= 1 << place
    flags_of = {
        mask: frozenset(name for place, name in enumerate(names) if mask >> place & 1) for mask in set(bits.values())
    }
    return {uid: flags_of[mask] for uid, mask in bits.items()}
