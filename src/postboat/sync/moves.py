"""Messages that went from one folder to another: found as a removal here and an arrival there on the same side.

Repeating a move needs no transfer and keeps what only the other side knows of the message. A move that is not
recognised is a copy and a deletion: it costs more and loses nothing. So only certain pairs count: by a mark that both
bear, or by equal headers and sizes where the header names the message.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.model import DRAFT, Pairing, Side, Stored, Unsettled
from postboat.operations import Move
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from postboat.model import Fingerprint, Flags, Key, Message, Policy
    from postboat.sync.plan import Observed

    Weigh = Callable[[str], int | None]

MOST_COMPARED = 10_000
"""Removals whose contents are looked at in one run: beyond that, fetching anew costs less than looking."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A message that its user removed from a folder on one side and that the other side still holds there."""

    folder: int
    pairing: Pairing
    flags: Flags
    """As the other side has them now."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message that nobody knows, in a folder on the same side."""

    folder: int
    message: Message


Found = tuple[Leaving, Arriving]


def lost_any(observed: Observed) -> bool:
    """Whether any message left the folder on either side, so that it may have gone to another one."""
    return any(changes.vanished for changes in observed.changes.values())


def leaving(side: Side, folders: Sequence[tuple[Observed, Policy]]) -> list[Leaving]:
    """Messages gone from `side` whose removal may be repeated on the other side, by folder."""
    return [
        Leaving(number, pairing, observed.changes[side.other].reflagged.get(pairing.key(side.other), pairing.flags))
        for number, (observed, policy) in enumerate(folders)
        if _may_lose(side.other, observed, policy)
        for pairing in observed.pairings
        if _left(pairing, side, observed)
    ]


def _may_lose(side: Side, observed: Observed, policy: Policy) -> bool:
    if side in policy.readonly or side.other not in policy.sync_deletes or observed.changes[side].readonly:
        return False
    return side in policy.expunge


def _left(pairing: Pairing, side: Side, observed: Observed) -> bool:
    other = observed.changes[side.other]
    key = pairing.key(side.other)
    return pairing.key(side) in observed.changes[side].vanished and key not in other.vanished | other.renamed.keys()


def arriving(side: Side, folders: Sequence[tuple[Observed, Policy]]) -> list[Arriving]:
    """Messages new on `side` that would have to be copied to the other one, by folder."""
    found: list[Arriving] = []
    for number, (observed, policy) in enumerate(folders):
        if side.other in policy.readonly or observed.changes[side.other].readonly:
            continue
        twinned = {twin[0] if side is Side.REMOTE else twin[1] for twin in observed.twins}
        in_doubt = set(observed.withheld.get(side.other, ())) - observed.asides.going_to(side.other)
        kept_back = twinned | in_doubt  # what was refused before is waited for where it was
        messages = observed.changes[side].appeared
        found += [Arriving(number, message) for key, message in messages.items() if key not in kept_back]
    return found


def by_mark(side: Side, gone: Iterable[Leaving], come: Iterable[Arriving]) -> list[Found]:
    """Pair what bears the same mark, one to one; never inside one folder, where it would be no move."""
    marked = {id(one): one.pairing.mark(side) for one in gone}
    return _paired(gone, come, lambda one: marked[id(one)], lambda one: one.message.mark)


def by_fingerprint(
    gone: Iterable[Leaving],
    come: Iterable[Arriving],
    left: Mapping[tuple[int, Key], Fingerprint],
    arrived: Mapping[tuple[int, Key], Fingerprint],
    side: Side,
) -> list[Found]:
    """Pair equal headers and sizes, one to one. `left` holds what the other side keeps, by folder and key there."""
    return _paired(
        gone,
        come,
        lambda one: _certain(left.get((one.folder, one.pairing.key(side.other)))),
        lambda one: _certain(arrived.get((one.folder, one.message.key))),
    )


def _certain(fingerprint: Fingerprint | None) -> Fingerprint | None:
    return fingerprint if fingerprint is not None and fingerprint.named and fingerprint.size is not None else None


def _paired(
    gone: Iterable[Leaving],
    come: Iterable[Arriving],
    of_gone: Callable[[Leaving], object],
    of_come: Callable[[Arriving], object],
) -> list[Found]:
    waiting: dict[object, list[Leaving]] = defaultdict(list)
    for one in gone:
        if likeness := of_gone(one):
            waiting[likeness].append(one)
    found: list[Found] = []
    for two in come:
        candidates = waiting.get(of_come(two) or None, [])
        elsewhere = next((one for one in candidates if one.folder != two.folder), None)
        if elsewhere is not None:
            candidates.remove(elsewhere)
            found.append((elsewhere, two))
    return found


def rest(
    gone: Sequence[Leaving], come: Sequence[Arriving], found: Iterable[Found]
) -> tuple[list[Leaving], list[Arriving]]:
    """What is still without a partner."""
    taken = {id(one) for pair in found for one in pair}
    return [one for one in gone if id(one) not in taken], [one for one in come if id(one) not in taken]


