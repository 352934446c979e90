"""A large message between two servers waits in a file without a name, from which it can be read more than once.

Read from its server twice, it would be sent twice; and while a stream is open, the two servers wait for one another.
"""

from __future__ import annotations

import errno
import os
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from postboat.errors import MessageError
from postboat.model import Content
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from io import FileIO
    from pathlib import Path

PIECE = 1 << 18
"""Octets that are written or read by one hop into a thread."""


@asynccontextmanager
async def spool_file(directory: Path, size: int) -> AsyncIterator[FileIO]:
    """A file for `size` octets that nobody else sees, and that is gone with the block or with the process.

    Raises `MessageError` when the disk cannot take it, which may be over by the next run.
    """
    opened: list[FileIO] = []
    try:
        with _told(directory):
            await in_thread(_open, directory, size, opened)
        yield opened[0]
    finally:
        for file in opened:
            file.close()


async def spooled(content: Content, file: FileIO, directory: Path) -> Content:
    """The same message with its octets in `file`, for as long as that is open.

    Raises `MessageError` when the disk cannot take it, and for what its stream raises it for.
    """
    assert content.chunks is not None, "only streams are spooled"
    waiting = bytearray()
    size = 0
    async for chunk in content.chunks():
        waiting += chunk
        size += len(chunk)
        if len(waiting) >= PIECE:
            with _told(directory):
                await in_thread(_write, file, bytes(waiting))
            waiting.clear()
    with _told(directory):
        await in_thread(_write, file, bytes(waiting))
    if size != content.size:
        raise MessageError(f"{size} octets came of {content.size}", passing=True)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, size, PIECE):
            with _told(directory):
                piece = await in_thread(_read, file, at, min(PIECE, size - at))
            yield piece

    return Content(content.key, content.flags, content.date, size, chunks=chunks)


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"it cannot wait in {directory} until it is stored: {error.strerror or error}"
        raise MessageError(text, passing=True) from error


def _open(directory: Path, size: int, opened: list[FileIO]) -> None:
    """The file lands in `opened` even when nobody waits for it any more. None is made for what does not fit."""
    from tempfile import TemporaryFile  # here, since few runs need it

    directory.mkdir(0o700, parents=True, exist_ok=True)
    told = os.statvfs(directory)
    if told.f_blocks and told.f_bavail * told.f_frsize < size:
        raise OSError(errno.ENOSPC, f"the disk is too full for its {size} octets")
    opened.append(TemporaryFile(dir=directory, buffering=0))  # noqa: SIM115


def _write(file: FileIO, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[file.write(rest) :]


def _read(file: FileIO, at: int, count: int) -> bytes:
    """So many octets, which are all there. Raises `OSError`."""
    octets = os.pread(file.fileno(), count, at)
    if len(octets) != count:
        raise OSError("it became shorter")
    return octets
