"""Checkpoints are kept under the policy that they were made by: what it left undone must be seen under another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.model import Changes, Flags, Glimpse, Key, Pairing, Policy
    from postboat.operations import Plan
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.ports import Agreed


def before_effects(pair: FolderPair) -> Mapping[Side, str | None]:
    """What is saved before anything is changed: the checkpoints that might come true again are taken back."""
    return {side: None for side in Side if not pair.replica(side).checkpoints_only_grow}


def checkpoints_to_save(
    changes: Mapping[Side, Changes], plan: Plan, marked: Collection[Pairing], policy: Policy
) -> dict[Side, str | None]:
    """The checkpoints of the sides all of whose changes were applied; a side that is left out keeps what it has.

    What was not applied must be seen again by the next look: what one side may not be told, what only was `marked`.
    """
    saved: dict[Side, str | None] = {}
    for side in Side:
        seen = changes[side].checkpoint
        if not _left_over(side, changes[side], plan, marked):
            saved[side] = None if seen is None else _seal(policy) + seen
    return saved


def left_undone(
    pair: FolderPair, changes: Mapping[Side, Changes], saved: Collection[Side]
) -> Mapping[Side, str | None]:
    """The checkpoints to take back since changes of their side were not applied: no later look at a part of it may
    build on them. A server tells of these changes again, since it tells all since the checkpoint.
    """
    return {side: None for side in before_effects(pair) if side not in saved and not changes[side].nothing}


def _left_over(side: Side, changes: Changes, plan: Plan, marked: Collection[Pairing]) -> bool:
    """Whether messages that appeared on a side or vanished from it are still without a counterpart in the other."""
    other = side.other
    taken = {copy.key for copy in plan.copies if copy.to is other}
    taken |= {adopt.pairing.key(side) for adopt in plan.adopts}
    settled = {delete.pairing.key(side) for delete in plan.deletes if delete.on is other}
    settled |= {forget.pairing.key(side) for forget in plan.forgets}
    settled |= {copy.replaces.key(side) for copy in plan.copies if copy.to is side and copy.replaces}
    settled -= {pairing.key(side) for pairing in marked}
    return not (changes.appeared.keys() <= taken and changes.vanished <= settled)


def is_unchanged(
    validity: Mapping[Side, str | None],
    checkpoint: Mapping[Side, str | None],
    glimpses: Mapping[Side, Glimpse | None],
    policy: Policy,
    *,
    quick: bool = False,
) -> bool:
    """Whether both sides of a folder are proved to be as they were agreed on under this policy.

    With `quick`, a side that can prove nothing counts as unchanged when nothing but flags can have changed.

    `validity` and `checkpoint` are what the ledger holds, `glimpses` how the sides are now. Of a copy begun and not
    recorded they know nothing: whoever finds an intent looks.
    """
    for side in Side:
        now = glimpses[side]
        told = now and (now.checkpoint or (now.likely if quick else None))
        if now is None or not now.validity or not told:
            return False
        recorded = (checkpoint[side] or "").partition("\n")[0]
        if (now.validity, _seal(policy) + told) != (validity[side], recorded):
            return False
    return True


class AgreedUnder:
    """One side's view of the ledger (`ports.Agreed`), with its checkpoint only if it was made under this policy."""

    def __init__(self, agreed: Agreed, policy: Policy) -> None:
        self._agreed, self._seal = agreed, _seal(policy)

    @property
    def validity(self) -> str | None:
        """As recorded."""
        return self._agreed.validity

    @property
    def checkpoint(self) -> str | None:
        """As recorded under the same policy; else None."""
        recorded = self._agreed.checkpoint
        return recorded.removeprefix(self._seal) if recorded and recorded.startswith(self._seal) else None

    async def count(self) -> int:
        """How many pairings there are."""
        return await self._agreed.count()

    async def flags(self) -> Mapping[Key, Flags]:
        """Agreed flags by this side's key."""
        return await self._agreed.flags()

    async def flags_of(self, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of those of `keys` that are paired."""
        return await self._agreed.flags_of(keys)

    async def marks(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Marks of the paired messages in `keys`."""
        return await self._agreed.marks(keys)


def _seal(policy: Policy) -> str:
    """A short text that differs when what may be done differs."""
    sides = "".join(f"{side.value[0]}{side in policy.readonly:d}{side in policy.sync_deletes:d}" for side in Side)
    marks = "m" if Side.LOCAL not in policy.expunge else ""
    return f"{sides}{Side.REMOTE in policy.expunge:d}{marks} "
