"""Writes down what the guard refused, tells it, and ends it once the user's word is carried out.

A verdict stays until all that it allows is done: a run that dies half way leaves the rest to the next one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import AccountError, PostboatError
from postboat.events import PlanHeld, Warned
from postboat.model import DELETED, Side, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from postboat.events import Publish
    from postboat.model import Held, Pairing
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.guard import Judged
    from postboat.sync.plan import Observed


async def tell_held(pair: FolderPair, judged: Judged, publish: Publish) -> Mapping[Side, Held]:
    """Tell what is held, and what cannot be brought back, in every run anew; returns it with a few subjects."""
    for side, asked in judged.before.items():
        if left := _not_brought_back(judged, side) if asked.verdict is Verdict.RESTORE else 0:
            many = "1 message is" if left == 1 else f"{left} messages are"
            publish(Warned(f"{pair.name}: {many} wanted back {_not_there(pair, side.other)}", pair.account))
    told: dict[Side, Held] = {}
    for side, held in judged.held.items():
        before = judged.before.get(side)
        subjects = before.subjects if before and before.keys == held.keys else await _subjects(pair, held)
        told[side] = now = replace(held, subjects=subjects)
        publish(PlanHeld(pair.account, pair.name, side.value, now.suspicion.value, now.count, now.of, now.subjects))
    return told


def _not_there(pair: FolderPair, side: Side) -> str:
    """Why messages cannot be brought back to a side."""
    why = "nothing may be changed (readonly)" if side in pair.policy.readonly else "no changes are allowed"
    return f"{pair.where[side]}, where {why}"


def _not_brought_back(judged: Judged, on: Side) -> int:
    brought = {copy.replaces for copy in judged.plan.copies}
    return sum(pairing not in brought for pairing in judged.answered.get(on, ()))


async def write_down(pair: FolderPair, judged: Judged, held: Mapping[Side, Held]) -> None:
    """Write down what is held, but where that would overwrite a verdict before it is carried out."""
    for side, now in held.items():
        if side not in judged.answered and now != judged.before.get(side):
            await pair.ledger.hold(side, now)


async def end_answered(pair: FolderPair, observed: Observed, judged: Judged, held: Mapping[Side, Held]) -> None:
    """Drop what is not held any more: the verdict is carried out, or the messages are back.

    What no run may do anything about now (a side became read-only) is held all the same: it may be done later.
    """
    for side, before in judged.before.items():
        left = await _still_paired(pair, judged.answered.get(side, ()))
        if side in held and side in judged.answered:
            asked = held[side]
            keys = asked.keys | {pairing.remote for pairing in left}
            await pair.ledger.hold(side, replace(asked, count=len(keys), of=max(asked.of, len(keys)), keys=keys))
        elif side not in held and not left and not await _still_lost(pair, observed, before):
            await pair.ledger.hold(before.on, None)


async def _still_paired(pair: FolderPair, pairings: Iterable[Pairing]) -> list[Pairing]:
    """Those that the ledger holds as they were: what was to be done with them is not done."""
    was = {pairing.remote: pairing for pairing in pairings}
    now = await pair.ledger.pairings(Side.REMOTE, was)
    return [pairing for key, pairing in was.items() if key in now and now[key].local == pairing.local]


async def _still_lost(pair: FolderPair, observed: Observed, before: Held) -> bool:
    """Whether messages of what was held are missing even now, or may be; those marked for good are as good as gone."""
    changes = observed.changes[before.on.other]
    if not changes.complete:
        return bool(before.keys)
    marks_only = before.on not in pair.policy.expunge
    pairings = (await pair.ledger.pairings(Side.REMOTE, before.keys)).values()
    lost = [pairing for pairing in pairings if pairing.key(before.on.other) in changes.vanished]
    return any(not (marks_only and DELETED in pairing.flags) for pairing in lost)


async def _subjects(pair: FolderPair, held: Held) -> tuple[str, ...]:
    """Subjects of a few of the messages, as the side shows them that has them; none when it fails: its turn comes."""
    from postboat.sync.subjects import sample, subjects_of  # here, since the parsers of mail take long to import

    few = sample(held.keys)
    pairings = await pair.ledger.pairings(Side.REMOTE, few)
    keys = [pairings[key].key(held.on) for key in few if key in pairings]
    try:
        return subjects_of(keys, await pair.replica(held.on).headers(keys))
    except AccountError:
        raise
    except PostboatError:
        return ()
