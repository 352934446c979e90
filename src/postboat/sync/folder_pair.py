"""The whole story of a folder, from looking to writing down. START READING HERE.

    observe both sides → repeat moves between folders → plan → refuse what looks like an accident → execute → record

`all_folders` tells it for all folders of an account: every folder that anything may have left is looked at before any
is settled, since a message that is gone here and new there was moved, and since many small losses are a large one.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.events import Counts, FolderFinished, FolderMatchedAnew, FolderPlanned, FolderStarted
from postboat.model import Policy, Side
from postboat.sync.budget import Budget
from postboat.sync.execute import execute
from postboat.sync.folder_tree import WHERE
from postboat.sync.guard import Case
from postboat.sync.hold import end_answered, tell_held, write_down
from postboat.sync.moves import lost_any
from postboat.sync.observe import observe
from postboat.sync.plan import make_plan, unwritable
from postboat.sync.tally import counts_of
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postboat.events import Publish
    from postboat.model import Flags, Key, Suspicion
    from postboat.operations import Plan
    from postboat.sync.guard import Judged
    from postboat.sync.plan import Observed
    from postboat.sync.ports import FolderLedger, Replica

MUCH = 1000
"""Changed messages from which planning would keep the event loop from its other work for too long."""


@dataclass(frozen=True, slots=True)
class FolderPair:
    """Two replicas of one folder, what they last agreed on, and what the user allows."""

    account: str
    name: str
    """The folder's name on the remote side, for people."""
    remote: Replica
    local: Replica
    ledger: FolderLedger
    policy: Policy
    width: int = 1
    """How many transfers of this folder may be under way at once."""
    transfers: Budget = field(default_factory=Budget)
    """Bounds the octets that transfers of all folders sharing it hold in memory."""
    exempt: bool = False
    """Whether it is for trash or junk, which may be emptied as one likes."""
    doubts: Mapping[Side, frozenset[Suspicion]] = field(default_factory=dict)
    """What is doubtful about the place of a side: any deletion on the other one, however small, is doubtful then."""
    held_before: bool = True
    """Whether deletions may be written down as held."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    retry: bool = False
    """Whether copies that failed before are tried again though they are not due."""
    again: bool = False
    """Whether the folder was begun in this run already and its connection broke: what was under way then may arrive
    on the server even now, and is not sent a second time before the next run."""
    first: bool = False
    """Whether, as far as was recorded when the run began, the folder was never in step: what comes is old mail."""
    lies: Callable[[Key, Flags], str] = lambda key, _flags: key
    """Tells where a message lies that was just copied to the local side with these flags, for those who wait for it."""
    where: Mapping[Side, str] = field(default_factory=lambda: WHERE)
    """Where something is on each side, in words that follow a verb."""

    def replica(self, side: Side) -> Replica:
        """The replica of `side`."""
        return self.remote if side is Side.REMOTE else self.local


async def look(pair: FolderPair, publish: Publish) -> Observed:
    """Find out what changed on both sides; nothing is changed yet but what an interrupted run left behind."""
    publish(FolderStarted(pair.account, pair.name))
    observed = await observe(pair)
    if observed.anew:
        publish(FolderMatchedAnew(pair.account, pair.name))
    if lost_any(observed):
        observed = replace(observed, paired=await pair.ledger.agreed(Side.REMOTE).count())
    return observed


async def plan(pair: FolderPair, observed: Observed) -> Case:
    """What would bring both sides in step, with all that the guard must know of it."""
    held = await pair.ledger.held() if pair.held_before or lost_any(observed) else ()
    made = await _planned(pair, observed)
    return Case(pair.name, made, observed, held, pair.exempt, pair.doubts, unwritable(observed, pair.policy))


async def settle(pair: FolderPair, observed: Observed, judged: Judged, publish: Publish) -> Counts:
    """Carry out what the guard let pass, hold the rest, and write both down; return what was done."""
    publish(FolderPlanned(pair.account, pair.name, counts_of(judged.plan) + Counts(moved=observed.moved)))
    held = await tell_held(pair, judged, publish)
    await write_down(pair, judged, held)
    done = await execute(judged.plan, observed, pair, publish)
    await end_answered(pair, observed, judged, held)
    publish(FolderFinished(pair.account, pair.name, done))
    return done


async def _planned(pair: FolderPair, observed: Observed) -> Plan:
    """Plan; where there is much to plan, in a thread, so that other folders and the screen go on."""
    if sum(len(changes.appeared) + len(changes.reflagged) for changes in observed.changes.values()) < MUCH:
        return make_plan(observed, pair.policy)
    return await asyncio.to_thread(make_plan, observed, pair.policy)
