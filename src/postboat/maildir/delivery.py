"""Delivering batches of messages by the Maildir rules: written in tmp/, made durable, then moved to new/ or cur/.

Batches that wait while others are delivered are delivered together, whatever their folders: with one wait for the
disk for all their files, and one for each directory.
"""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from postboat.errors import FolderError, StoreMissing
from postboat.maildir import system
from postboat.maildir.content import to_disk
from postboat.maildir.names import place_for
from postboat.maildir.place import told_apart
from postboat.maildir.scan import mark_of
from postboat.model import Refused, Stored
from postboat.threads import in_thread
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postboat.maildir.identity import SameFolder
    from postboat.maildir.place import OpenFolder
    from postboat.model import Content

CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
ONE_MESSAGE = (errno.EFBIG, errno.ENAMETOOLONG, errno.EEXIST)
"""Errors that say something about one message only; any other stops the folder."""
_SYNC_TOGETHER = 8
"""Files up to which each is synced on its own; more are cheaper with the whole file system at once."""
_LATEST = 253_402_300_799  # the last second of the year 9999


@dataclass(slots=True)
class Draft:
    """A message on its way into the folder."""

    content: Content
    token: str
    mark: str = ""
    refusal: str = ""
    passing: bool = False
    in_tmp: bool = False
    sub: str = ""
    """The subdirectory that it lies in, once it does."""

    @property
    def outcome(self) -> Stored | Refused:
        """What became of it."""
        if self.sub:
            return Stored(self.content.key, self.token, self.mark)
        return Refused(self.content.key, self.refusal or "it came without its octets", passing=self.passing)


class _Batch:
    """What one caller wants to have delivered into one folder."""

    def __init__(self, place: SameFolder, drafts: Sequence[Draft]) -> None:
        self.place, self.drafts = place, drafts
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure: Exception | None = None


class _Folder:
    """A folder and the batches that go into it: what stops one stops all of them."""

    def __init__(self, batches: Sequence[_Batch]) -> None:
        self.batches = batches
        self.drafts = [draft for batch in batches for draft in batch.drafts]
        self.small = [draft for draft in self.drafts if draft.content.data is not None]
        self.durable = False
        """Whether the octets of all files are on the disk already."""
        self._failed = False
        self._open: OpenFolder | None = None
        self._closing = ExitStack()

    @property
    def open(self) -> OpenFolder:
        """Its descriptors."""
        assert self._open is not None, "it is opened first"
        return self._open

    def begin(self) -> None:
        """Open it until `end`."""
        self._open = self._closing.enter_context(self.batches[0].place.open())

    def end(self) -> None:
        """Close it; harmless when it could not be opened."""
        self._closing.close()

    def attempt(self, step: Callable[[_Folder], None]) -> None:
        """Take a step, unless one before it failed."""
        if not self._failed:
            try:
                with told_apart(self.batches[0].place.path):
                    step(self)
            except Exception as error:
                self._failed = True
                for batch in self.batches:
                    batch.failure = error


class Post:
    """Delivers for all folders of a store: one thread writes, another waits for the disk with what was written."""

    def __init__(self, *, fsync: bool) -> None:
        self._fsync = fsync
        self._waiting: list[_Batch] = []
        self._written: list[_Folder] = []
        self._is_writing = self._is_placing = False

    async def deliver(self, place: SameFolder, drafts: Sequence[Draft]) -> None:
        """Deliver drafts into one folder; those that are then in their place are durable (if `fsync`).

        Raises `FolderError` when the folder cannot take mail. Cancelled, it waits for what has begun.
        """
        batch = _Batch(place, drafts)
        self._waiting.append(batch)
        self._go_on()
        try:
            await asyncio.shield(batch.done)
        except asyncio.CancelledError:
            if batch in self._waiting:
                self._waiting.remove(batch)
            else:
                await asyncio.wait([batch.done])
                batch.done.exception()  # seen, so that nobody complains of it
            raise

    def _go_on(self) -> None:
        """Begin what can be begun, each with all that waits for it."""
        run = asyncio.get_running_loop().run_in_executor
        if self._waiting and not self._is_writing:
            self._is_writing = True
            batches, self._waiting = self._waiting, []
            by_place: dict[SameFolder, list[_Batch]] = {}
            for batch in batches:
                by_place.setdefault(batch.place, []).append(batch)
            folders = [_Folder(of_one) for of_one in by_place.values()]
            run(None, self._write, folders).add_done_callback(partial(self._wrote, folders))
        if self._written and not self._is_placing:
            self._is_placing = True
            folders, self._written = self._written, []
            run(None, self._place, folders).add_done_callback(partial(self._placed, folders))

    def _wrote(self, folders: list[_Folder], did: asyncio.Future[None]) -> None:
        did.result()
        self._is_writing = False
        self._written += folders
        self._go_on()

    def _placed(self, folders: list[_Folder], did: asyncio.Future[None]) -> None:
        did.result()
        self._is_placing = False
        for batch in (batch for folder in folders for batch in folder.batches):
            if batch.failure is not None:
                batch.done.set_exception(batch.failure)
            else:
                batch.done.set_result(None)
        self._go_on()

    # What follows runs in threads, and raises nothing: what fails is its folder's failure.

    def _write(self, folders: Sequence[_Folder]) -> None:
        """Write files to tmp/: all folders are opened before, and a descriptor tells of writes that fail later."""
        few = sum(len(folder.small) for folder in folders) <= _SYNC_TOGETHER
        for folder in folders:
            folder.attempt(_Folder.begin)
        for folder in folders:
            folder.durable = few or not self._fsync
            folder.attempt(partial(_write_all, sync=few and self._fsync))

    def _place(self, folders: Sequence[_Folder]) -> None:
        """Make files durable, move them where they belong, and make that durable."""
        steps: list[Callable[[_Folder], None]] = [_once_for_each_file_system(), _put_all]
        if self._fsync:
            steps.append(_sync_directories)
        for step in steps:
            for folder in folders:
                folder.attempt(step)
        for folder in folders:
            folder.end()


