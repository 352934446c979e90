"""The state of a mailbox as four numbers, kept as text: equal ones prove that nothing happened in between."""

from __future__ import annotations

import json
from typing import NamedTuple


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


def read_checkpoint(text: str | None) -> Checkpoint | None:
    """The numbers of `checkpoint_text`; None without one, or when it is something else."""
    try:
        numbers = json.loads(text) if text is not None else None
    except ValueError:
        return None
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(type(number) is int for number in numbers):
        return None
    return Checkpoint(*numbers)
