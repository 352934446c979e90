"""Headers in wire form, as far as syncing looks into a message at all: where they end, and their digests."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.model import Content

LOOKED_AT = 1 << 20
"""A lenient digest looks at no more octets of a header than these, so that a streamed message is not read whole."""

_EIGHT_BIT_AS_X = bytes(code if code < 0x80 else ord("X") for code in range(256))

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]{1,900}>)", re.IGNORECASE | re.MULTILINE)

NOTICES = (
    (
        b"from: microsoft exchange server",
        b"subject: retrieval using the imap4 protocol failed for the following message",
    ),
    (b"from: system administrator <root@", b"subject: message unavailable\r\n"),
)
"""Lines in the headers of what a server sends in place of a message: Exchange when it cannot convert it, Courier when
its file is gone."""


def header_of(wire: bytes) -> bytes:
    """The header with the line end of its last line, without the empty line (RFC 5322 section 2.1)."""
    if wire.startswith(b"\r\n"):
        return b""
    end = wire.find(b"\r\n\r\n")
    return wire if end < 0 else wire[: end + 2]


def lenient_digest(header: bytes) -> str:
    """A digest that a server's own hand does not change.

    Cyrus writes every 8-bit octet of a header as "X"; Courier drops lone CRs, and the end of a header that nothing
    follows.
    """
    return hashlib.sha256(header[:LOOKED_AT].translate(_EIGHT_BIT_AS_X, b"\r\n")).hexdigest()


def message_id(header: bytes) -> str:
    """The Message-ID as a header that a server added lines to still shows it; "" when there is none."""
    found = _MESSAGE_ID.search(header[:LOOKED_AT])
    return found[1].decode("latin-1") if found else ""


def is_notice(wire: bytes) -> bool:
    """Whether the server sent a notice of its own instead of the message."""
    header = header_of(wire[:8192]).lower()
    return any(lines[-1] in header and all(line in header for line in lines) for lines in NOTICES)


async def header_of_content(content: Content) -> bytes:
    """The header of a message in transit; of a streamed one only as many chunks are read as hold it."""
    if content.data is not None:
        return header_of(content.data)
    assert content.chunks is not None, "a content has data or chunks"
    begin = b""
    chunks = content.chunks()
    try:
        async for chunk in chunks:
            searched = max(0, len(begin) - 3)
            begin += chunk
            if begin.startswith(b"\r\n") or begin.find(b"\r\n\r\n", searched) >= 0 or len(begin) > LOOKED_AT:
                break
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()
    return header_of(begin)
