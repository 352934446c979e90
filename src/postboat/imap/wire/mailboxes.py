"""LIST, LSUB and STATUS: responses that begin with or end in a mailbox name, which servers often fail to quote."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from postboat.imap.wire.quirks import unescaped, unquoted_name
from postboat.imap.wire.responses import Listed, StatusData

if TYPE_CHECKING:
    from postboat.imap.wire.framer import Streamed

    Parts = tuple[bytes | Streamed, ...]

_BEFORE_NAME = re.compile(
    rb'\* (LIST|LSUB) +(?:\(([^()]*)\)|NIL) +(?:NIL|"(\\\\|\\"|[^"]|)"|([^ "(){]))(?: +|\Z)', re.IGNORECASE
)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
# What is repeated is atomic: before Python 3.11.5 a possessive repetition kept half of a turn that failed (gh-106052).
_ITEMS = rb"\((?:(?>[A-Z0-9.\-]++ ++(?:\([^()]*\)|[^() ]++) *+))*+\) *"
_STATUS_ITEMS = re.compile(rb" *" + _ITEMS, re.IGNORECASE)
_ITEM = re.compile(rb"([A-Z0-9.\-]++) ++(?:(\d{1,19})(?=[ )])|\([^()]*\)|[^() ]++)", re.IGNORECASE)

_MOST_BRACKETS = 64
"""Brackets in an unquoted name that are tried, so that the time it takes follows the line's length."""


def read_listed(parts: Parts, _start: int) -> Listed | None:
    """Read LIST or LSUB (RFC 3501 sections 7.2.2 and 7.2.3); what LIST-EXTENDED appends is left out."""
    line = parts[0]
    match = _BEFORE_NAME.match(line) if isinstance(line, bytes) else None
    if match is None or not isinstance(line, bytes):
        return None
    name = _name(line[match.end() :], parts)
    if name is None:
        return None
    attributes = frozenset(a for a in (match[2] or b"").decode("latin-1").lower().split() if a.startswith("\\"))
    delimiter = unescaped(match[3] or match[4] or b"").decode("latin-1") or None
    return Listed(name.decode("latin-1"), delimiter, attributes, match[1].upper() == b"LSUB")


def _name(rest: bytes, parts: Parts) -> bytes | None:
    if len(parts) > 1:
        return parts[1] if not rest and isinstance(parts[1], bytes) else None
    if not rest.startswith(b'"'):
        return unquoted_name(rest) or None
    match = _QUOTED.match(rest)
    if match is None or rest[match.end() : match.end() + 1] not in (b"", b" "):
        return None
    return unescaped(match[1])


def read_status(parts: Parts, start: int) -> StatusData | None:
    """Read STATUS (RFC 3501 section 7.2.4). Items that are no plain numbers are left out."""
    line = parts[0]
    if not isinstance(line, bytes):
        return None
    name, items = _name_and_items(line[start:].lstrip(b" "), parts)
    if name is None:
        return None
    numbers = {m[1].decode().upper(): int(m[2]) for m in _ITEM.finditer(items) if m[2]}
    return StatusData(name.decode("latin-1"), numbers)


def _name_and_items(rest: bytes, parts: Parts) -> tuple[bytes | None, bytes]:
    if len(parts) == 3 and not rest:
        name, items = parts[1], parts[2]
        if isinstance(name, bytes) and isinstance(items, bytes) and _STATUS_ITEMS.fullmatch(items):
            return name, items
    elif len(parts) == 1:
        quoted = _QUOTED.match(rest)
        if quoted is not None and _STATUS_ITEMS.fullmatch(rest, quoted.end()):
            return unescaped(quoted[1]), rest[quoted.end() :]
        if quoted is None:
            return _unquoted_name_and_items(rest)
    return None, b""


def _unquoted_name_and_items(rest: bytes) -> tuple[bytes | None, bytes]:
    """Part a name that may hold spaces and brackets from the items, which begin at the first bracket that fits."""
    for bracket in islice(re.finditer(rb"\(", rest), _MOST_BRACKETS):
        name = rest[: bracket.start()].rstrip(b" ")
        if name and _STATUS_ITEMS.fullmatch(rest, bracket.start()):
            return name, rest[bracket.start() :]
    return None, b""
