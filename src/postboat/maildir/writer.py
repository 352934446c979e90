"""Delivering messages by the Maildir rules: written in tmp/, made durable, then moved to new/ or cur/.

One thread hop does a whole batch. Only a message too large for memory is written piece by piece, through aiofiles.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from postboat.errors import FolderError, MessageError, StoreMissing
from postboat.maildir import system
from postboat.maildir.content import ToDisk, to_disk
from postboat.maildir.names import place_for
from postboat.maildir.place import folder_error, in_thread
from postboat.maildir.scan import mark_of
from postboat.model import Refused, Stored
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from io import BufferedWriter

    from aiofiles.threadpool.binary import AsyncBufferedIOBase

    from postboat.maildir.identity import SameFolder
    from postboat.maildir.place import OpenFolder
    from postboat.model import Content

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ONE_MESSAGE = (errno.EFBIG, errno.ENAMETOOLONG, errno.EEXIST)
"""Errors that say something about one message only; any other stops the folder."""
_SYNC_TOGETHER = 8
"""Files up to which each is synced on its own; more are cheaper with the whole file system at once."""
_LATEST = 253_402_300_799  # the last second of the year 9999
_PIECE = 1 << 20


@dataclass(slots=True)
class _Draft:
    """A message on its way into the folder."""

    content: Content
    token: str
    mark: str = ""
    refusal: str = ""
    in_tmp: bool = False
    placed: bool = False

    @property
    def outcome(self) -> Stored | Refused:
        if self.placed:
            return Stored(self.content.key, self.token, self.mark)
        return Refused(self.content.key, self.refusal or "it came without its octets")


class Writer:
    """Delivers into one folder."""

    def __init__(self, place: SameFolder, *, fsync: bool) -> None:
        self._place = place
        self._fsync = fsync

    async def deliver(self, contents: Sequence[Content], tokens: Sequence[str]) -> list[Stored | Refused]:
        """Store contents under their tokens; what is said to be stored is durable (if `fsync`).

        Raises `FolderError` when the folder cannot take mail: what the batch left in tmp/ is removed first.
        """
        drafts = [_Draft(content, token) for content, token in zip(contents, tokens, strict=True)]
        try:
            for draft in drafts:
                if draft.content.chunks is not None and draft.content.data is None:
                    await self._stream(draft, draft.content.chunks)
            await in_thread(self._deliver, drafts)
        finally:
            if any(draft.in_tmp for draft in drafts):
                await in_thread(self._discard, drafts)
        return [draft.outcome for draft in drafts]

    def _deliver(self, drafts: list[_Draft]) -> None:
        with self._place.open() as folder:
            small = [draft for draft in drafts if draft.content.data is not None]
            together = self._fsync and len(small) > _SYNC_TOGETHER
            for draft in small:
                _write(folder, draft, sync=self._fsync and not together)
            if together and not system.sync_filesystem(folder.tmp):
                for draft in small:
                    _sync_again(folder, draft)
            used = {_put(folder, draft) for draft in drafts if draft.in_tmp and not draft.refusal}
            if self._fsync:
                for sub in used - {""}:
                    os.fsync(folder.sub(sub))

    def _discard(self, drafts: list[_Draft]) -> None:
        with suppress(FolderError, StoreMissing), self._place.open() as folder:
            for draft in drafts:
                if draft.in_tmp:
                    with suppress(FileNotFoundError):
                        os.unlink(draft.token, dir_fd=folder.tmp)

    async def _stream(self, draft: _Draft, chunks: Callable[[], AsyncIterator[bytes]]) -> None:
        """Write one large message to tmp/, never holding more than a chunk of it."""
        from aiofiles.threadpool import wrap  # here, since few runs need what takes long to import

        opened: list[BufferedWriter] = []
        try:
            await in_thread(self._open, draft, opened)
            size = await _pour(wrap(opened[0]), chunks())
            if size != draft.content.size:
                draft.refusal = f"{size} octets came of {draft.content.size}"
            draft.mark = await in_thread(_finish, opened[0].fileno(), draft.content.date, sync=self._fsync)
        except MessageError as error:
            draft.refusal = str(error)
        except OSError as error:
            if error.errno not in _ONE_MESSAGE:
                raise folder_error(error, self._place.path) from error
            draft.refusal = error.strerror or str(error)
        finally:
            for file in opened:
                await in_thread(_close, file)

    def _open(self, draft: _Draft, opened: list[BufferedWriter]) -> None:
        """Create a message's file; it lands in `opened` even when nobody waits for it any more."""
        with self._place.open() as folder:
            fd = os.open(draft.token, _CREATE, 0o600, dir_fd=folder.tmp)
            draft.in_tmp = True
            opened.append(os.fdopen(fd, "wb"))


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


def _write(folder: OpenFolder, draft: _Draft, *, sync: bool) -> None:
    data = draft.content.data
    if data is None:
        return
    try:
        fd = os.open(draft.token, _CREATE, 0o600, dir_fd=folder.tmp)
        draft.in_tmp = True
        try:
            _write_all(fd, to_disk(data))
            draft.mark = _finish(fd, draft.content.date, sync=sync)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _ONE_MESSAGE:
            raise
        draft.refusal = error.strerror or str(error)


def _write_all(fd: int, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _finish(fd: int, date: float | None, *, sync: bool) -> str:
    """Date the file and make it durable; returns its mark."""
    if date is not None:
        stamp = int(min(max(date, 0), _LATEST) * 1_000_000_000)
        with suppress(OSError, OverflowError):  # a date that the file system cannot hold is not worth a message
            os.utime(fd, ns=(stamp, stamp))
    if sync:
        os.fsync(fd)
    return mark_of(os.fstat(fd))


def _sync_again(folder: OpenFolder, draft: _Draft) -> None:
    if draft.in_tmp and not draft.refusal:
        fd = os.open(draft.token, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.tmp)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _put(folder: OpenFolder, draft: _Draft) -> str:
    """Move a message from tmp/ to its place, replacing nothing; returns the subdirectory, "" when it was refused."""
    sub, name = place_for(draft.token, draft.content.flags)
    try:
        system.move(folder.tmp, draft.token, folder.sub(sub), name)
    except OSError as error:
        if error.errno not in _ONE_MESSAGE:
            raise
        draft.refusal = error.strerror or str(error)
        return ""
    draft.in_tmp, draft.placed = False, True
    return sub


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
