"""The grammar that most responses share: atoms, strings and lists in brackets, read without recursion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from postboat.imap.wire.quirks import unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.imap.wire.framer import Streamed

Node: TypeAlias = "str | bytes | Streamed | list[Node] | None"
"""An atom is str (each octet a character), a quoted string or literal bytes, NIL is None."""

DEEPEST = 64
"""Levels of brackets; no response that we ask for has more than four."""

_TOKEN = re.compile(
    rb' *(?:(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*+)"'
    rb"|(?P<atom>(?:BODY|BINARY|RFC822)(?:\.[A-Z]+)?\[[^\]]{0,500}\](?:<\d+>)?|[^ ()\"]+))",
    re.IGNORECASE | re.DOTALL,
)


def read_nodes(parts: Iterable[bytes | Streamed], start: int = 0) -> list[Node]:
    """Read a response's parts, the first of them from `start`; ValueError when brackets or quotes do not match."""
    top: list[Node] = []
    stack = [top]
    for place, part in enumerate(parts):
        if place % 2 or not isinstance(part, bytes):
            stack[-1].append(part)
        else:
            _read_text(part, 0 if place else start, stack)
    if len(stack) != 1:
        raise ValueError("a bracket is not closed")
    return top


def _read_text(text: bytes, at: int, stack: list[list[Node]]) -> None:
    end = len(text.rstrip(b" "))
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError("neither atom nor string")
        at = match.end()
        kind = match.lastgroup
        if kind == "atom":
            atom = match["atom"].decode("latin-1")
            stack[-1].append(None if atom.upper() == "NIL" else atom)
        elif kind == "quoted":
            stack[-1].append(unescaped(match["quoted"]))
        elif kind == "open":
            inner: list[Node] = []
            stack[-1].append(inner)
            stack.append(inner)
            if len(stack) > DEEPEST:
                raise ValueError("brackets too deep")
        else:
            stack.pop()
            if not stack:
                raise ValueError("a bracket too many")


def as_text(node: Node) -> str | None:
    """An atom or string as text, each octet a character; None for NIL and lists."""
    if isinstance(node, bytes):
        return node.decode("latin-1")
    return node if isinstance(node, str) else None
