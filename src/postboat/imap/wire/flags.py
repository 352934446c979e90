"""Flags as servers list them (RFC 3501 section 2.3.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from postboat.imap.wire.nodes import as_text
from postboat.imap.wire.quirks import canonical_flag, is_storable_flag

if TYPE_CHECKING:
    from postboat.imap.wire.nodes import Node
    from postboat.model import Flags

RECENT = "\\Recent"


@lru_cache(maxsize=4096)
def flags_of(words: bytes) -> Flags:
    """Flags from what stands between the brackets. Equal lists give one object: most messages' lists are equal."""
    return _kept(words.decode("latin-1").split(" "))


def read_flags(node: Node) -> Flags | None:
    """Flags from a list; None when it is none, so that a missing list is not taken for an empty one."""
    if not isinstance(node, list):
        return None
    return _kept([text for text in map(as_text, node) if text is not None])


def _kept(words: list[str]) -> Flags:
    return frozenset(canonical_flag(word) for word in words if is_storable_flag(word)) - {RECENT}
