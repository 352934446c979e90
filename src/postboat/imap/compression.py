"""DEFLATE under a connection (RFC 4978): what both sides send is compressed, and no party above notices.

What comes is inflated a piece at a time, so that it can be held up in the middle: a few octets may stand for a
thousand times as many. Memory is bounded by what takes the pieces, and time by the ratio that is allowed.
"""

from __future__ import annotations

import zlib

from postboat.errors import ConnectionLost

PIECE = 64 * 1024
"""Octets inflated at once."""
FREELY = 256 * 1024 * 1024
"""Octets that may come of any number: a large message of nothing but zeros is mail too."""
RATIO = 100
"""How many octets may come of each one beyond. Lists of flags shrink to a tenth, encoded files to three quarters."""
_LEVEL = 1
"""Of 9: mail gains next to nothing by more, and messages go out while others wait for the processor."""


class Compression:
    """Both directions of a connection from the COMPRESS on that the server granted."""

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = b""
        self._was_full = False
        """Whether the last piece was as long as it may be: zlib may keep more of it."""
        self.taken = self.given = 0
        """Octets that came, and octets that they stood for."""

    def deflate(self, data: bytes) -> bytes:
        """Compress octets; what it gives back is not all, until `flush`."""
        return self._deflater.compress(data)

    def flush(self) -> bytes:
        """What the server needs to read all that was compressed so far."""
        return self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def take(self, data: bytes) -> None:
        """Take compressed octets."""
        self.taken += len(data)
        self._waiting += data

    @property
    def is_behind(self) -> bool:
        """Whether there is more to be inflated."""
        return bool(self._waiting) or self._was_full

    def inflate(self) -> bytes:
        """The next octets, at most `PIECE` of them; none when more must come first.

        Raises `ConnectionLost` when that is no compressed data, has an end, or stands for too much.
        """
        try:
            piece = self._inflater.decompress(self._waiting, PIECE)
        except zlib.error as error:
            raise ConnectionLost("what the server sends is not compressed as agreed") from error
        if self._inflater.eof:
            raise ConnectionLost("the server ends its compressed data, but not the connection")
        self._waiting, self._was_full = self._inflater.unconsumed_tail, len(piece) == PIECE
        self.given += len(piece)
        if self.given > FREELY + RATIO * self.taken:
            raise ConnectionLost(f"what the server sends inflates too much: {self.taken} octets to {self.given}")
        return piece
