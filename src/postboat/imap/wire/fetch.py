"""FETCH data: what a server tells of one message (RFC 3501 section 7.4.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from postboat.imap.wire import quirks
from postboat.imap.wire.dates import seconds_of
from postboat.imap.wire.flags import flags_of, read_flags
from postboat.imap.wire.framer import Streamed
from postboat.imap.wire.responses import Fetched
from postboat.imap.wire.uid_set import MAX_UID

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.wire.nodes import Node

_BEGIN = (
    rb"\* (\d{1,10}) FETCH \((?:UID (\d{1,10}) )?FLAGS \(([^()\"\[]*)\)(?: UID (\d{1,10}))?(?: MODSEQ \((\d{1,18})\))?"
)
_QUICK = re.compile(_BEGIN + rb"(?: RFC822\.SIZE (\d{1,18}))?\)")
_QUICK_BODY = re.compile(_BEGIN + rb' INTERNALDATE "([^"\\]*)" BODY\[\] ')
_HEADER = re.compile(r"BODY\[HEADER(?:\.FIELDS(?:\.NOT)? \([^)]*\))?\]|RFC822\.HEADER", re.IGNORECASE)
_BODY_NAMES = frozenset({"BODY[]", "RFC822", "BINARY[]"})


def quick_fetched(line: bytes) -> Fetched | None:
    """Read the commonest form at a glance; None says nothing but that it is another form."""
    match = _QUICK.fullmatch(line)
    if match is None:
        return None
    *begin, size = match.groups()
    return _quick(*begin, size=None if size is None else int(size))


def quick_body(text: bytes, body: bytes) -> Fetched | None:
    """Read a message whose other items stand before it in the commonest order; None says nothing, as above."""
    match = _QUICK_BODY.fullmatch(text)
    if match is None:
        return None
    *begin, date = match.groups()
    return _quick(*begin, date=seconds_of(date.decode("latin-1")), body=body)


def _quick(
    seq: bytes,
    before: bytes | None,
    flags: bytes,
    behind: bytes | None,
    modseq: bytes | None,
    *,
    date: float | None = None,
    size: int | None = None,
    body: bytes | None = None,
) -> Fetched | None:
    if before is not None and behind is not None:
        return None
    uid = int(before or behind or 0)
    if (uid == 0 and (before or behind)) or uid > MAX_UID or int(seq) > MAX_UID:
        return None
    return Fetched(int(seq), uid or None, flags_of(flags), date, size, body, modseq=int(modseq or 0) or None)


def read_fetched(seq: int, nodes: list[Node]) -> Fetched:
    """Read the items in brackets; ValueError when it cannot be said which message they belong to."""
    if len(nodes) != 1 or not isinstance(nodes[0], list):
        raise ValueError("FETCH without its list")
    found: dict[str, Any] = {}
    items = list(reversed(nodes[0]))
    while items:
        name = items.pop()
        if not isinstance(name, str):
            continue
        field, read = _reader_of(name)
        if not items or (read in _READ_STRINGS and isinstance(items[-1], str)):
            continue
        value = read(_value_of(name, items))
        if value is None:
            continue
        if found.setdefault(field, value) != value and field:
            raise ValueError("the same item twice")
    found.pop("", None)
    return Fetched(seq, **found)


def _value_of(name: str, items: list[Node]) -> Node:
    """Take an item's value, putting back the name of the next item where a server glued them together."""
    value = items.pop()
    if isinstance(value, str) and name.upper() in ("UID", "RFC822.SIZE") and (glued := quirks.glued_number(value)):
        value, following = glued
        items.append(following)
    return value


def _reader_of(name: str) -> tuple[str, Callable[[Node], Any]]:
    upper = name.upper()
    if upper in _BODY_NAMES:
        return "body", _body
    if _HEADER.fullmatch(name):
        return "header", _header
    return _READERS.get(upper, ("", _nothing))


def _uid(node: Node) -> int:
    if not isinstance(node, str) or not (node.isascii() and node.isdigit()) or not 0 < int(node[:20]) <= MAX_UID:
        raise ValueError("not a UID")
    return int(node)


def _size(node: Node) -> int | None:
    if not isinstance(node, str) or len(node) > 40:
        return None
    return (
        int(node)
        if node.isascii() and node.isdigit() and len(node) < 20
        else quirks.rounded_size(node.encode("latin-1"))
    )


def _date(node: Node) -> float | None:
    return seconds_of(node.decode("latin-1")) if isinstance(node, bytes) else None


def _modseq(node: Node) -> int | None:
    inner = node[0] if isinstance(node, list) and len(node) == 1 else None
    return quirks.usable_modseq(inner) if isinstance(inner, str) else None


def _emailid(node: Node) -> str | None:
    inner = node[0] if isinstance(node, list) and len(node) == 1 else None
    return inner if isinstance(inner, str) else None


def _gmail_id(node: Node) -> str | None:
    return node if isinstance(node, str) and node.isascii() and node.isdigit() else None


def _body(node: Node) -> bytes | Streamed | None:
    return node if isinstance(node, bytes | Streamed) else None


def _header(node: Node) -> bytes | None:
    return node if isinstance(node, bytes) else None


def _nothing(_: Node) -> None:
    """Leave an item alone that nobody asked for."""


_READ_STRINGS = (_body, _header)
r"""An atom in the place of their value is the next item's name: Yandex leaves values out (`BODY[2.MIME] )`)."""

_READERS: dict[str, tuple[str, Callable[[Node], Any]]] = {
    "UID": ("uid", _uid),
    "FLAGS": ("flags", read_flags),
    "INTERNALDATE": ("date", _date),
    "RFC822.SIZE": ("size", _size),
    "MODSEQ": ("modseq", _modseq),
    "EMAILID": ("emailid", _emailid),
    "X-GM-MSGID": ("emailid", _gmail_id),
}
