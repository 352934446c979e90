"""Reading messages in wire form, small ones at once, large ones piece by piece. Everything here blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from postboat.maildir.content import HeaderHash, ToWire, WireSize, to_wire
from postboat.maildir.scan import mark_of
from postboat.model import Content, Fingerprint, Unreadable
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.scan import Entry
    from postboat.model import Flags, Key

SMALL = 1 << 20
"""Octets on disk up to which a message is read whole."""
PIECE = 512 * 1024
"""Octets on disk of one piece of a large message."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Large:
    """A message too large for memory: what `Content` needs but its octets."""

    key: Key
    flags: Flags
    date: float
    size: int
    mark: str
    """The file as it was measured: pieces are only taken from this one."""


class ChangedMeanwhile(Exception):
    """The file was written to while it was read."""


def open_message(folder: OpenFolder, entry: Entry) -> tuple[int, os.stat_result]:
    """Open a message's file, which must be a regular one. Raises `OSError`."""
    fd = os.open(entry.name, _READ, dir_fd=folder.sub(entry.sub))
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise PermissionError(None, "it is not a regular file")
    return fd, info


def read_message(folder: OpenFolder, key: Key, entry: Entry) -> Content | Large | Unreadable:
    """Read a message, or measure it when it is large. Raises `FileNotFoundError`, `ChangedMeanwhile`."""
    try:
        fd, info = open_message(folder, entry)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Unreadable(key, f"{entry}: {error.strerror or error}")
    date = info.st_mtime_ns / 1_000_000_000
    try:
        if info.st_size > SMALL:
            size = _measure(fd)
            found: Content | Large = Large(key, entry.flags, date, size, mark_of(info))
        else:
            wire = to_wire(b"".join(_pieces(fd)))
            found = Content(key, entry.flags, date, len(wire), data=wire)
        if mark_of(os.fstat(fd)) != mark_of(info):
            raise ChangedMeanwhile
    except OSError as error:
        return Unreadable(key, f"{entry}: {error.strerror or error}")
    finally:
        os.close(fd)
    return found


def read_piece(folder: OpenFolder, entry: Entry, mark: str, offset: int) -> bytes:
    """One piece of a large message as it lies on disk; b"" at its end. Raises `OSError`, `ChangedMeanwhile`."""
    fd, info = open_message(folder, entry)
    try:
        piece = os.pread(fd, PIECE, offset)
        if mark_of(info) != mark or mark_of(os.fstat(fd)) != mark:
            raise ChangedMeanwhile
        return piece
    finally:
        os.close(fd)


def fingerprint(folder: OpenFolder, entry: Entry) -> Fingerprint:
    """Hash the header, look for a Message-ID in it and measure the whole. Raises `OSError`."""
    fd, _ = open_message(folder, entry)
    header, size, wire = HeaderHash(), WireSize(), ToWire()
    try:
        for piece in _pieces(fd):
            size.feed(piece)
            if not header.complete:
                header.feed(wire.feed(piece))
    finally:
        os.close(fd)
    return Fingerprint(header.digest(), size.octets, header.named)


def _measure(fd: int) -> int:
    size = WireSize()
    for piece in _pieces(fd):
        size.feed(piece)
    return size.octets


def _pieces(fd: int) -> Iterator[bytes]:
    while piece := os.read(fd, PIECE):
        yield piece