async def discard(place: SameFolder, drafts: Sequence[Draft]) -> None:
    """Remove what drafts left in tmp/."""
    await in_thread(_discard, place, drafts)


def _discard(place: SameFolder, drafts: Sequence[Draft]) -> None:
    with suppress(FolderError, StoreMissing), place.open() as folder:
        for draft in drafts:
            if draft.in_tmp:
                with suppress(FileNotFoundError):
                    os.unlink(draft.token, dir_fd=folder.tmp)


def finish(fd: int, date: float | None, *, sync: bool) -> None:
    """Date the file and make it durable."""
    if date is not None:
        stamp = int(min(max(date, 0), _LATEST) * 1_000_000_000)
        try:
            os.utime(fd, ns=(stamp, stamp))
        except (OSError, OverflowError):
            pass  # a date that the file system cannot hold is not worth a message
    if sync:
        os.fsync(fd)


def _write_all(folder: _Folder, *, sync: bool) -> None:
    for draft in folder.small:
        _write(folder.open, draft, sync=sync)


def _write(folder: OpenFolder, draft: Draft, *, sync: bool) -> None:
    data = draft.content.data
    if data is None:
        return
    try:
        fd = os.open(draft.token, CREATE, 0o600, dir_fd=folder.tmp)
        draft.in_tmp = True
        try:
            _write_octets(fd, to_disk(data))
            finish(fd, draft.content.date, sync=sync)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in ONE_MESSAGE:
            raise
        draft.refusal = error.strerror or str(error)


def _write_octets(fd: int, octets: bytes) -> None:
    written = os.write(fd, octets)
    while written < len(octets):
        written += os.write(fd, memoryview(octets)[written:])


def _once_for_each_file_system() -> Callable[[_Folder], None]:
    """A step that makes all files durable: with their file system, or one by one where that is not offered."""
    synced: dict[int, bool] = {}

    def sync(folder: _Folder) -> None:
        if folder.durable:
            return
        device = os.fstat(folder.open.tmp).st_dev
        if device not in synced:
            synced[device] = system.sync_filesystem(folder.open.tmp)
        if not synced[device]:
            for draft in folder.small:
                _sync_again(folder.open, draft)

    return sync


def _sync_again(folder: OpenFolder, draft: Draft) -> None:
    if draft.in_tmp and not draft.refusal:
        fd = os.open(draft.token, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.tmp)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _put_all(folder: _Folder) -> None:
    for draft in folder.drafts:
        if draft.in_tmp and not draft.refusal:
            _put(folder.open, draft)


def _put(folder: OpenFolder, draft: Draft) -> None:
    """Move a message from tmp/ to its place, replacing nothing."""
    sub, name = place_for(draft.token, draft.content.flags)
    try:
        draft.mark = mark_of(system.examine(folder.tmp, draft.token), folder)
        system.move(folder.tmp, draft.token, folder.sub(sub), name)
    except OSError as error:
        if error.errno not in ONE_MESSAGE:
            raise
        draft.refusal = error.strerror or str(error)
    else:
        draft.in_tmp, draft.sub = False, sub


def _sync_directories(folder: _Folder) -> None:
    for sub in {draft.sub for draft in folder.drafts} - {""}:
        os.fsync(folder.open.sub(sub))
