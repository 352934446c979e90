"""Finds messages that both sides hold though no key tells so: after a lost ledger, new UIDs, an adopted mailbox.

What costs little is compared first: sizes, where there are many then dates and Message-IDs, then headers, and whole
contents only where a header leaves it open. Nothing is copied or deleted here. What is not matched counts as another
message: a needless copy can be deleted.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from postboat.model import DRAFT, Fingerprint, Glance, Side
from postboat.sync.batches import BATCH_OCTETS
from postboat.sync.twins import confirmed, doubtful, pair_by_glance, pair_twins, sizes_in_common
from postboat.tasks import together

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from postboat.model import Key, Message
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.ports import Replica

    Listed = Mapping[Side, Mapping[Key, Message]]
    """Messages of both sides, as listings show them."""

T = TypeVar("T")
Trait = TypeVar("Trait", Fingerprint, Glance)
MANY = 100
"""Messages from which less than a header is asked for first: it costs a round trip, and saves most of the octets."""
Twin = tuple["Key", "Key"]
"""Remote and local key of one message."""


async def match(pair: FolderPair, messages: Listed, *, thorough: bool = False, whole: bool = False) -> list[Twin]:
    """Pair messages of both sides one to one.

    `thorough` compares also what the sides state other sizes for: some servers count octets wrongly (Exchange), and
    other programs add lines to what they store. That costs the headers of what is left and bears a name that both sides
    know, and is for when many are expected to match. `whole` pairs only what is equal as a whole: that costs contents,
    and is for few.
    """
    early: list[Twin] = []
    if min(map(len, messages.values())) >= MANY:
        early = await _at_a_glance(pair, messages)
        messages = _unpaired(messages, early)
    return early + await _by_fingerprint(pair, messages, thorough=thorough, whole=whole)


async def _at_a_glance(pair: FolderPair, messages: Listed) -> list[Twin]:
    """Those that their sizes, dates and Message-IDs give away; never drafts, which are saved over and over."""
    sure = {side: {key: m for key, m in listed.items() if DRAFT not in m.flags} for side, listed in messages.items()}
    theirs, ours = await _ask(pair, sure, _glances)
    return await asyncio.to_thread(pair_by_glance, theirs, ours)


async def _by_fingerprint(pair: FolderPair, messages: Listed, *, thorough: bool, whole: bool) -> list[Twin]:
    """Those of equal headers, and of equal contents where headers leave it open."""
    if not all(messages.values()):
        return []
    theirs, ours = await _ask(pair, messages, _fingerprints)
    twins = await asyncio.to_thread(pair_twins, theirs, ours)
    open_: list[Twin] = []
    rest = _unpaired(messages, twins)
    if thorough and all(rest.values()):
        more = await _all_prints(pair, rest, {Side.REMOTE: theirs, Side.LOCAL: ours})
        found, open_ = await asyncio.to_thread(_by_header, more[Side.REMOTE], more[Side.LOCAL])
        theirs, ours = theirs | more[Side.REMOTE], ours | more[Side.LOCAL]
        twins += found
    unsure = {twin for twin in twins if whole or doubtful(_both(messages, twin), theirs[twin[0]])}
    sure = [twin for twin in twins if twin not in unsure]
    prints = {
        Side.REMOTE: _without(theirs, (key for key, _ in sure)),
        Side.LOCAL: _without(ours, (key for _, key in sure)),
    }
    return sure + await _equal(pair, prints, {theirs[key] for key, _ in unsure}, open_)


def _both(messages: Listed, twin: Twin) -> tuple[Message, Message]:
    return messages[Side.REMOTE][twin[0]], messages[Side.LOCAL][twin[1]]


async def _ask(
    pair: FolderPair,
    messages: Listed,
    ask: Callable[[Replica, Collection[Key]], Coroutine[object, object, dict[Key, Trait]]],
) -> tuple[dict[Key, Trait], dict[Key, Trait]]:
    """The traits of the remote and of the local messages that their sizes do not rule out.

    The side that reads freely is asked for all, and its sizes then tell what is worth asking of the other; two sides
    alike are asked at the same time, where nothing rules out more than the sizes that they list.
    """
    first = next((side for side in Side if pair.replica(side).reads_freely), None)
    if first is not None and not pair.replica(first.other).reads_freely:
        known = await ask(pair.replica(first), messages[first])
        worth = sizes_in_common(messages[first.other], known.values())
        told = await ask(pair.replica(first.other), worth)
        return (known, told) if first is Side.REMOTE else (told, known)
    remote, local = (sizes_in_common(messages[side], messages[side.other].values()) for side in Side)
    return await together(ask(pair.remote, remote), ask(pair.local, local))


async def _glances(replica: Replica, keys: Collection[Key]) -> dict[Key, Glance]:
    return dict(await replica.glances(keys)) if keys else {}


async def _fingerprints(replica: Replica, keys: Collection[Key]) -> dict[Key, Fingerprint]:
    return dict(await replica.fingerprints(keys)) if keys else {}


async def _all_prints(
    pair: FolderPair, rest: Listed, known: Mapping[Side, Mapping[Key, Fingerprint]]
) -> dict[Side, dict[Key, Fingerprint]]:
    """Fingerprints of what is left on both sides, whatever sizes are stated, but for names that one side alone bears.

    Headers are equal only where the Message-IDs in them are, and those cost far less to ask for.
    """
    if min(map(len, rest.values())) >= MANY:
        rest = await _named_alike(pair, rest)
    asked = {side: [key for key in rest[side] if key not in known[side]] for side in Side}
    theirs, ours = await together(
        _fingerprints(pair.remote, asked[Side.REMOTE]), _fingerprints(pair.local, asked[Side.LOCAL])
    )
    new = {Side.REMOTE: theirs, Side.LOCAL: ours}
    return {side: {key: p for key in rest[side] if (p := known[side].get(key) or new[side].get(key))} for side in Side}


async def _named_alike(pair: FolderPair, rest: Listed) -> dict[Side, dict[Key, Message]]:
    """Without those whose Message-ID the other side does not know.

    A server may not find the one in a header that is malformed: those as old as a nameless message there stay.
    """
    theirs, ours = await together(_glances(pair.remote, rest[Side.REMOTE]), _glances(pair.local, rest[Side.LOCAL]))
    return {
        Side.REMOTE: _without(rest[Side.REMOTE], _alone(theirs, ours)),
        Side.LOCAL: _without(rest[Side.LOCAL], _alone(ours, theirs)),
    }


def _alone(these: Mapping[Key, Glance], others: Mapping[Key, Glance]) -> list[Key]:
    """Messages that are none of the others, by their names."""
    names = {glance.name for glance in others.values()}
    dates = {glance.date for glance in others.values() if not glance.name}

    def may_be_nameless(glance: Glance) -> bool:
        return bool(dates) and (glance.date is None or None in dates or glance.date in dates)

    return [
        key for key, glance in these.items() if glance.name and glance.name not in names and not may_be_nameless(glance)
    ]


async def _equal(
    pair: FolderPair,
    prints: Mapping[Side, Mapping[Key, Fingerprint]],
    alike: Collection[Fingerprint],
    open_: Iterable[Twin],
) -> list[Twin]:
    """Of all messages that show one of `alike`, and of the pairs in `open_`, those that are equal as a whole."""
    sizes = {side: {key: shown.size for key, shown in prints[side].items() if shown in alike} for side in Side}
    for remote, local in open_:
        sizes[Side.REMOTE][remote] = prints[Side.REMOTE][remote].size
        sizes[Side.LOCAL][local] = prints[Side.LOCAL][local].size
    if not any(sizes.values()):
        return []
    async with pair.transfers.lent(2 * BATCH_OCTETS):
        return await confirmed(sizes[Side.REMOTE], sizes[Side.LOCAL], pair.remote, pair.local)


def _by_header(theirs: Mapping[Key, Fingerprint], ours: Mapping[Key, Fingerprint]) -> tuple[list[Twin], list[Twin]]:
    """Pairs of equal headers: those whose sizes are equal after all, and those whose sizes are not."""
    found = pair_twins(theirs, ours)
    theirs = _without(theirs, (key for key, _ in found))
    ours = _without(ours, (key for _, key in found))
    return found, pair_twins(_unweighed(theirs), _unweighed(ours))


def _unweighed(prints: Mapping[Key, Fingerprint]) -> dict[Key, Fingerprint]:
    return {key: replace(fingerprint, size=None) for key, fingerprint in prints.items()}


def _unpaired(messages: Listed, twins: Sequence[Twin]) -> dict[Side, dict[Key, Message]]:
    return {
        Side.REMOTE: _without(messages[Side.REMOTE], (key for key, _ in twins)),
        Side.LOCAL: _without(messages[Side.LOCAL], (key for _, key in twins)),
    }


def _without(mapping: Mapping[Key, T], keys: Iterable[Key]) -> dict[Key, T]:
    taken = set(keys)
    return {key: value for key, value in mapping.items() if key not in taken}
