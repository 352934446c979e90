"""The state of a mailbox as four numbers, kept as text: equal ones prove that nothing happened in between.

A second line may hold anchors, and be the only one: the newest messages, with the sizes that they had.
A message never changes its size, so one that has another by now bears a UID that was given out a second time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Checkpoint(NamedTuple):
    """What a mailbox looked like when all that it showed was taken in."""

    uidvalidity: int
    uidnext: int
    messages: int
    highestmodseq: int
    """Of RFC 7162; at least 1."""


def checkpoint_text(
    uidvalidity: int | None, uidnext: int | None, messages: int | None, highestmodseq: int | None
) -> str | None:
    """Four numbers of a SELECT or STATUS as a checkpoint; None when one is missing, so that they prove nothing.

    All four count: there are servers whose HIGHESTMODSEQ stands still while mail arrives. Only a server that announces
    CONDSTORE or QRESYNC keeps a mod-sequence at all, which is for the caller to check.
    """
    if uidvalidity is None or uidnext is None or messages is None or not highestmodseq or highestmodseq < 1:
        return None
    return json.dumps((uidvalidity, uidnext, messages, highestmodseq))


def counts_text(uidvalidity: int | None, uidnext: int | None, messages: int | None) -> str | None:
    """What stands in the place of a checkpoint where there is no mod-sequence: equal ones prove nothing about flags.

    None when a number is missing.
    """
    return None if None in (uidvalidity, uidnext, messages) else json.dumps((uidvalidity, uidnext, messages))


def read_checkpoint(text: str | None) -> Checkpoint | None:
    """The numbers of `checkpoint_text`; None without one, or when it is something else."""
    numbers = _line(text, 0)
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(type(number) is int for number in numbers):
        return None
    return Checkpoint(*numbers)


class Anchor(NamedTuple):
    """A message as a look showed it."""

    uid: int
    size: int
    """RFC822.SIZE, right or wrong."""


def anchored(text: str | None, anchors: Sequence[Anchor]) -> str | None:
    """A checkpoint with its second line; without the first, anchors prove nothing but what contradicts them."""
    if not anchors:
        return text
    return f"{text or ''}\n{json.dumps(anchors)}"


def read_anchors(text: str | None) -> list[Anchor]:
    """The anchors of a checkpoint, by rising UID; none when it has none, or something else."""
    pairs = _line(text, 1)
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return []
    found = [Anchor(*pair) for pair in pairs]
    return sorted(found) if all(type(number) is int for anchor in found for number in anchor) else []


def _line(text: str | None, number: int) -> object:
    """A line of a checkpoint, decoded; None when there is none, or it makes no sense."""
    lines = (text or "").split("\n")
    try:
        return json.loads(lines[number]) if number < len(lines) else None
    except ValueError:
        return None
