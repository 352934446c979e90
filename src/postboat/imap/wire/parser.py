"""From a framed reply to a response (RFC 3501 section 7). Never raises: what makes no sense is `Unknown`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.imap.wire import quirks
from postboat.imap.wire.fetch import quick_body, quick_fetched, read_fetched
from postboat.imap.wire.flags import read_flags
from postboat.imap.wire.mailboxes import read_listed, read_status
from postboat.imap.wire.nodes import as_text, read_nodes
from postboat.imap.wire.responses import (
    Capabilities,
    Condition,
    Continuation,
    Enabled,
    ESearched,
    Exists,
    Expunged,
    Fetched,
    FlagsListed,
    IdFields,
    Namespaces,
    Recent,
    ResponseCode,
    Searched,
    Tagged,
    Unknown,
    Vanished,
)
from postboat.imap.wire.uid_set import MAX_UID, UidSet, runs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.wire.framer import LiteralBegan, Reply, Streamed
    from postboat.imap.wire.nodes import Node
    from postboat.imap.wire.responses import Response

    Parts = tuple[bytes | Streamed, ...]

_NUMBERED = re.compile(rb"\* (\d{1,10}) ([A-Z]+)", re.IGNORECASE)
_NAMED = re.compile(rb"\* ([A-Z]+)(?: |\Z)", re.IGNORECASE)
_TAGGED = re.compile(rb"([^ *+\[]+) +(OK|NO|BAD)(?: |\Z)", re.IGNORECASE)
_CODE = re.compile(
    r'\[(?P<name>[^\s\]"]++)(?P<arguments>(?:[^"(\]]|"(?:[^"\\]|\\.)*+"|\((?:[^()"]|"(?:[^"\\]|\\.)*+")*+\))*+)\] ?',
    re.DOTALL,
)
_NUMBERS = re.compile(r"[\d ]*+", re.ASCII)
_NUMBER = re.compile(r"\d++", re.ASCII)
_VANISHED = re.compile(r"(\(EARLIER\))? *([0-9:,]*)", re.IGNORECASE)
_SHOWN = 200
_MOST_NAMES = 1000


def parse(reply: Reply) -> Response:
    """Read one reply."""
    parts = reply.parts
    first = parts[0]
    if not isinstance(first, bytes):
        return Unknown(b"")
    if len(parts) == 1:
        fetched = quick_fetched(first)
    elif len(parts) == 3 and parts[2] == b")" and isinstance(parts[1], bytes):
        fetched = quick_body(first, parts[1])
    else:
        fetched = None
    if fetched is not None:
        return fetched
    return _parse_line(parts, first) or Unknown(first[:_SHOWN])


def parse_unfinished(frame: LiteralBegan) -> Fetched | None:
    """Read what a FETCH told of its message before its large literal began; None when that makes no sense."""
    parts = [*frame.parts[:-1], bytes_of(frame.parts[-1]) + b"NIL)"]
    parts[0] = first = quirks.with_single_space(bytes_of(parts[0]))
    try:
        response = _numbered(tuple(parts), first)
    except ValueError:
        return None
    return response if isinstance(response, Fetched) else None


def bytes_of(part: bytes | Streamed) -> bytes:
    """A text part; empty for a streamed literal."""
    return part if isinstance(part, bytes) else b""


def _parse_line(parts: Parts, first: bytes) -> Response | None:
    line = quirks.lone_response_code(quirks.with_single_space(first))
    if line.startswith(b"+"):
        return Continuation(line[1:].lstrip(b" "))
    if not line.startswith(b"*"):
        tagged = _TAGGED.match(line)
        if tagged is None:
            return None
        tag, status = tagged[1].decode("latin-1"), tagged[2].decode().upper()
        return Tagged(tag, _condition(status, line[tagged.end() :]))
    try:
        return _numbered((line, *parts[1:]), line) or _named((line, *parts[1:]), line)
    except ValueError:
        return None


def _numbered(parts: Parts, line: bytes) -> Response | None:
    match = _NUMBERED.match(line)
    if match is None:
        return None
    number, kind = int(match[1]), match[2].upper()
    if number > MAX_UID:
        return None
    if kind == b"FETCH":
        return read_fetched(number, read_nodes(parts, match.end()))
    if line[match.end() :].strip(b" "):
        return None
    if kind == b"EXISTS":
        return Exists(number)
    if kind == b"EXPUNGE":
        return Expunged(number)
    return Recent(number) if kind == b"RECENT" else None


def _named(parts: Parts, line: bytes) -> Response | None:
    match = _NAMED.match(line)
    read = _READERS.get(match[1].upper()) if match else None
    if match is None or read is None:
        return None
    return read(parts, match.end())


def _rest(parts: Parts, start: int) -> str:
    """The text behind a response's name; ValueError when literals are in it."""
    if len(parts) != 1:
        raise ValueError("no literal is expected here")
    return bytes_of(parts[0])[start:].decode("latin-1").strip(" ")


