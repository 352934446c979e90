"""Messages that are the same under another key: a server that lost its UIDs but not its UIDVALIDITY, a Maildir that was
filled again.

Such a message vanished and appeared in one folder. To take it for two would delete it on the other side, and copy it
there again. It is known by the mark that both bear, else as twins are: the other side still holds it. Where few are
concerned the whole contents count, since who edits a message may leave its header and size as they were.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.model import Message, Side
from postboat.sync.matching import match
from postboat.sync.moves import meets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postboat.model import Changes, Key, Pairing
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.ports import Replica

MANY = 5
"""Messages gone and come from which it looks like new keys for all, so that sizes need not agree, and headers do."""


async def find_renumbered(pair: FolderPair, changes: Mapping[Side, Changes]) -> dict[Side, Changes]:
    """The changes, with what has another key by now as renamed."""
    now = dict(changes)
    for side in Side:
        if now[side].vanished and now[side].appeared:
            now[side] = _renamed(now[side], await _found(pair, side, now))
    return now


async def _found(pair: FolderPair, side: Side, changes: Mapping[Side, Changes]) -> dict[Key, Message]:
    """Present messages by the keys that were agreed on."""
    gone = list((await pair.ledger.pairings(side, changes[side].vanished)).values())
    come = changes[side].appeared
    found = _by_mark(side, gone, come)
    taken = {message.key for message in found.values()}
    other = changes[side.other]
    rest = [
        pairing
        for pairing in gone
        if pairing.key(side) not in found and pairing.key(side.other) not in other.vanished | other.renamed.keys()
    ]
    left = {key: message for key, message in come.items() if key not in taken}
    return found | await _by_content(pair, side, rest, left)


def _by_mark(side: Side, gone: Iterable[Pairing], come: Mapping[Key, Message]) -> dict[Key, Message]:
    """Pair equal marks one to one; several that bear one are copies of each other."""
    waiting: dict[str, list[Message]] = defaultdict(list)
    for key in sorted(come, key=_age, reverse=True):
        waiting[come[key].mark].append(come[key])
    marked = [pairing for pairing in gone if pairing.mark(side)]
    return {
        pairing.key(side): waiting[pairing.mark(side)].pop()
        for pairing in sorted(marked, key=lambda pairing: _age(pairing.key(side)))
        if waiting[pairing.mark(side)]
    }


async def _by_content(
    pair: FolderPair, side: Side, gone: Sequence[Pairing], come: Mapping[Key, Message]
) -> dict[Key, Message]:
    """What is left of a message is on the other side: of that, only what may be one of those that came is looked at."""
    many = len(gone) >= MANY and len(come) >= MANY
    at_hand = pair.replica(side).reads_freely
    worth = _worth_weighing(pair, side, gone, come) if at_hand or not many else gone
    by_key = {pairing.key(side.other): pairing for pairing in worth}
    kept = {key: Message(key, pairing.flags) for key, pairing in by_key.items()}
    if not (many or at_hand or pair.replica(side.other).reads_freely):
        kept = await _sized(pair.replica(side.other), kept) if come else {}
    twins = await match(pair, {side: come, side.other: kept}, thorough=many and not at_hand, whole=not many)
    found = [twin if side is Side.REMOTE else twin[::-1] for twin in twins]
    return {by_key[there].key(side): come[here] for here, there in found}


def _worth_weighing(
    pair: FolderPair, side: Side, gone: Sequence[Pairing], come: Mapping[Key, Message]
) -> list[Pairing]:
    """Those that weigh, here or on the other side, what one of those that came may weigh."""
    if pair.replica(side).reads_freely:
        weigh = pair.replica(side).weight
        may_be = meets([weigh(message.mark) for message in come.values()], 1, 1)
        return [pairing for pairing in gone if may_be(weigh(pairing.mark(side)))]
    # Lines end in one octet on disk and in two on the wire.
    weigh = pair.replica(side.other).weight
    may_be = meets([message.size for message in come.values()], 1, 2)
    return [pairing for pairing in gone if may_be(weigh(pairing.mark(side.other)))]


async def _sized(replica: Replica, messages: Mapping[Key, Message]) -> dict[Key, Message]:
    """Messages with their sizes, which cost less to ask for than headers; without those that are gone."""
    glances = await replica.glances(messages.keys()) if messages else {}
    return {key: replace(message, size=glances[key].size) for key, message in messages.items() if key in glances}


def _renamed(changes: Changes, found: Mapping[Key, Message]) -> Changes:
    present = {message.key for message in found.values()}
    return replace(
        changes,
        appeared={key: message for key, message in changes.appeared.items() if key not in present},
        vanished=changes.vanished - found.keys(),
        renamed={**changes.renamed, **found},
    )


def _age(key: Key) -> tuple[int, Key]:
    return len(key), key
