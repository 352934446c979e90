"""The whole story of a folder, from looking to writing down. START READING HERE."""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import TYPE_CHECKING

from postboat.events import Counts, FolderFinished, FolderMatchedAnew, FolderPlanned, FolderStarted
from postboat.model import Policy, Side
from postboat.sync.execute import execute
from postboat.sync.observe import observe
from postboat.sync.plan import make_plan
from postboat.sync.tally import counts_of
from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.events import Publish
    from postboat.operations import Plan
    from postboat.sync.ports import FolderLedger, Replica


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
    transfers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    """Bounds the transfers of all folders that share it, and with them the memory that they hold."""
    again: bool = False
    """Whether the folder was begun in this run already and its connection broke: what was under way then may arrive
    on the server even now, and is not sent a second time before the next run."""

    def replica(self, side: Side) -> Replica:
        """The replica of `side`."""
        return self.remote if side is Side.REMOTE else self.local


async def sync_folder_pair(pair: FolderPair, publish: Publish) -> Counts:
    """Make both replicas of one folder agree, as far as the policy allows; return what was done."""
    publish(FolderStarted(pair.account, pair.name))
    observed = await observe(pair)
    if observed.anew:
        publish(FolderMatchedAnew(pair.account, pair.name))
    plan = await asyncio.to_thread(make_plan, observed, pair.policy)
    publish(FolderPlanned(pair.account, pair.name, counts_of(plan)))
    done = await execute(plan, observed, pair, publish)
    publish(FolderFinished(pair.account, pair.name, done))
    return done


async def plan_folder_pair(pair: FolderPair) -> Plan:
    """What `sync_folder_pair` would do: the same, without its end. For a dry run, with a ledger kept in memory."""
    return make_plan(await observe(pair), pair.policy)