def _condition(status: str, rest: bytes) -> Condition:
    text = rest.lstrip(b" ").decode("utf-8", "replace")
    code = None
    if text.startswith("["):
        match = _CODE.match(text)
        if match is not None:
            code = ResponseCode(match["name"].upper(), match["arguments"].strip(" "))
            text = text[match.end() :]
    return Condition(status, code, quirks.without_control_characters(text))


def _untagged_condition(parts: Parts, start: int) -> Condition:
    line = bytes_of(parts[0])
    return _condition(line[2:start].strip(b" ").decode().upper(), line[start:])


def _capabilities(parts: Parts, start: int) -> Capabilities:
    return Capabilities(_names(parts, start))


def _enabled(parts: Parts, start: int) -> Enabled:
    return Enabled(_names(parts, start))


def _names(parts: Parts, start: int) -> frozenset[str]:
    """Words in capitals; those beyond as many as any server has are left out."""
    return frozenset(_rest(parts, start).upper().split(None, _MOST_NAMES)[:_MOST_NAMES])


def _flags_listed(parts: Parts, start: int) -> FlagsListed | None:
    nodes = read_nodes(parts, start)
    flags = read_flags(nodes[0]) if len(nodes) == 1 else None
    return None if flags is None else FlagsListed(flags)


def _searched(parts: Parts, start: int) -> Searched | None:
    """Read SEARCH: numbers, and perhaps a mod-sequence (RFC 7162 section 3.1.5). What is no UID is left out."""
    numbers, bracket, tail = _rest(parts, start).partition("(")
    if _NUMBERS.fullmatch(numbers) is None:
        return None
    words = (match[0] for match in _NUMBER.finditer(numbers))
    uids = UidSet(runs_of(uid for word in words if len(word) <= 10 and 0 < (uid := int(word)) <= MAX_UID))
    modseq = tail.rstrip(") ").upper().removeprefix("MODSEQ ") if bracket else ""
    return Searched(uids, quirks.usable_modseq(modseq))


def _esearched(parts: Parts, start: int) -> ESearched | None:
    nodes = read_nodes(parts, start)
    tag: str | None = None
    if nodes and isinstance(nodes[0], list):
        correlator = nodes.pop(0)
        tag = as_text(correlator[1]) if isinstance(correlator, list) and len(correlator) == 2 else None
    by_uid = bool(nodes) and isinstance(nodes[0], str) and nodes[0].upper() == "UID"
    words = [as_text(node) for node in nodes[by_uid:]]
    if len(words) % 2 or None in words:
        return None
    pairs = [word for word in words if word is not None]
    return ESearched(tag, by_uid, {pairs[i].upper(): pairs[i + 1] for i in range(0, len(pairs), 2)})


def _vanished(parts: Parts, start: int) -> Vanished | None:
    match = _VANISHED.fullmatch(_rest(parts, start))
    if match is None or not (match[1] or match[2]):
        return None
    uids = quirks.without_zero_uid(match[2])
    return Vanished(UidSet.parse(uids) if uids else UidSet(), match[1] is not None)


def _namespaces(parts: Parts, start: int) -> Namespaces | None:
    nodes = read_nodes(parts, start)
    if len(nodes) != 3:
        return None
    return Namespaces(*(_prefixes(node) for node in nodes))


def _prefixes(node: Node) -> tuple[tuple[str, str | None], ...]:
    spaces = [each for each in node if isinstance(each, list) and len(each) >= 2] if isinstance(node, list) else []
    return tuple((as_text(space[0]) or "", as_text(space[1]) or None) for space in spaces)


def _id_fields(parts: Parts, start: int) -> IdFields | None:
    nodes = read_nodes(parts, start)
    fields = nodes[0] if len(nodes) == 1 else None
    if not isinstance(fields, list):
        return IdFields() if nodes == [None] else None
    names = [(as_text(name) or "").lower() for name in fields[::2]]
    return IdFields(dict(zip(names, map(as_text, fields[1::2]), strict=False)))


_READERS: dict[bytes, Callable[[Parts, int], Response | None]] = {
    **dict.fromkeys((b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"), _untagged_condition),
    b"CAPABILITY": _capabilities,
    b"ENABLED": _enabled,
    b"ESEARCH": _esearched,
    b"FLAGS": _flags_listed,
    b"ID": _id_fields,
    b"LIST": read_listed,
    b"LSUB": read_listed,
    b"NAMESPACE": _namespaces,
    b"SEARCH": _searched,
    b"STATUS": read_status,
    b"VANISHED": _vanished,
}
