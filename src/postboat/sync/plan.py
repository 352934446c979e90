"""The planner: a table before it is code.

```
remote local ledger
  +     .     .     new on the remote     Copy to local
  .     +     .     new locally           Copy to the remote
  +     +     .     twins never recorded  Adopt (no transfer)
  +     +     +     known                 Reflag: three-way merge of each flag
  +     .     +     gone locally          Delete on the remote
  .     +     +     gone remotely         Delete locally
  .     .     +     gone from both        Forget
```
Deleted on one side and changed on the other: the change wins and the message comes back. Only what differs from the
baseline is ever looked at, so the cost of planning follows the changes and not the size of the folder.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.model import DELETED, Pairing, Policy, Side
from postboat.operations import Adopt, Copy, Delete, Forget, Operation, Plan, Reflag
from postboat.sync.aside import NONE_ASIDE, Asides, without_copies
from postboat.sync.merge import TWIN_BASE, merge_flags, reflagging
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from postboat.model import Changes, Flags, Key, Message, Unsettled


@dataclass(frozen=True, slots=True)
class Observed:
    """All that the planner may know of a folder pair."""

    changes: Mapping[Side, Changes]
    pairings: Sequence[Pairing] = ()
    """The pairings of every message that either side reports as reflagged, vanished or renamed, each once."""
    twins: Sequence[tuple[Key, Key]] = ()
    """Appeared messages, remote and local key, that are copies of one another."""
    withheld: Mapping[Side, Set[Key]] = field(default_factory=dict)
    """By the side they would go to: messages of the other side that must not be sent now: because they may be there
    already, or failed and are not due."""
    unsettled: Sequence[Unsettled] = ()
    """Those of them that need telling, each with the reason."""
    asides: Asides = NONE_ASIDE
    """Copies that failed before: those due again, and those that are `withheld` until they are."""
    arrived: Sequence[tuple[Key, Flags]] = ()
    """New messages on the local side that an interrupted run delivered without telling of them, as it did."""
    anew: bool = False
    """Whether the ledger had to start over for this folder."""
    moved: int = 0
    """Messages that were moved here from other folders since."""
    unfinished: bool = False
    """Whether something was left out that is to be looked at again, however well the rest goes."""
    paired: int = 0
    """How many messages the ledger knew when it was looked at, without those moved away since; 0 when none vanished."""

    def lost_all(self, side: Side) -> bool:
        """Whether `side` holds none of the messages any more that the ledger knew."""
        return 0 < self.paired <= len(self.changes[side].vanished)


def make_plan(observed: Observed, policy: Policy) -> Plan:
    """Decide what brings both sides in step, as far as `policy` allows."""
    policy = replace(policy, readonly=unwritable(observed, policy))
    operations: list[Operation] = []
    for pairing in observed.pairings:
        operations += _known(pairing, observed.changes, policy)
    for twin in observed.twins:
        operations += _twins(twin, observed.changes, policy)
    twinned = {Side.REMOTE: {r for r, _ in observed.twins}, Side.LOCAL: {lo for _, lo in observed.twins}}
    for source in Side:
        if source.other not in policy.readonly:
            operations += _new(source, observed.changes[source], twinned[source])
    return Plan.of(without_copies(operations, observed.withheld))


def unwritable(observed: Observed, policy: Policy) -> frozenset[Side]:
    """The sides that must not be changed or turned out not to be changeable."""
    return policy.readonly | {side for side in Side if observed.changes[side].readonly}


def _new(source: Side, changes: Changes, skipped: set[Key]) -> Iterator[Operation]:
    """Rows `+ . .` and `. + .`, newest first: UIDs grow, and so do the times that begin Maildir names."""
    newest_first = sorted(changes.appeared, key=lambda key: (len(key), key), reverse=True)
    for key in newest_first:
        if key not in skipped:
            message = changes.appeared[key]
            yield Copy(source.other, key, message.flags, message.size, message.mark)


def _twins(twin: tuple[Key, Key], changes: Mapping[Side, Changes], policy: Policy) -> Iterator[Operation]:
    """Row `+ + .`: one message that both sides hold, though nobody wrote it down."""
    remote, local = changes[Side.REMOTE].appeared[twin[0]], changes[Side.LOCAL].appeared[twin[1]]
    pairing = Pairing(remote.key, local.key, remote.flags & local.flags, remote.mark, local.mark)
    yield from _agree(pairing, None, remote.flags, local.flags, TWIN_BASE, changes, policy)


def _known(pairing: Pairing, changes: Mapping[Side, Changes], policy: Policy) -> Iterator[Operation]:
    """Rows that end in `+`: a message the ledger knows and at least one side reports."""
    gone = [side for side in Side if pairing.key(side) in changes[side].vanished]
    if len(gone) == 2:
        yield Forget(pairing)
    elif gone:
        yield from _gone(pairing, gone[0], changes, policy)
    else:
        now = _renamed(pairing, changes)
        remote, local = (_present(pairing, side, changes[side]) for side in (Side.REMOTE, Side.LOCAL))
        yield from _agree(now, pairing, remote, local, pairing.flags, changes, policy)


def _gone(pairing: Pairing, gone: Side, changes: Mapping[Side, Changes], policy: Policy) -> Iterator[Operation]:
    """Rows `+ . +` and `. + +`: one side's user removed the message.

    It cannot come back to a side that is never modified: there the removal counts, whatever flags the other side has
    of its own.
    """
    kept, now = gone.other, _renamed(pairing, changes)
    if now != pairing:
        yield Adopt(now, pairing)
    if gone not in policy.sync_deletes or kept in policy.readonly:
        return
    flags = _present(pairing, kept, changes[kept])
    changed = flags ^ changes[kept].holds.mask(pairing.flags)
    if changed and DELETED not in flags and gone not in policy.readonly:
        yield bring_back(now, gone, flags)
    elif kept in policy.expunge or DELETED not in flags:
        yield Delete(kept, now)


def bring_back(pairing: Pairing, to: Side, flags: Flags) -> Copy:
    """Give a message to the side that deleted it, as its other side has it."""
    return Copy(to, pairing.key(to.other), flags, mark=pairing.mark(to.other), replaces=pairing)


def _agree(
    pairing: Pairing,
    before: Pairing | None,
    remote: Flags,
    local: Flags,
    base: Flags,
    changes: Mapping[Side, Changes],
    policy: Policy,
) -> Iterator[Operation]:
    """Row `+ + +`: merge the flags of a message that both sides hold."""
    holds = {side: changes[side].holds for side in Side}
    merged = merge_flags(base, remote, local, holds[Side.REMOTE], holds[Side.LOCAL])
    agreed = _recorded(merged, remote, local, policy)
    work = {
        side: None if side in policy.readonly else reflagging(pairing.key(side), flags, merged, holds[side])
        for side, flags in ((Side.REMOTE, remote), (Side.LOCAL, local))
    }
    on_remote, on_local = work[Side.REMOTE], work[Side.LOCAL]
    if on_remote is None and on_local is None:
        pairing = replace(pairing, flags=agreed)
    if pairing != before:
        yield Adopt(pairing, before)
    if on_remote or on_local:
        yield Reflag(pairing, on_remote, on_local, agreed)


def _recorded(merged: Flags, remote: Flags, local: Flags, policy: Policy) -> Flags:
    """The next baseline. A side that must not change keeps its own flags as the baseline, so that the difference
    that stays on the other side is taken neither for a new change nor for one to undo.
    """
    if Side.REMOTE in policy.readonly:
        return remote
    if Side.LOCAL in policy.readonly:
        return local
    return merged


def _present(pairing: Pairing, side: Side, changes: Changes) -> Flags:
    """The flags a paired message has now on `side`; what the side cannot store is taken as agreed."""
    key = pairing.key(side)
    renamed: Message | None = changes.renamed.get(key)
    seen = renamed.flags if renamed else changes.reflagged.get(key)
    return changes.holds.mask(pairing.flags) if seen is None else changes.holds.mask(seen)


def _renamed(pairing: Pairing, changes: Mapping[Side, Changes]) -> Pairing:
    """The pairing under its present keys."""
    for side in Side:
        message = changes[side].renamed.get(pairing.key(side))
        if message and side is Side.REMOTE:
            pairing = replace(pairing, remote=message.key, remote_mark=message.mark)
        elif message:
            pairing = replace(pairing, local=message.key, local_mark=message.mark)
    return pairing
