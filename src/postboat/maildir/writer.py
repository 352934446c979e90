"""Delivering into one folder: what is in memory by batches, what is too large for it piece by piece, by aiofiles."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from postboat.errors import MessageError
from postboat.maildir import delivery
from postboat.maildir.content import ToDisk
from postboat.maildir.delivery import Draft, Post, discard
from postboat.maildir.place import folder_error
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from io import BufferedWriter

    from aiofiles.threadpool.binary import AsyncBufferedIOBase

    from postboat.maildir.identity import SameFolder
    from postboat.model import Content, Refused, Stored

_PIECE = 1 << 20


class Writer:
    """Delivers into one folder."""

    def __init__(self, place: SameFolder, post: Post, *, fsync: bool) -> None:
        self._place, self._post, self._fsync = place, post, fsync

    async def deliver(self, contents: Sequence[Content], tokens: Sequence[str]) -> list[Stored | Refused]:
        """Store contents under their tokens; what is said to be stored is durable (if `fsync`).

        Raises `FolderError` when the folder cannot take mail: what the batch left in tmp/ is removed first.
        """
        drafts = [Draft(content, token) for content, token in zip(contents, tokens, strict=True)]
        try:
            for draft in drafts:
                if draft.content.chunks is not None and draft.content.data is None:
                    await self._stream(draft, draft.content.chunks)
            await self._post.deliver(self._place, drafts)
        finally:
            if any(draft.in_tmp for draft in drafts):
                await discard(self._place, drafts)
        return [draft.outcome for draft in drafts]

    async def _stream(self, draft: Draft, chunks: Callable[[], AsyncIterator[bytes]]) -> None:
        """Write one large message to tmp/, never holding more than a chunk of it."""
        from aiofiles.threadpool import wrap  # here, since few runs need what takes long to import

        opened: list[BufferedWriter] = []
        try:
            await in_thread(self._open, draft, opened)
            size = await _pour(wrap(opened[0]), chunks())
            if size != draft.content.size:
                draft.refusal = f"{size} octets came of {draft.content.size}"
            await in_thread(delivery.finish, opened[0].fileno(), draft.content.date, sync=self._fsync)
        except MessageError as error:
            draft.refusal, draft.passing = str(error), error.passing
        except OSError as error:
            if error.errno not in delivery.ONE_MESSAGE:
                raise folder_error(error, self._place.path) from error
            draft.refusal = error.strerror or str(error)
        finally:
            for file in opened:
                await in_thread(_close, file)

    def _open(self, draft: Draft, opened: list[BufferedWriter]) -> None:
        """Create a message's file; it lands in `opened` even when nobody waits for it any more.

        Raises `MessageError` for one that cannot fit, whatever its server says: the disk is for the others.
        """
        with self._place.open() as folder:
            if draft.content.size > room(folder.tmp):
                text = f"it has {draft.content.size} octets, for which the disk is too full; make room"
                raise MessageError(text, passing=True)
            fd = os.open(draft.token, delivery.CREATE, 0o600, dir_fd=folder.tmp)
            draft.in_tmp = True
            opened.append(os.fdopen(fd, "wb"))


def room(fd: int) -> float:
    """Octets that a file system has for us; without end where it does not tell."""
    told = os.fstatvfs(fd)
    return told.f_bavail * told.f_frsize if told.f_blocks else math.inf


async def _pour(file: AsyncBufferedIOBase, chunks: AsyncIterator[bytes]) -> int:
    """Write chunks in the form they have on disk, all of it handed to the kernel; returns their octets."""
    size = 0
    form = ToDisk()
    async for chunk in chunks:
        size += len(chunk)
        before = form.reversible
        octets = form.feed(chunk)
        if before and not form.reversible:
            await file.flush()
            await in_thread(_expand, file.fileno(), form.lines)
        await file.write(octets)
    await file.write(form.finish())
    await file.flush()
    return size


def _close(file: BufferedWriter) -> None:
    """Close a file, once a write that was cancelled is over. What cannot be flushed any more was not counted on."""
    with suppress(OSError):
        file.close()


def _expand(fd: int, lines: int) -> None:
    """Turn `lines` LFs of what was written so far back into CRLFs, in place, from the end backwards.

    What is written never reaches what is still to be read, since it lies behind it by the lines still to come.
    """
    end = os.fstat(fd).st_size
    target = end + lines
    while lines:
        start = max(0, end - _PIECE)
        octets = os.pread(fd, end - start, start)
        lines -= octets.count(b"\n")
        wire = octets.replace(b"\n", b"\r\n")
        target -= len(wire)
        _pwrite_all(fd, wire, target)
        end = start
    os.lseek(fd, 0, os.SEEK_END)


def _pwrite_all(fd: int, octets: bytes, offset: int) -> None:
    rest = memoryview(octets)
    while rest:
        written = os.pwrite(fd, rest, offset)
        rest, offset = rest[written:], offset + written
