"""Finds messages that both sides hold though no key tells so: after a lost ledger, new UIDs, an adopted mailbox.

What costs little is compared first: sizes, where there are many then dates and Message-IDs, then headers, and whole
contents only where a header leaves it open. Nothing is copied or deleted here. What is not matched counts as another
message: a needless copy can be deleted.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from postboat.model import DRAFT
from postboat.sync.batches import BATCH_OCTETS
from postboat.sync.twins import confirmed, doubtful, pair_by_glance, pair_twins, sizes_in_common

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postboat.model import Fingerprint, Key, Message
    from postboat.sync.folder_pair import FolderPair

T = TypeVar("T")
MANY = 100
"""Messages from which less than a header is asked for first: it costs a round trip, and saves most of the octets."""
Twin = tuple["Key", "Key"]
"""Remote and local key of one message."""


async def match(
    pair: FolderPair,
    remote: Mapping[Key, Message],
    local: Sequence[Key],
    *,
    thorough: bool = False,
    whole: bool = False,
) -> list[Twin]:
    """Pair messages of both sides one to one.

    `thorough` compares also what the server states other sizes for than ours: some count octets wrongly (Exchange), and
    other programs add lines to what they store. That costs the headers of all that is left, and is for when many are
    expected to match. `whole` pairs only what is equal as a whole: that costs contents, and is for few.
    """
    early: list[Twin] = []
    if min(len(remote), len(local)) >= MANY:
        early = await _at_a_glance(pair, remote, local)
        remote, taken = _without(remote, (key for key, _ in early)), {key for _, key in early}
        local = [key for key in local if key not in taken]
    return early + await _by_fingerprint(pair, remote, local, thorough=thorough, whole=whole)


async def _at_a_glance(pair: FolderPair, remote: Mapping[Key, Message], local: Sequence[Key]) -> list[Twin]:
    """Those that their sizes, dates and Message-IDs give away; never drafts, which are saved over and over."""
    ours = await pair.local.glances(local)
    candidates = [key for key in sizes_in_common(remote, ours) if DRAFT not in remote[key].flags]
    theirs = await pair.remote.glances(candidates) if candidates else {}
    return await asyncio.to_thread(pair_by_glance, theirs, ours)


async def _by_fingerprint(
    pair: FolderPair, remote: Mapping[Key, Message], local: Sequence[Key], *, thorough: bool, whole: bool
) -> list[Twin]:
    """Those of equal headers, and of equal contents where headers leave it open."""
    if not (remote and local):
        return []
    ours = await pair.local.fingerprints(local)
    candidates = sizes_in_common(remote, ours)
    theirs = dict(await pair.remote.fingerprints(candidates)) if candidates else {}
    twins = await asyncio.to_thread(pair_twins, theirs, ours)
    open_: list[Twin] = []
    rest, rest_of_ours = _without(remote, (key for key, _ in twins)), _without(ours, (key for _, key in twins))
    if thorough and rest and rest_of_ours:
        theirs |= await pair.remote.fingerprints([key for key in rest if key not in theirs])
        prints = {key: theirs[key] for key in rest if key in theirs}
        found, open_ = await asyncio.to_thread(_by_header, prints, rest_of_ours)
        twins += found
    unsure = [*(twin for twin in twins if whole or doubtful(remote[twin[0]], theirs[twin[0]])), *open_]
    return await _sure(pair, [*twins, *open_], {twin: theirs[twin[0]].size for twin in unsure})


async def _sure(pair: FolderPair, twins: Sequence[Twin], unsure: Mapping[Twin, int | None]) -> list[Twin]:
    """Of those that are `unsure`, by their sizes, only what proves to be equal as a whole."""
    if not unsure:
        return list(twins)
    async with pair.transfers.lent(BATCH_OCTETS):
        equal = await confirmed(unsure, pair.remote, pair.local)
    return [twin for twin in twins if twin not in unsure] + equal


def _by_header(theirs: Mapping[Key, Fingerprint], ours: Mapping[Key, Fingerprint]) -> tuple[list[Twin], list[Twin]]:
    """Pairs of equal headers: those whose sizes are equal after all, and those whose sizes are not."""
    found = pair_twins(theirs, ours)
    theirs = _without(theirs, (key for key, _ in found))
    ours = _without(ours, (key for _, key in found))
    return found, pair_twins(_unweighed(theirs), _unweighed(ours))


def _unweighed(prints: Mapping[Key, Fingerprint]) -> dict[Key, Fingerprint]:
    return {key: replace(fingerprint, size=None) for key, fingerprint in prints.items()}


def _without(mapping: Mapping[Key, T], keys: Iterable[Key]) -> dict[Key, T]:
    taken = set(keys)
    return {key: value for key, value in mapping.items() if key not in taken}
