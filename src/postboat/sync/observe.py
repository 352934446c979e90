"""Look at both sides and at the ledger: everything the planner may know of a folder pair."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from postboat.model import Pairing, Side
from postboat.sync.plan import Observed
from postboat.sync.tasks import together
from postboat.sync.twins import pair_twins, sizes_in_common

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.model import Changes, Key
    from postboat.sync.folder_pair import FolderPair


async def observe(pair: FolderPair) -> Observed:
    """What changed on both sides since the last agreement; settles what an interrupted run left behind first."""
    await _recognise(pair)
    await _settle_intents(pair)
    remote, local = await together(
        pair.remote.changes(pair.ledger.agreed(Side.REMOTE)),
        pair.local.changes(pair.ledger.agreed(Side.LOCAL)),
    )
    changes = {Side.REMOTE: remote, Side.LOCAL: local}
    return Observed(changes, await _touched(pair, changes), await _twins(pair, changes))


async def _recognise(pair: FolderPair) -> None:
    """Make sure that the ledger's keys still mean the same messages; else the ledger starts anew for this folder.

    Starting anew deletes nothing: what both sides hold is paired as twins, the rest is copied.
    """
    remote, local = await together(pair.remote.validity(), pair.local.validity())
    await pair.ledger.open({Side.REMOTE: remote, Side.LOCAL: local})


async def _settle_intents(pair: FolderPair) -> None:
    """Find the copies that an interrupted run made without recording them, and write them down."""
    intents = await pair.ledger.intents()
    for to in Side:
        begun = [intent for intent in intents if intent.to is to]
        if not begun:
            continue
        paired = (await pair.ledger.agreed(to).flags()).keys()
        found = await pair.replica(to).find(begun, paired)
        flags = {intent.origin: intent.flags for intent in begun}
        pairings = [
            Pairing(origin, stored.key, flags[origin], "", stored.mark)
            if to is Side.LOCAL
            else Pairing(stored.key, origin, flags[origin], stored.mark, "")
            for origin, stored in found.items()
        ]
        await pair.ledger.record(pairings=pairings, settled=begun)


async def _touched(pair: FolderPair, changes: Mapping[Side, Changes]) -> list[Pairing]:
    """The pairings of every message that either side reports as changed, each once, in a steady order."""
    touched: dict[Key, Pairing] = {}
    for side in Side:
        keys = {*changes[side].reflagged, *changes[side].vanished, *changes[side].renamed}
        if keys:
            for pairing in (await pair.ledger.pairings(side, keys)).values():
                touched[pairing.remote] = pairing
    return [touched[key] for key in sorted(touched)]


async def _twins(pair: FolderPair, changes: Mapping[Side, Changes]) -> list[tuple[Key, Key]]:
    """Messages new to the ledger that both sides hold: after a lost ledger, or copied there by other means."""
    remote, local = changes[Side.REMOTE].appeared, changes[Side.LOCAL].appeared
    if not (remote and local):
        return []
    local_prints = await pair.local.fingerprints(list(local))
    candidates = sizes_in_common(remote, local_prints)
    if not candidates:
        return []
    remote_prints = await pair.remote.fingerprints(candidates)
    return await asyncio.to_thread(pair_twins, remote_prints, local_prints)
