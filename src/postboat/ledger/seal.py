"""The seal beside a ledger: what its file was when it was closed, so that damage done since is noticed.

SQLite notices damage only where it reads, and only if it makes no sense; a flipped octet in a key would be believed.
Reading all of a ledger at each start would cost more than most runs do. So it is read when it was written, and a file
that is what it was by size, times and inode is taken for unharmed. Where the seal is missing or the file differs from
it, it is for the caller to look at the whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DAMAGED = "damaged\n"
_SAME_MOMENT = 100_000_000
"""Nanoseconds between two changes of files for which their times may be equal."""
_PIECE = 1 << 20


_Sealed = tuple[tuple[int, ...], int]
"""What a seal says of the file: its size, times and inode, and the CRC-32 of all its octets."""


class Seal:
    """The seal of the ledger `path`. What cannot be read of it is as good as missing."""

    def __init__(self, path: Path) -> None:
        """Touch nothing."""
        self._path, self._file = path, path.with_name(f"{path.name}.seal")

    @property
    def is_damaged(self) -> bool:
        """Whether a run found the ledger damaged and could say so."""
        return self._read() == _DAMAGED

    def vouches(self) -> bool:
        """Whether the ledger is the file that was sealed, as far as can be told without reading it. Raises OSError.

        One that was sealed the moment it was written may have been written to again under the same times.
        """
        sealed = self._sealed()
        if sealed is None:
            return False
        found = self._path.stat()
        return sealed[0] == _standing(found) and found.st_ctime_ns + _SAME_MOMENT < self._file.stat().st_mtime_ns

    def agrees(self) -> bool | None:
        """Whether the ledger holds the octets that were sealed; None when none were. Reads it all. Raises OSError."""
        sealed = self._sealed()
        return None if sealed is None else sealed[1] == _checksum(self._path)

    def put(self) -> None:
        """Seal the ledger, which must be closed. Where that cannot be written there is none."""
        with suppress(OSError):
            words = *_standing(self._path.stat()), _checksum(self._path)
            self._write(" ".join(map(str, words)) + "\n")

    def lift(self) -> None:
        """Remove the seal before the ledger is changed. Raises OSError."""
        self._file.unlink(missing_ok=True)

    def tell_damaged(self) -> None:
        """Leave word for the next run that the ledger is damaged, as far as the disk allows."""
        with suppress(OSError):
            self.lift()
            self._write(_DAMAGED)

    def _sealed(self) -> _Sealed | None:
        words = self._read().split(" ")
        try:
            *standing, checksum = map(int, words)
        except ValueError:
            return None
        return tuple(standing), checksum

    def _read(self) -> str:
        """The seal, whole: what lacks its end was not written to it, and is nothing."""
        try:
            text = self._file.read_text("ascii")
        except (OSError, ValueError):
            return ""
        return text if text.endswith("\n") else ""

    def _write(self, text: str) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


def _standing(found: os.stat_result) -> tuple[int, ...]:
    """What a file is without a look inside; nobody can set the time of its last change."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _checksum(path: Path) -> int:
    from zlib import crc32  # here, since most runs change nothing

    checksum = 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            checksum = crc32(piece, checksum)
    return checksum