def worth_comparing(
    side: Side, gone: Sequence[Leaving], come: Sequence[Arriving], weigh: Mapping[Side, Weigh]
) -> tuple[list[Leaving], list[Arriving]]:
    """Those whose weights do not rule out that they are one message. A draft is saved over and over, and is no move."""
    gone = [one for one in gone if DRAFT not in one.flags | one.pairing.flags]
    come = [one for one in come if DRAFT not in one.message.flags]
    left = [weigh[side](one.pairing.mark(side)) for one in gone]
    arrived = [weigh[side](one.message.mark) for one in come]
    most = 1
    if None in left or None in arrived:  # lines end in one octet on disk and in two on the wire
        left = [weigh[side.other](one.pairing.mark(side.other)) for one in gone]
        arrived, most = [one.message.size for one in come], 2
    in_gone, in_come = meets(arrived, 1, most), meets(left, 1 / most, 1)
    gone = [one for one, weight in zip(gone, left, strict=True) if in_gone(weight)]
    come = [one for one, weight in zip(come, arrived, strict=True) if in_come(weight)]
    return (gone, come) if max(len(gone), len(come)) <= MOST_COMPARED and gone and come else ([], [])


def meets(others: Sequence[int | None], least: float, most: float) -> Callable[[int | None], bool]:
    """What tells whether one of `others` weighs from `least` to `most` times as much; an unknown weight may be any."""
    known = sorted(other for other in others if other is not None)
    any_unknown = len(known) < len(others)

    def meets(weight: int | None) -> bool:
        if weight is None or any_unknown:
            return True
        at = bisect_left(known, least * weight)
        return at < len(known) and known[at] <= most * weight

    return meets


def moves_of(side: Side, found: Iterable[Found]) -> list[Move]:
    """What to repeat on the other side of `side`."""
    return [Move(side.other, one.folder, two.folder, one.pairing, two.message) for one, two in found]


@dataclass(frozen=True, slots=True)
class Made:
    """A move that was made: what it left of the two folders to plan for."""

    move: Move
    outcome: Stored | Unsettled

    @property
    def is_gone(self) -> bool:
        """Whether the message is gone from the folder that it left, and not only copied."""
        return isinstance(self.outcome, Stored) and not self.outcome.copied

    @property
    def pairing(self) -> Pairing | None:
        """The message's pairing in its new folder, under the flags agreed on in the old one; None while unsettled."""
        move, outcome = self.move, self.outcome
        if not isinstance(outcome, Stored):
            return None
        was, new = move.pairing, move.message
        mark = outcome.mark or was.mark(move.on)
        if move.on is Side.REMOTE:
            return Pairing(outcome.key, new.key, was.flags, mark, new.mark)
        return Pairing(new.key, outcome.key, was.flags, new.mark, mark)


def leaving_out(observed: Observed, pairings: Collection[Pairing]) -> Observed:
    """A folder as it is to be planned for while nothing may be done about some of its messages."""
    kept = [pairing for pairing in observed.pairings if pairing not in pairings]
    return replace(observed, pairings=kept, unfinished=True)


def without(observed: Observed, made: Sequence[Made]) -> Observed:
    """A folder as it is once messages have left it: gone from both sides and from the ledger."""
    gone = {one.move.pairing for one in made}
    changes = dict(observed.changes)
    for side in Side:
        keys = {pairing.key(side) for pairing in gone}
        was = changes[side]
        reflagged = {key: flags for key, flags in was.reflagged.items() if key not in keys}
        changes[side] = replace(was, vanished=was.vanished - keys, reflagged=reflagged)
    left = [pairing for pairing in observed.pairings if pairing not in gone]
    return replace(observed, changes=changes, pairings=left, paired=max(0, observed.paired - len(gone)))


def with_arrivals(observed: Observed, made: Sequence[Made], sources: Sequence[Observed]) -> Observed:
    """A folder as it is once messages came to it: paired there, with whatever flags either side has changed."""
    changes, pairings = dict(observed.changes), list(observed.pairings)
    withheld = {side: set(observed.withheld.get(side, ())) for side in Side}
    unsettled = list(observed.unsettled)
    for side in Side:  # where it appeared
        here = [one for one in made if one.move.on is side.other]
        keys = {one.move.message.key for one in here}
        was = changes[side]
        reflagged = dict(was.reflagged)
        there = dict(changes[side.other].reflagged)
        for one in here:
            pairing, message = one.pairing, one.move.message
            if pairing is None:
                withheld[side.other].add(message.key)
                unsettled += [one.outcome] if isinstance(one.outcome, Unsettled) else []
                continue
            kept = sources[one.move.source].changes[side.other].reflagged.get(one.move.pairing.key(side.other))
            if message.flags != was.holds.mask(pairing.flags):
                reflagged[message.key] = message.flags
            if kept is not None:
                there[pairing.key(side.other)] = kept
            if kept is not None or message.key in reflagged:
                pairings.append(pairing)
        settled = keys - withheld[side.other]
        appeared = {key: message for key, message in was.appeared.items() if key not in settled}
        changes[side] = replace(was, appeared=appeared, reflagged=reflagged)
        changes[side.other] = replace(changes[side.other], reflagged=there)
    moved = observed.moved + len(made)
    return replace(observed, changes=changes, pairings=pairings, withheld=withheld, unsettled=unsettled, moved=moved)
