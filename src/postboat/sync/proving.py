"""What to keep of the ledger when the keys of a folder became doubtful although its validity stayed.

A server that was restored from a backup gives UIDs out again, to other mail; one that lost its index has the old ones
still. Headers tell which it was, message by message: a pairing counts on when both sides hold one message under it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.model import Side
from postboat.tasks import together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.model import Fingerprint, Key, Pairing
    from postboat.sync.folder_pair import FolderPair

NEWEST = 50
"""Messages with the highest keys that are looked at first: UIDs that were given out twice are among them."""
SPREAD = 50
"""Messages looked at besides, evenly among all others."""


async def keep_proved(pair: FolderPair) -> bool:
    """Forget all that was agreed on but the pairings that prove true, and tell whether all did.

    What either side lacks is not proved, so that nothing is deleted for it. All messages are only looked at when one of
    a few does not prove true.
    """
    keys = await pair.ledger.agreed(Side.REMOTE).flags()
    pairings = await pair.ledger.pairings(Side.REMOTE, keys.keys())
    proved = list(pairings.values())
    some = _some(pairings)
    if len(await _proved(pair, some)) < len(some):
        proved = await _proved(pair, proved)
    await pair.ledger.start_over()
    await pair.ledger.record(pairings=proved)
    return len(proved) == len(pairings)


def _some(pairings: Mapping[Key, Pairing]) -> list[Pairing]:
    keys = sorted(pairings, key=lambda key: (len(key), key))
    older, newest = keys[:-NEWEST], keys[-NEWEST:]
    return [pairings[key] for key in [*older[:: max(1, len(older) // SPREAD)], *newest]]


async def _proved(pair: FolderPair, pairings: Sequence[Pairing]) -> list[Pairing]:
    """Those whose messages have one header on both sides, and one size where a header says little."""
    theirs, ours = await together(
        pair.remote.fingerprints([pairing.remote for pairing in pairings]),
        pair.local.fingerprints([pairing.local for pairing in pairings]),
    )
    return [p for p in pairings if _is_one(theirs.get(p.remote), ours.get(p.local))]


def _is_one(theirs: Fingerprint | None, ours: Fingerprint | None) -> bool:
    if theirs is None or ours is None or theirs.header != ours.header:
        return False
    return ours.named or theirs.size == ours.size
