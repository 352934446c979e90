"""Look at both sides and at the ledger: everything the planner may know of a folder pair."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from postboat.errors import KeysRenewed
from postboat.model import DRAFT, Pairing, Side, Stored, Unsettled
from postboat.sync.aside import moot, sort_out
from postboat.sync.batches import BATCH_OCTETS
from postboat.sync.checkpoints import AgreedUnder
from postboat.sync.matching import match
from postboat.sync.plan import Observed
from postboat.sync.proving import keep_proved
from postboat.sync.renumbered import find_renumbered
from postboat.sync.twins import told_apart
from postboat.tasks import together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.model import Changes, Flags, Intent, Key
    from postboat.sync.aside import Asides
    from postboat.sync.folder_pair import FolderPair


UNDER_WAY = "it was on its way when the connection broke, and may have arrived; the next run looks for it"


async def observe(pair: FolderPair) -> Observed:
    """What changed on both sides since the last agreement; settles what an interrupted run left behind first."""
    known = await _recognise(pair)
    doubts, arrived = await _settle_intents(pair)
    try:
        changes = await _changes(pair)
    except KeysRenewed:
        known = await _recognise(pair) and await keep_proved(pair)
        changes = await _changes_anew(pair)
    changes = await find_renumbered(pair, changes)
    withheld, unsettled = await _still_in_doubt(pair, doubts, changes)
    touched = await _touched(pair, changes)
    first = await _nothing_agreed(pair, changes)
    twins = await match(pair, {side: changes[side].appeared for side in Side}, thorough=first)
    unlisted = _perhaps_unlisted(pair, changes, twins) if first else {}
    withheld = {side: keys | unlisted.get(side, set()) for side, keys in withheld.items()}
    asides = await _asides(pair, changes, touched, twins)
    withheld = {side: keys | asides.going_to(side) for side, keys in withheld.items()}
    return Observed(
        changes,
        touched,
        twins,
        withheld,
        unsettled,
        asides,
        arrived=arrived,
        anew=not known,
        unfinished=any(unlisted.values()),
    )


async def _recognise(pair: FolderPair) -> bool:
    """Whether the ledger's keys still mean the same messages; else the ledger starts anew for this folder.

    Starting anew deletes nothing: what both sides hold is paired as twins, the rest is copied. To be asked again once
    keys are doubted: a mailbox that was listed with a validity may turn out to have none, and name messages otherwise.
    """
    remote, local = await together(pair.remote.validity(), pair.local.validity())
    return await pair.ledger.open({Side.REMOTE: remote, Side.LOCAL: local})


async def _changes(pair: FolderPair) -> dict[Side, Changes]:
    remote, local = await together(
        pair.remote.changes(AgreedUnder(pair.ledger.agreed(Side.REMOTE), pair.policy)),
        pair.local.changes(AgreedUnder(pair.ledger.agreed(Side.LOCAL), pair.policy)),
    )
    return {Side.REMOTE: remote, Side.LOCAL: local}


async def _changes_anew(pair: FolderPair) -> dict[Side, Changes]:
    """The changes once more, against what is left of the ledger: nothing of it, if its keys are doubted even now."""
    try:
        return await _changes(pair)
    except KeysRenewed:
        await pair.ledger.start_over()
        await _recognise(pair)
        return await _changes(pair)


async def _settle_intents(pair: FolderPair) -> tuple[list[tuple[Intent, Unsettled]], list[tuple[Key, Flags]]]:
    """Find the copies that an interrupted run made without recording them, and write them down.

    Returns those that may be there though they were not found, each with what to tell: they are not sent again. And
    the new messages on the local side, which nobody was told of.
    """
    doubts: list[tuple[Intent, Unsettled]] = []
    arrived: list[tuple[Key, Flags]] = []
    begun: dict[Side, list[Intent]] = defaultdict(list)
    for intent in await pair.ledger.intents():
        begun[intent.to].append(intent)
    for to, intents in begun.items():
        paired = (await pair.ledger.agreed(to).flags()).keys()
        found = await pair.replica(to).find(intents, paired)
        found = await _without_mistaken(pair, to, intents, found)
        late = pair.again and pair.replica(to).arrives_late
        open_ = [(i, doubt) for i in intents if (doubt := _doubt(found.get(i.origin), i, late=late))]
        stored = [(intent, outcome) for intent in intents if (outcome := _stored(found, intent))]
        if to is Side.LOCAL:
            back = await pair.ledger.pairings(Side.REMOTE, [intent.origin for intent, _ in stored])
            arrived += [(outcome.key, intent.flags) for intent, outcome in stored if intent.origin not in back]
        await pair.ledger.record(
            pairings=[_pairing(*one) for one in stored],
            settled=[intent for intent in intents if intent not in {doubted for doubted, _ in open_}],
        )
        doubts += open_
    return doubts, arrived


async def _without_mistaken(
    pair: FolderPair, to: Side, intents: Sequence[Intent], found: Mapping[Key, Stored | Unsettled]
) -> Mapping[Key, Stored | Unsettled]:
    """What was found, but for what proves to be another message of the same header: of notes and drafts there are such.

    A key that was chosen beforehand, as names of files are, is of no other message.
    """
    told = {stored.key: i for i in intents if (stored := _stored(found, i)) and stored.key != i.token}
    prints = await pair.replica(to).fingerprints(told) if told else {}
    unsure = {
        (key, intent.origin) if to is Side.REMOTE else (intent.origin, key): prints[key].size
        for key, intent in told.items()
        if key in prints and (DRAFT in intent.flags or not prints[key].named)
    }
    if not unsure:
        return found
    async with pair.transfers.lent(2 * BATCH_OCTETS):
        apart = await told_apart(unsure, pair.remote, pair.local)
    mistaken = {local if to is Side.REMOTE else remote for remote, local in apart}
    return {origin: outcome for origin, outcome in found.items() if origin not in mistaken}


def _doubt(outcome: Stored | Unsettled | None, intent: Intent, *, late: bool) -> Unsettled | None:
    """What is in doubt about an intent; with `late`, one that was not found may yet arrive."""
    if outcome is None and late:
        return Unsettled(intent.origin, UNDER_WAY)
    return outcome if isinstance(outcome, Unsettled) else None


async def _still_in_doubt(
    pair: FolderPair, doubts: Sequence[tuple[Intent, Unsettled]], changes: Mapping[Side, Changes]
) -> tuple[dict[Side, set[Key]], list[Unsettled]]:
    """The messages not to be sent, by the side they would go to, and what to tell of them.

    Once its own side has lost the message, the doubt is gone with it: so the user can end it.
    """
    moot = [intent for intent, _ in doubts if await _is_moot(pair, intent, changes)]
    if moot:
        await pair.ledger.record(settled=moot)
    rest = [(intent, doubt) for intent, doubt in doubts if intent not in moot]
    withheld = {side: {intent.origin for intent, _ in rest if intent.to is side} for side in Side}
    return withheld, [doubt for _, doubt in rest]


async def _is_moot(pair: FolderPair, intent: Intent, changes: Mapping[Side, Changes]) -> bool:
    """Whether a message is gone from its own side, or there on both; one that is to come back is known and neither."""
    own, other = changes[intent.to.other], changes[intent.to]
    if not own.complete or intent.origin in own.appeared:
        return False
    known = (await pair.ledger.pairings(intent.to.other, [intent.origin])).get(intent.origin)
    return known is None or intent.origin in own.vanished or known.key(intent.to) not in other.vanished


def _stored(found: Mapping[Key, Stored | Unsettled], intent: Intent) -> Stored | None:
    outcome = found.get(intent.origin)
    return outcome if isinstance(outcome, Stored) else None


def _pairing(intent: Intent, stored: Stored) -> Pairing:
    if intent.to is Side.LOCAL:
        return Pairing(intent.origin, stored.key, intent.flags, intent.mark, stored.mark)
    return Pairing(stored.key, intent.origin, intent.flags, stored.mark, intent.mark)


async def _asides(
    pair: FolderPair,
    changes: Mapping[Side, Changes],
    touched: Sequence[Pairing],
    twins: Sequence[tuple[Key, Key]],
) -> Asides:
    """The copies that failed before and are still to be made; what else is written down of any is dropped."""
    written = await pair.ledger.asides()
    gone = moot(written, changes, touched, twins)
    await pair.ledger.put_aside([], taken_back=gone)
    return sort_out(set(written).difference(gone), pair.clock(), retry=pair.retry)


async def _touched(pair: FolderPair, changes: Mapping[Side, Changes]) -> list[Pairing]:
    """The pairings of every message that either side reports as changed, each once, in a steady order."""
    touched: dict[Key, Pairing] = {}
    for side in Side:
        keys = {*changes[side].reflagged, *changes[side].vanished, *changes[side].renamed}
        if keys:
            for pairing in (await pair.ledger.pairings(side, keys)).values():
                touched[pairing.remote] = pairing
    return [touched[key] for key in sorted(touched, key=lambda key: (len(key), key))]


async def _nothing_agreed(pair: FolderPair, changes: Mapping[Side, Changes]) -> bool:
    """Whether all messages of both sides are unknown, as in the first look; asked only where it matters."""
    may_have_twins = any(
        changes[side.other].appeared and (changes[side].appeared or _may_hide(pair, side, changes)) for side in Side
    )
    return may_have_twins and not await pair.ledger.agreed(Side.REMOTE).count()


def _may_hide(pair: FolderPair, side: Side, changes: Mapping[Side, Changes]) -> bool:
    """Whether a side may hold messages that no look has shown yet."""
    return not (changes[side].complete or pair.replica(side).reads_freely)


def _perhaps_unlisted(
    pair: FolderPair, changes: Mapping[Side, Changes], twins: Sequence[tuple[Key, Key]]
) -> dict[Side, set[Key]]:
    """By the side they would go to: messages that a server may hold that did not list all it has. In the first look
    nothing tells them from new ones; in the next run they count as new.
    """
    paired = {Side.REMOTE: {remote for remote, _ in twins}, Side.LOCAL: {local for _, local in twins}}
    hiding = [side for side in Side if _may_hide(pair, side, changes)]
    return {side: changes[side.other].appeared.keys() - paired[side.other] for side in hiding}
