"""Line ends: CRLF on the wire (RFC 5322 section 2.1), LF on disk, and no other octet touched.

A message whose wire form could not be had back from LF form (a bare LF, or CR CR LF) is kept on disk as it came.
Wire form of what lies on disk: every LF that no CR precedes becomes CRLF.
"""

from __future__ import annotations


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
