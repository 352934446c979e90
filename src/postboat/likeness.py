"""By what two copies of one message are known as such, wherever they lie: both shores ask this and get one answer.

Servers and programs change a little of what they store, and that must not make another message of it:

- Cyrus writes every 8-bit octet of a header as "X", Dovecot a NUL as 8-bit; Courier drops lone CRs.
- mbsync adds a line `X-TUID` to what it copies, OfflineIMAP a line `X-OfflineIMAP` to what it uploads.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from postboat.model import Fingerprint

if TYPE_CHECKING:
    from hashlib import _Hash

LOOKED_AT = 1 << 20
"""Octets of a header that count, so that one without an end is not kept whole."""

_NOT_ASCII_AS_X = bytes(code if 0 < code < 0x80 else ord("X") for code in range(256))
_NUL_AS_DOVECOT = bytes([0x80, *range(1, 256)])
_ADDED = re.compile(rb"^(?:X-TUID|X-OfflineIMAP):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(rb"^Message-ID:((?:[^\r\n]|\r(?!\n)|\r\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_NAMED = re.compile(rb"^Message-ID:(?:[ \t]|\r\n[ \t])*[^ \t\r\n]", re.IGNORECASE | re.MULTILINE)


class HeaderPrint:
    """Takes a message in wire form, in chunks, for as much as its header fills."""

    def __init__(self) -> None:
        self.complete = False
        """Whether the end of the header was seen, or enough of it: what follows is ignored."""
        # A line end before the first octet makes an empty header no special case.
        self._wire = b"\r\n"

    def feed(self, wire: bytes) -> bytes:
        """Take the next chunk; gives what of it belongs to the body, with the empty line before it."""
        if self.complete:
            return wire
        before, self._wire = len(self._wire), self._wire + wire
        end = self._wire.find(b"\r\n\r\n", max(0, before - 3), LOOKED_AT)
        self.complete = end >= 0 or len(self._wire) > LOOKED_AT
        if not self.complete:
            return b""
        upto = end + 2 if end >= 0 else LOOKED_AT
        body, self._wire = self._wire[upto:], self._wire[:upto]
        return body

    def digest(self) -> bytes:
        """SHA-256 of what counts of the header."""
        return _digest(self._own())

    def of(self, size: int | None) -> Fingerprint:
        """The fingerprint of a message of so many octets."""
        own = self._own()
        added = len(self._wire) - 2 - len(own)
        return Fingerprint(_digest(own), None if size is None else size - added, _NAMED.search(own) is not None)

    def name(self) -> bytes:
        """What stands in the first Message-ID field, without white space; empty when there is none.

        Equal headers have equal names, by the same measure.
        """
        found = _NAME.search(self._wire)
        return b"".join(found[1].split()).translate(_NOT_ASCII_AS_X) if found else b""

    def _own(self) -> bytes:
        """The header without the lines that programs added."""
        return _ADDED.sub(b"", self._wire[2:])


class ContentPrint:
    """SHA-256 of a whole message in wire form, taken in chunks: what programs and servers change does not count."""

    def __init__(self) -> None:
        self._header = HeaderPrint()
        self._body: _Hash = sha256()

    def feed(self, wire: bytes) -> None:
        """Take the next chunk."""
        self._body.update(self._header.feed(wire).translate(_NUL_AS_DOVECOT, b"\r"))

    def digest(self) -> bytes:
        """The digest of what came."""
        return sha256(self._header.digest() + self._body.digest()).digest()


def name_in(header: bytes) -> bytes:
    """What stands in the Message-ID field of a header in wire form, without white space; empty when there is none."""
    found = HeaderPrint()
    found.feed(header)
    return found.name()


def fingerprint(header: bytes, size: int | None) -> Fingerprint:
    """The fingerprint of a message of so many octets, whose header is at hand in wire form."""
    found = HeaderPrint()
    found.feed(header)
    return found.of(size)


def _digest(header: bytes) -> bytes:
    return sha256(header.translate(_NOT_ASCII_AS_X, b"\r\n")).digest()
