"""Checkpoints are kept under the policy that they were made by: what it left undone must be seen under another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.model import Changes, Flags, Glimpse, Key, Policy
    from postboat.sync.ports import Agreed


def checkpoints_to_save(changes: Mapping[Side, Changes], policy: Policy) -> dict[Side, str | None]:
    """The checkpoints of both sides for the ledger; none for a side whose changes an unwritable other side kept."""
    return {
        side: None
        if changes[side.other].readonly or (seen := changes[side].checkpoint) is None
        else _seal(policy) + seen
        for side in Side
    }


def is_unchanged(
    validity: Mapping[Side, str | None],
    checkpoint: Mapping[Side, str | None],
    glimpses: Mapping[Side, Glimpse | None],
    policy: Policy,
) -> bool:
    """Whether both sides of a folder are proved to be as they were agreed on under this policy.

    `validity` and `checkpoint` are what the ledger holds, `glimpses` how the sides are now. Of a copy begun and not
    recorded they know nothing: whoever finds an intent looks.
    """
    for side in Side:
        now = glimpses[side]
        if now is None or not now.validity or now.checkpoint is None:
            return False
        if (now.validity, _seal(policy) + now.checkpoint) != (validity[side], checkpoint[side]):
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
    return f"{sides}{policy.expunge:d} "
