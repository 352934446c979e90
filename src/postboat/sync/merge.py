"""Three-way merge of flags: what each side changed since the baseline is applied to both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.model import DELETED, NO_FLAGS, Reflagging

if TYPE_CHECKING:
    from postboat.model import Flags, FlagsHeld, Key

TWIN_BASE: Flags = frozenset({DELETED})
"""Baseline of two messages that meet for the first time: all their flags add up, but neither is marked for deletion
unless both are."""


def merge_flags(base: Flags, remote: Flags, local: Flags, remote_holds: FlagsHeld, local_holds: FlagsHeld) -> Flags:
    """The flags both sides should agree on: `(ours & theirs) | ((ours | theirs) - base)`, flag by flag.

    A flag that one side cannot store follows the other side; one that neither can store stays as in `base`.
    """
    everything = remote | local | base
    in_remote, in_local = remote_holds.mask(everything), local_holds.mask(everything)
    ours = (remote & in_remote) | (local & in_local - in_remote)
    theirs = (local & in_local) | (remote & in_remote - in_local)
    merged = (ours & theirs) | ((ours | theirs) - base)
    return merged | (base - in_remote - in_local)


def reflagging(key: Key, present: Flags, wanted: Flags, holds: FlagsHeld) -> Reflagging | None:
    """What must be added to and removed from `present` to reach `wanted`, as far as the side can store it."""
    add, remove = holds.mask(wanted - present), holds.mask(present - wanted)
    if add == remove == NO_FLAGS:
        return None
    return Reflagging(key, add, remove)
