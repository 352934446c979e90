"""Line ends: CRLF on the wire (RFC 5322 section 2.1), LF on disk, and no other octet touched.

A message whose wire form could not be had back from LF form (a bare LF, or CR CR LF) is kept on disk as it came.
Wire form of what lies on disk: every LF that no CR precedes becomes CRLF.
"""

from __future__ import annotations

import hashlib
import re

_NAMED = re.compile(rb"\r\nmessage-id:(?:[ \t]|\r\n[ \t])*[^ \t\r\n]", re.IGNORECASE)
_NAME_TO_COME = re.compile(rb"(\r\nmessage-id:)(?:[ \t]|\r\n[ \t])*(\r\n|\r|)\Z", re.IGNORECASE)
_BEGUN = len(b"\r\nmessage-id:") - 1


def to_disk(wire: bytes) -> bytes:
    """LF form of a message, or the message itself when LF form would lose something."""
    # Most mail has no other CR, and single octets are found and replaced several times faster than pairs.
    bare = wire.replace(b"\r", b"")
    if bare.replace(b"\n", b"\r\n") == wire:
        return bare
    return wire.replace(b"\r\n", b"\n") if _reversible(wire) else wire


def to_wire(disk: bytes) -> bytes:
    """CRLF form of what lies on disk."""
    if b"\r" in disk:
        disk = disk.replace(b"\r\n", b"\n")
    return disk.replace(b"\n", b"\r\n")


def wire_size(disk: bytes) -> int:
    """Octets that `to_wire` would give."""
    pairs = disk.count(b"\r\n") if b"\r" in disk else 0
    return len(disk) + disk.count(b"\n") - pairs


def _reversible(wire: bytes) -> bool:
    return b"\r\r\n" not in wire and wire.count(b"\n") == wire.count(b"\r\n")


class ToDisk:
    """`to_disk` for a message that comes in chunks.

    As soon as `reversible` turns false, the caller must put what it was given before back into wire form (each LF to
    CRLF, `lines` of them; no CRLF is among it) and append what it is given from that call on.
    """

    def __init__(self) -> None:
        self.reversible = True
        self.lines = 0
        """Line ends converted so far."""
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What to write for this chunk; CRs at its end wait for the next one."""
        data = self._held + chunk
        self._held = b""
        if not self.reversible:
            return data
        if not _reversible(data):
            self.reversible = False
            return data
        held = 2 if data.endswith(b"\r\r") else 1 if data.endswith(b"\r") else 0
        if held:
            data, self._held = data[:-held], data[-held:]
        converted = data.replace(b"\r\n", b"\n")
        self.lines += len(data) - len(converted)
        return converted

    def finish(self) -> bytes:
        """What is left to write."""
        held, self._held = self._held, b""
        return held


class ToWire:
    """`to_wire` for a message that comes in chunks."""

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, chunk: bytes) -> bytes:
        """CRLF form of this chunk."""
        if not chunk:
            return b""
        wire = to_wire(chunk)
        if self._after_cr and chunk.startswith(b"\n"):
            wire = wire[1:]
        self._after_cr = chunk.endswith(b"\r")
        return wire


class WireSize:
    """`wire_size` for a message that comes in chunks."""

    def __init__(self) -> None:
        self.octets = 0
        self._after_cr = False

    def feed(self, chunk: bytes) -> None:
        """Count this chunk."""
        if not chunk:
            return
        self.octets += wire_size(chunk)
        if self._after_cr and chunk.startswith(b"\n"):
            self.octets -= 1
        self._after_cr = chunk.endswith(b"\r")


class HeaderHash:
    """SHA-256 of a message's header in wire form, without the empty line that ends it (RFC 5322 section 2.1)."""

    def __init__(self) -> None:
        self.complete = False
        """Whether the end of the header was seen: what follows is ignored."""
        self._name = _NameSought()
        self._hash = hashlib.sha256()
        # A line end before the first octet makes an empty header no special case; it is never hashed.
        self._tail = b"\r\n"
        self._skip = 2

    def feed(self, wire: bytes) -> None:
        """Take in the next chunk, in wire form."""
        if self.complete:
            return
        data = self._tail + wire
        end = data.find(b"\r\n\r\n")
        self.complete = end >= 0
        upto = end + 2 if self.complete else max(len(data) - 3, self._skip)
        self._hash.update(data[self._skip : upto])
        self._name.feed(data[self._skip : upto])
        if upto > self._skip or self.complete:
            data, self._skip = data[upto:], 0
        self._tail = b"" if self.complete else data

    def digest(self) -> bytes:
        """The hash, once everything was fed or the header is complete."""
        whole = self._hash.copy()
        whole.update(self._tail[self._skip :])
        return whole.digest()

    @property
    def named(self) -> bool:
        """Whether the header, as far as it was fed, has a Message-ID field that is not empty (section 3.6.4)."""
        return self._name.found_with(self._tail[self._skip :])


class _NameSought:
    """Looks for a Message-ID in a header that comes in chunks, keeping no more of it than a few octets."""

    def __init__(self) -> None:
        self._found = False
        self._kept = b"\r\n"

    def feed(self, wire: bytes) -> None:
        """Take in the next chunk."""
        if self._found or not wire:
            return
        data = self._kept + wire
        self._found = _NAMED.search(data) is not None
        begun = _NAME_TO_COME.search(data)
        # Its value may follow, perhaps on the next line: of the space before it only a line end begun matters.
        self._kept = begun[1] + begun[2] if begun else data[-_BEGUN:]

    def found_with(self, rest: bytes) -> bool:
        """Whether it was found, or is when this is the last chunk."""
        return self._found or _NAMED.search(self._kept + rest) is not None
