"""Twins: one message that both sides hold though the ledger does not know it. They are paired, not copied."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.model import Fingerprint, Key, Message


def sizes_in_common(remote: Mapping[Key, Message], local: Mapping[Key, Fingerprint]) -> list[Key]:
    """Remote messages worth a closer look: those as large as some local one, or of unknown size."""
    sizes = {fingerprint.size for fingerprint in local.values()}
    return [key for key, message in remote.items() if message.size is None or message.size in sizes]


def pair_twins(remote: Mapping[Key, Fingerprint], local: Mapping[Key, Fingerprint]) -> list[tuple[Key, Key]]:
    """Pair equal fingerprints one to one; among identical copies the oldest with the oldest.

    Equal means equal headers and equal sizes. Messages that differ in either are different: a needless copy can be
    deleted, a message taken for another one is lost.
    """
    waiting: dict[Fingerprint, list[Key]] = defaultdict(list)
    for key in sorted(local, key=_age, reverse=True):
        waiting[local[key]].append(key)
    return [(key, waiting[remote[key]].pop()) for key in sorted(remote, key=_age) if waiting[remote[key]]]


def _age(key: Key) -> tuple[int, Key]:
    return len(key), key
