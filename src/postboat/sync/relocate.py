"""Looks for moves between the folders of an account and repeats them, before any folder is planned for itself.

As everywhere: intent, effect, record. A move that does not come about leaves its two folders as they were, and they
are planned as a copy and a deletion.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from postboat.errors import AccountError, PostboatError
from postboat.model import Content, Intent, Side, Stored, Unsettled
from postboat.sync.checkpoints import before_effects
from postboat.sync.moves import (
    Made,
    arriving,
    by_fingerprint,
    by_mark,
    leaving,
    leaving_out,
    meets,
    moves_of,
    rest,
    with_arrivals,
    without,
    worth_comparing,
)
from postboat.tasks import each, together
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from postboat.model import Fingerprint, Glance, Key, Pairing
    from postboat.operations import Move
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.moves import Arriving, Found, Leaving
    from postboat.sync.plan import Observed
    from postboat.sync.ports import Replica

T = TypeVar("T")
AT_ONCE = 250
"""Messages moved by one command."""
MANY = 100
"""Messages gone from which their sizes are asked for before their headers."""

Seen = tuple["FolderPair", "Observed"]
Place = tuple[int, "Key"]
"""A folder's number and a message's key in it."""


async def find_moves(folders: Sequence[Seen]) -> list[Move]:
    """Messages that left one of the folders on one side and came to another one there."""
    observed = [(seen, pair.policy) for pair, seen in folders]
    moves: list[Move] = []
    for side in Side:
        gone, come = leaving(side, observed), arriving(side, observed)
        if gone and come:
            found = by_mark(side, gone, come)
            gone, come = rest(gone, come, found)
            moves += moves_of(side, found + await _by_content(side, gone, come, folders))
    return moves


async def _by_content(
    side: Side, gone: Sequence[Leaving], come: Sequence[Arriving], folders: Sequence[Seen]
) -> list[Found]:
    """Pair what bears no mark, as where a mail program moves by copying; headers are read, and no bodies."""
    if not (gone and come):
        return []
    any_pair = folders[0][0]
    weigh = {each_side: any_pair.replica(each_side).weight for each_side in Side}
    likely, news = worth_comparing(side, gone, come, weigh)
    if len(likely) >= MANY and not any(any_pair.replica(each_side).reads_freely for each_side in Side):
        likely, news = await _of_sizes_in_common(side, likely, news, folders)
    if not (likely and news):
        return []
    left, arrived = await together(
        _fingerprints(side.other, ((one.folder, one.pairing.key(side.other)) for one in likely), folders),
        _fingerprints(side, ((one.folder, one.message.key) for one in news), folders),
    )
    return by_fingerprint(likely, news, left, arrived, side)


async def _of_sizes_in_common(
    side: Side, gone: Sequence[Leaving], come: Sequence[Arriving], folders: Sequence[Seen]
) -> tuple[list[Leaving], list[Arriving]]:
    """Those as large as one of the others; asked for where there are many, since headers are larger by far."""
    left = await _glances(side.other, ((one.folder, one.pairing.key(side.other)) for one in gone), folders)
    sizes = {key: glance.size for key, glance in left.items()}
    weights = [sizes.get((one.folder, one.pairing.key(side.other)), 0) for one in gone]
    in_come, in_gone = meets([one.message.size for one in come], 1, 1), meets(weights, 1, 1)
    likely = [one for one, weight in zip(gone, weights, strict=True) if in_come(weight)]
    return likely, [one for one in come if in_gone(one.message.size)]


async def _fingerprints(side: Side, wanted: Iterable[Place], folders: Sequence[Seen]) -> dict[Place, Fingerprint]:
    return await _looked_at(side, wanted, folders, lambda replica, keys: replica.fingerprints(keys))


async def _glances(side: Side, wanted: Iterable[Place], folders: Sequence[Seen]) -> dict[Place, Glance]:
    return await _looked_at(side, wanted, folders, lambda replica, keys: replica.glances(keys))


async def _looked_at(
    side: Side,
    wanted: Iterable[Place],
    folders: Sequence[Seen],
    ask: Callable[[Replica, Collection[Key]], Awaitable[Mapping[Key, T]]],
) -> dict[Place, T]:
    """What messages show, by folder and key. A folder that fails here shows none, and says so when its turn comes."""
    by_folder: dict[int, list[Key]] = defaultdict(list)
    for folder, key in wanted:
        by_folder[folder].append(key)
    shown: dict[Place, T] = {}

    async def look(folder: int) -> None:
        try:
            found = await ask(folders[folder][0].replica(side), by_folder[folder])
        except AccountError:
            raise
        except PostboatError:
            return
        shown.update({(folder, key): trait for key, trait in found.items()})

    await each(by_folder, look, width=folders[0][0].width)
    return shown


@dataclass(slots=True)
class Outcome:
    """What became of moves."""

    now: list[Observed]
    """What there is to plan for in each folder."""
    broken: dict[int, set[Pairing]]
    """Folders in which a move failed half way, each with the messages that may still be leaving it."""
    left_behind: list[Move]
    """Moves whose message is, or will be, copied: it is to be deleted from where it was once the copy is recorded."""


async def make_moves(moves: Sequence[Move], folders: Sequence[Seen]) -> Outcome:
    """Repeat moves. A failure on the way concerns two folders: their intents tell later what became of it."""
    groups: dict[tuple[Side, int, int], list[Move]] = defaultdict(list)
    for move in moves:
        groups[move.on, move.source, move.target].append(move)
    made: list[Made] = []
    broken: dict[int, set[Pairing]] = defaultdict(set)

    async def work(group: Sequence[Move]) -> None:
        try:
            for start in range(0, len(group), AT_ONCE):
                made.extend(await _move(group[start : start + AT_ONCE], folders))
        except AccountError:
            raise
        except PostboatError:
            broken[group[0].source].update(move.pairing for move in group)
            broken[group[0].target].update()

    await each(groups.values(), work, width=folders[0][0].width)
    done = {one.move for one in made if one.is_gone or isinstance(one.outcome, Unsettled)}
    left_behind = [move for move in moves if move not in done and move.source not in broken]
    now = _afterwards(made, [seen for _, seen in folders])
    for folder in {move.source for move in left_behind}:
        now[folder] = leaving_out(now[folder], {move.pairing for move in left_behind if move.source == folder})
    return Outcome(now, broken, left_behind)


def as_if_made(moves: Sequence[Move], folders: Sequence[Seen]) -> list[Observed]:
    """What there would be to plan for if the moves were made: for a dry run, in which no key is given out."""
    made = [Made(move, Stored(move.message.key, f"moved {place}")) for place, move in enumerate(moves, 1)]
    return _afterwards(made, [seen for _, seen in folders])


def _afterwards(made: Sequence[Made], seen: Sequence[Observed]) -> list[Observed]:
    after = list(seen)
    for folder in {one.move.source for one in made}:
        after[folder] = without(after[folder], [one for one in made if one.move.source == folder and one.is_gone])
    for folder in {one.move.target for one in made}:
        after[folder] = with_arrivals(after[folder], [one for one in made if one.move.target == folder], seen)
    return after


async def _move(moves: Sequence[Move], folders: Sequence[Seen]) -> list[Made]:
    """Move messages from one folder to another on one side, and write it down in both.

    One that is unsettled is in the other folder for sure, whatever became of it in this one: here it is still to be
    deleted, which is no error where it is gone.
    """
    on = moves[0].on
    source, target = folders[moves[0].source][0], folders[moves[0].target][0]
    tokens = await _tokens(moves, source, target)
    moves = [move for move in moves if move in tokens]
    intents = [Intent(on, m.message.key, tokens[m], m.pairing.flags, m.message.mark) for m in moves]
    if not moves:
        return []
    await together(
        source.ledger.save_checkpoints(before_effects(source)),
        target.ledger.save_checkpoints(before_effects(target)),
    )
    await target.ledger.intend(intents)
    keys = [move.pairing.key(on) for move in moves]
    outcomes = await source.replica(on).move(keys, target.replica(on), [tokens[move] for move in moves])
    known = await target.ledger.pairings(on, [o.key for o in outcomes if isinstance(o, Stored)])
    made = [
        Made(move, outcome)
        for move, outcome in zip(moves, outcomes, strict=True)
        if isinstance(outcome, Unsettled) or (isinstance(outcome, Stored) and outcome.key not in known)
    ]
    await target.ledger.intend(
        [
            Intent(on, one.move.message.key, one.outcome.token, one.move.pairing.flags, one.move.message.mark)
            for one in made
            if isinstance(one.outcome, Unsettled) and one.outcome.token
        ]
    )
    open_ = {one.move.message.key for one in made if isinstance(one.outcome, Unsettled) and not one.outcome.token}
    await target.ledger.record(
        pairings=[pairing for one in made if (pairing := one.pairing) is not None],
        settled=[intent for intent in intents if intent.origin not in open_],
    )
    await source.ledger.record(forget=[one.move.pairing for one in made if one.is_gone])
    return made


async def _tokens(moves: Sequence[Move], source: FolderPair, target: FolderPair) -> dict[Move, str]:
    """By what a move will be known after a crash. The message is read where that costs no transfer, on the side where
    its user moved it; else the side that is to move it tells.

    One that cannot be read is left out.
    """
    on = moves[0].on
    if target.replica(on).reads_freely or not target.replica(on.other).reads_freely:
        keys = {move.pairing.key(on): move for move in moves}
        made = await source.replica(on).intend_move(list(keys), target.replica(on))
        return {keys[key]: token for key, token in made.items()}
    return await _tokens_by_reading(moves, target)


async def _tokens_by_reading(moves: Sequence[Move], target: FolderPair) -> dict[Move, str]:
    on = moves[0].on
    by_key = {move.message.key: move for move in moves}
    tokens: dict[Move, str] = {}
    small: list[tuple[Move, Content]] = []
    async with aclosing(target.replica(on.other).read(list(by_key))) as items:  # type: ignore[type-var]
        async for item in items:
            if isinstance(item, Content) and item.data is not None:
                small.append((by_key[item.key], item))
            elif isinstance(item, Content):
                (tokens[by_key[item.key]],) = await target.replica(on).intend([item])
    if small:
        made = await target.replica(on).intend([content for _, content in small])
        tokens |= {move: token for (move, _), token in zip(small, made, strict=True)}
    return tokens
