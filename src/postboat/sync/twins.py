"""Twins: one message that both sides hold though the ledger does not know it. They are paired, not copied."""

from __future__ import annotations

from collections import defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from postboat.likeness import ContentPrint
from postboat.model import DRAFT, NO_FLAGS, Content, Side
from postboat.operations import Copy
from postboat.sync.batches import batches
from postboat.tasks import together

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from postboat.model import Fingerprint, Glance, Gone, Key, Message, Unreadable

    Sized = Mapping[Key, int | None]
    """Messages with their sizes in octets, as far as these are known."""


class Readable(Protocol):
    """What messages can be read from: a `Replica`, or what is kept of one."""

    def read(self, keys: Sequence[Key]) -> AsyncIterator[Content | Gone | Unreadable]:
        """See `Replica.read`."""
        ...


def sizes_in_common(
    messages: Mapping[Key, Message], others: Iterable[Message | Fingerprint | Glance]
) -> dict[Key, Message]:
    """Messages worth a closer look: those as large as one of the `others`, or one of the two of unknown size."""
    sizes = {other.size for other in others}
    if None in sizes:
        return dict(messages)
    return {key: message for key, message in messages.items() if message.size is None or message.size in sizes}


def pair_by_glance(remote: Mapping[Key, Glance], local: Mapping[Key, Glance]) -> list[tuple[Key, Key]]:
    """Pair equal glances, where they tell all and no second message of either side bears one."""
    theirs, ours = _unique(remote), _unique(local)
    return sorted(
        ((key, ours[glance]) for glance, key in theirs.items() if glance in ours), key=lambda twin: _age(twin[0])
    )


def _unique(glances: Mapping[Key, Glance]) -> dict[Glance, Key]:
    bearers: dict[Glance, list[Key]] = defaultdict(list)
    for key, glance in glances.items():
        if glance.name and glance.size is not None and glance.date is not None:
            bearers[glance].append(key)
    return {glance: keys[0] for glance, keys in bearers.items() if len(keys) == 1}


def pair_twins(remote: Mapping[Key, Fingerprint], local: Mapping[Key, Fingerprint]) -> list[tuple[Key, Key]]:
    """Pair equal fingerprints one to one; among identical copies the oldest with the oldest.

    Equal means equal headers and equal sizes. Messages that differ in either are different: a needless copy can be
    deleted, a message taken for another one is lost.
    """
    waiting: dict[Fingerprint, list[Key]] = defaultdict(list)
    for key in sorted(local, key=_age, reverse=True):
        waiting[local[key]].append(key)
    return [(key, waiting[remote[key]].pop()) for key in sorted(remote, key=_age) if waiting[remote[key]]]


def doubtful(messages: Iterable[Message], fingerprint: Fingerprint) -> bool:
    """Whether an equal header may belong to another text: notes without a Message-ID, drafts saved over and over."""
    return not fingerprint.named or any(DRAFT in message.flags for message in messages)


async def confirmed(theirs: Sized, ours: Sized, remote: Readable, local: Readable) -> list[tuple[Key, Key]]:
    """Pair messages (with their sizes) whose whole contents are equal: both sides are read, and nothing is copied."""
    there, here = await _read_both(theirs, ours, remote, local)
    waiting: dict[bytes, list[Key]] = defaultdict(list)
    for key in sorted(here, key=_age, reverse=True):
        waiting[here[key]].append(key)
    return [(key, waiting[there[key]].pop()) for key in sorted(there, key=_age) if waiting[there[key]]]


async def told_apart(
    twins: Mapping[tuple[Key, Key], int | None], remote: Readable, local: Readable
) -> set[tuple[Key, Key]]:
    """Those of `twins` (with their sizes) that prove to be two messages: both can be read, and differ."""
    theirs, ours = ({twin[side]: size for twin, size in twins.items()} for side in (0, 1))
    there, here = await _read_both(theirs, ours, remote, local)
    return {(r, lo) for r, lo in twins if r in there and lo in here and there[r] != here[lo]}


async def _read_both(
    theirs: Sized, ours: Sized, remote: Readable, local: Readable
) -> tuple[dict[Key, bytes], dict[Key, bytes]]:
    return await together(_read_all(remote, theirs), _read_all(local, ours))


async def _read_all(replica: Readable, sizes: Sized) -> dict[Key, bytes]:
    """Digests of whole messages, read in batches."""
    digests: dict[Key, bytes] = {}
    for batch in batches([Copy(Side.LOCAL, key, NO_FLAGS, size) for key, size in sizes.items()]):
        digests |= await _digests(replica, [copy.key for copy in batch])
    return digests


async def _digests(replica: Readable, keys: Sequence[Key]) -> dict[Key, bytes]:
    """Digests of whole messages; what cannot be read is left out."""
    digests: dict[Key, bytes] = {}
    async with aclosing(replica.read(keys)) as contents:  # type: ignore[type-var]
        async for content in contents:
            if isinstance(content, Content):
                found = ContentPrint()
                found.feed(content.data or b"")
                if content.data is None and content.chunks is not None:
                    async for chunk in content.chunks():
                        found.feed(chunk)
                digests[content.key] = found.digest()
    return digests


def _age(key: Key) -> tuple[int, Key]:
    return len(key), key
