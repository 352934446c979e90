"""Flags as servers list them (RFC 3501 section 2.3.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from postboat.imap.wire.nodes import as_text
from postboat.imap.wire.quirks import canonical_flag, is_storable_flag
from postboat.model import MAILDIR_FLAGS

if TYPE_CHECKING:
    from postboat.imap.wire.nodes import Node
    from postboat.model import Flags

RECENT = "\\Recent"
MOST = 256
"""Flags of one message beyond which its keywords are left out: no mail program makes as many."""
_FLAG = re.compile(r"[^\x00-\x20\x7f]{1,255}")
"""What may be kept as a flag though no server should have made it."""
_CACHED = 1024
"""Octets up to which a list is remembered; a server that sends longer ones could fill the memory with them."""


def flags_of(words: bytes) -> Flags:
    """Flags from what stands between the brackets. Equal lists give one object: most messages' lists are equal."""
    return _remembered(words) if len(words) <= _CACHED else _read(words)


def _read(words: bytes) -> Flags:
    return _kept(words.decode("latin-1").split(" "))


_remembered = lru_cache(maxsize=4096)(_read)


def read_flags(node: Node) -> Flags | None:
    """Flags from a list; None when it is none, so that a missing list is not taken for an empty one."""
    if not isinstance(node, list):
        return None
    return _kept([text for text in map(as_text, node) if text is not None])


def _kept(words: list[str]) -> Flags:
    flags = frozenset(canonical_flag(word) for word in words if is_storable_flag(word) and _FLAG.fullmatch(word))
    return (flags if len(flags) <= MOST else flags & MAILDIR_FLAGS) - {RECENT}
