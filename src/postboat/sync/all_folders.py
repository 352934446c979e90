"""The story of an account's folders: look at those that changed, repeat moves, refuse accidents, bring each in step.

A message that is gone from one folder and new in another was moved, and many small losses are a large one. So all
folders that anything may have left are looked at, and judged together, before any is settled. Folders that were never
synced, which may be large, wait for their turn: unless something left another folder and may have come to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.operations import Delete
from postboat.sync.folder_run import FolderRun
from postboat.sync.relocate import as_if_made, find_moves, make_moves
from postboat.tasks import each

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from postboat.model import Side
    from postboat.operations import Move
    from postboat.sync.guard import Guard

_LeftBehind = tuple["Move", FolderRun, FolderRun]
"""A move that was not made, or made by copying, with the folder that the message left and the one it went to."""


class NotEnough(Exception):
    """Some of an account's folders are not enough to judge by."""


async def sync_all(
    known: Sequence[FolderRun],
    fresh: Sequence[FolderRun],
    guard: Guard,
    *,
    width: int,
    some: bool = False,
    unheard: Collection[Side] = (),
) -> None:
    """Sync folders, `width` at a time; `known` were synced before. Each tells its own fate; `AccountError` passes.

    With `some`, there are others: what is gone from these may have been moved there. Raises `NotEnough` then, instead
    of holding what was not held before, and before any is settled. Nobody told of the other folders of the sides
    that are `unheard`, so it does that also instead of deleting on the other side what is gone there.
    """
    runs = [*known, *fresh]
    await each(known, FolderRun.look, width=width)
    left_behind: list[_LeftBehind] = []
    if any(run.lost_any for run in known):
        await each(fresh, FolderRun.look, width=width)
        left_behind = await _move(runs)
        await _refuse_accidents(runs, guard)
        if some and any(run.holds_more or any(run.repeats_losses_of(side) for side in unheard) for run in known):
            raise NotEnough
    await each(runs, lambda run: run.settle(guard), width=width)
    await _delete_left_behind(left_behind)


async def show_all(known: Sequence[FolderRun], fresh: Sequence[FolderRun], guard: Guard, *, width: int) -> None:
    """Publish what `sync_all` would do."""
    runs = [*known, *fresh]
    await each(runs, FolderRun.look_quietly, width=width)
    seen = [run for run in runs if run.seen is not None]
    folders = [run.seen for run in seen if run.seen is not None]
    moves = await find_moves(folders) if any(run.lost_any for run in known) else []
    for run, now in zip(seen, as_if_made(moves, folders), strict=True):
        run.now_seen(now)
    await _refuse_accidents(runs, guard)
    beginning: dict[FolderRun, list[tuple[Move, str]]] = {run: [] for run in runs}
    for move in moves:
        beginning[seen[move.source]].append((move, seen[move.target].name))
    for run in runs:
        await run.show(beginning[run], guard)


async def _refuse_accidents(runs: Sequence[FolderRun], guard: Guard) -> None:
    """Judge all deletions together. Folders that lost nothing are planned in their turn: there may be much to plan."""
    losing = [run for run in runs if run.lost_any]
    for run, judged in zip(losing, guard.judge([await run.plan() for run in losing]), strict=True):
        run.now_judged(judged)


async def _move(runs: Sequence[FolderRun]) -> list[_LeftBehind]:
    """Repeat what was moved from one folder to another; where that fails, both are looked at anew."""
    seen = [run for run in runs if run.seen is not None]
    folders = [run.seen for run in seen if run.seen is not None]
    outcome = await make_moves(await find_moves(folders), folders)
    for number, run in enumerate(seen):
        run.now_seen(outcome.now[number])
        if number in outcome.broken:
            run.look_again(leaving=outcome.broken[number])
    return [(move, seen[move.source], seen[move.target]) for move in outcome.left_behind]


async def _delete_left_behind(left_behind: Sequence[_LeftBehind]) -> None:
    """Delete what was moved by being copied, now that the copies are made: never before, and only those recorded."""
    deletes: dict[FolderRun, list[Delete]] = {}
    for move, source, target in left_behind:
        if await target.has_recorded(move.on.other, move.message.key):
            deletes.setdefault(source, []).append(Delete(move.on, move.pairing))
    for run, due in deletes.items():
        await run.delete_left_behind(due)
