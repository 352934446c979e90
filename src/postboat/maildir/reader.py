"""Reading messages in wire form, small ones at once, large ones piece by piece. Everything here blocks."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from postboat.likeness import HeaderPrint
from postboat.maildir.content import ToWire, WireSize, to_wire
from postboat.maildir.system import examine
from postboat.model import Content, Glance, Unreadable
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.scan import Entry
    from postboat.maildir.system import File
    from postboat.model import Fingerprint, Flags, Key

SMALL = 1 << 20
"""Octets on disk up to which a message is read whole."""
PIECE = 512 * 1024
"""Octets on disk of one piece of a large message."""
_HEADER = 64 * 1024
"""Octets on disk in which the fields that are shown are looked for."""
_SHOWN = re.compile(rb"(?<=\n)(?:from|subject|date)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Large:
    """A message too large for memory: what `Content` needs but its octets."""

    key: Key
    flags: Flags
    date: float
    size: int
    file: File
    """As it was measured: pieces are only taken from this one."""


class ChangedMeanwhile(Exception):
    """The file was written to while it was read."""


def open_message(folder: OpenFolder, entry: Entry) -> tuple[int, File]:
    """Open a message's file, which must be a regular one. Raises `OSError`."""
    fd = os.open(entry.name, _READ, dir_fd=folder.sub(entry.sub))
    try:
        file = examine(fd)
        if not file.regular:
            raise PermissionError(None, "it is not a regular file")
    except OSError:
        os.close(fd)
        raise
    return fd, file


def read_message(folder: OpenFolder, key: Key, entry: Entry) -> Content | Large | Unreadable:
    """Read a message, or measure it when it is large. Raises `FileNotFoundError`, `ChangedMeanwhile`."""
    try:
        fd, file = open_message(folder, entry)
    except FileNotFoundError:
        raise
    except OSError as error:
        return Unreadable(key, f"{entry}: {error.strerror or error}")
    date = file.modified / 1_000_000_000
    try:
        if file.size > SMALL:
            size = wire_size(fd)
            found: Content | Large = Large(key, entry.flags, date, size, file)
        else:
            wire = to_wire(b"".join(pieces(fd)))
            found = Content(key, entry.flags, date, len(wire), data=wire)
        if examine(fd) != file:
            raise ChangedMeanwhile
    except OSError as error:
        return Unreadable(key, f"{entry}: {error.strerror or error}")
    finally:
        os.close(fd)
    return found


def read_piece(folder: OpenFolder, entry: Entry, file: File, offset: int) -> bytes:
    """One piece of a large message as it lies on disk; b"" at its end. Raises `OSError`, `ChangedMeanwhile`."""
    fd, opened = open_message(folder, entry)
    try:
        piece = os.pread(fd, PIECE, offset)
        if not opened == examine(fd) == file:
            raise ChangedMeanwhile
        return piece
    finally:
        os.close(fd)


def fingerprint(folder: OpenFolder, entry: Entry) -> Fingerprint:
    """Hash the header, look for a Message-ID in it and measure the whole. Raises `OSError`."""
    header, size, _ = _looked_into(folder, entry)
    return header.of(size)


def glance(folder: OpenFolder, entry: Entry) -> Glance:
    """Measure a message, and find its date and Message-ID. Raises `OSError`."""
    header, size, file = _looked_into(folder, entry)
    return Glance(size, file.modified // 1_000_000_000, header.name())


def _looked_into(folder: OpenFolder, entry: Entry) -> tuple[HeaderPrint, int, File]:
    """A message's header, its octets in wire form and its file. Raises `OSError`."""
    fd, file = open_message(folder, entry)
    header, size, wire = HeaderPrint(), WireSize(), ToWire()
    try:
        for piece in pieces(fd):
            size.feed(piece)
            if not header.complete:
                header.feed(wire.feed(piece))
    finally:
        os.close(fd)
    return header, size.octets, file


def shown_header(folder: OpenFolder, entry: Entry) -> bytes:
    """The fields From, Subject and Date of a message, in wire form. Raises `OSError`."""
    fd, _ = open_message(folder, entry)
    try:
        header, _, _ = (b"\r\n" + to_wire(os.pread(fd, _HEADER, 0))).partition(b"\r\n\r\n")
    finally:
        os.close(fd)
    return b"".join(_SHOWN.findall(header + b"\r\n"))


def wire_size(fd: int) -> int:
    """Octets in wire form of what an open file still holds. Raises `OSError`."""
    size = WireSize()
    for piece in pieces(fd):
        size.feed(piece)
    return size.octets


def pieces(fd: int) -> Iterator[bytes]:
    """What an open file still holds, `PIECE` by `PIECE`. Raises `OSError`."""
    while piece := os.read(fd, PIECE):
        yield piece
