"""A folder that is gone from one side for good, as its user confirmed: its messages are removed from the other side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import FolderError
from postboat.events import FolderFinished, FolderPlanned, PlanShown
from postboat.model import Changes, Gone, Refused, Side
from postboat.operations import Plan
from postboat.sync.execute import execute
from postboat.sync.folder_pair import look
from postboat.sync.plan import make_plan
from postboat.sync.tally import counts_of, describe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from typing import Self

    from postboat.events import Counts, Publish
    from postboat.model import (
        Content,
        Fingerprint,
        Glance,
        Intent,
        Key,
        Marked,
        Reflagging,
        Stored,
        Unreadable,
        Unsettled,
    )
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.plan import Observed
    from postboat.sync.ports import Agreed

_NOT_THERE = "the folder is not there"


async def empty_other_side(pair: FolderPair, lacking: Side, publish: Publish) -> tuple[Counts, bool]:
    """Remove what was agreed on from the side that still has the folder; return what was done, and if it is empty now.

    A message that changed there since, or is new, stays: the change wins. Raises `FolderError` when something could
    not be removed, so that the verdict has to stay.
    """
    pair, observed, plan = await _planned(pair, lacking, publish)
    deletes = Plan(plan.adopts, plan.forgets, deletes=plan.deletes)
    publish(FolderPlanned(pair.account, pair.name, counts_of(deletes)))
    done = await execute(deletes, observed, pair, publish)
    left = await pair.ledger.pairings(Side.REMOTE, [delete.pairing.remote for delete in plan.deletes])
    if left:
        raise FolderError(
            f"{len(left)} of its messages could not be removed, and so it stays; the next run tries again"
        )
    publish(FolderFinished(pair.account, pair.name, done))
    return done, not plan.copies and not await pair.ledger.agreed(lacking).count()


async def show_other_side(pair: FolderPair, lacking: Side, publish: Publish) -> None:
    """Publish what `empty_other_side` would do."""
    pair, _, plan = await _planned(pair, lacking, lambda _event: None)
    told = tuple(fact for delete in plan.deletes if (fact := describe(delete)))
    publish(PlanShown(pair.account, pair.name, told))


async def _planned(pair: FolderPair, lacking: Side, publish: Publish) -> tuple[FolderPair, Observed, Plan]:
    absent = AbsentReplica()
    pair = replace(pair, remote=absent) if lacking is Side.REMOTE else replace(pair, local=absent)
    observed = await look(pair, publish)
    return pair, observed, make_plan(observed, pair.policy)


class AbsentReplica:
    """The half of a folder that is not there (`sync.ports.Replica`): all that was agreed on vanished from it."""

    reads_freely = True
    arrives_late = False
    numbers_in_order = False
    checkpoints_only_grow = True

    async def validity(self) -> str:
        """That of a folder that does not exist."""
        return ""

    async def changes(self, agreed: Agreed) -> Changes:
        """Everything vanished."""
        return Changes(vanished=frozenset(await agreed.flags()))

    async def fingerprints(self, keys: Collection[Key]) -> Mapping[Key, Fingerprint]:
        """None."""
        return {}

    async def glances(self, keys: Collection[Key]) -> Mapping[Key, Glance]:
        """None."""
        return {}

    async def headers(self, keys: Collection[Key]) -> Mapping[Key, bytes]:
        """None."""
        return {}

    async def read(self, keys: Sequence[Key]) -> AsyncIterator[Content | Gone | Unreadable]:
        """Every message is gone."""
        for key in keys:
            yield Gone(key)

    async def intend(self, contents: Sequence[Content]) -> Sequence[str]:
        """Nothing is stored here, and nothing found later."""
        return [""] * len(contents)

    async def store(self, contents: Sequence[Content], tokens: Sequence[str]) -> Sequence[Stored | Refused | Unsettled]:
        """Everything is refused."""
        return [Refused(content.key, _NOT_THERE) for content in contents]

    async def find(self, intents: Sequence[Intent], paired: Collection[Key] = ()) -> Mapping[Key, Stored | Unsettled]:
        """What an interrupted run stored is gone with the folder."""
        return {}

    async def reflag(self, reflaggings: Sequence[Reflagging]) -> Sequence[Refused | Gone]:
        """Every message is gone."""
        return [Gone(wanted.key) for wanted in reflaggings]

    async def delete(self, keys: Sequence[Key], *, expunge: bool) -> Sequence[Refused | Marked]:
        """What is gone already is no error."""
        return []

    def weight(self, mark: str) -> int | None:
        """Not known."""
        return None

    async def intend_move(self, keys: Collection[Key], to: Self) -> Mapping[Key, str]:
        """Nothing is moved from here."""
        return {}

    async def move(
        self, keys: Sequence[Key], to: Self, tokens: Sequence[str]
    ) -> Sequence[Stored | Unsettled | Refused | Gone]:
        """Every message is gone."""
        return [Gone(key) for key in keys]
