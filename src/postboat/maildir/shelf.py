"""One folder's place in the quarantine: files are put there or written there, in an order that loses none.

A file is renamed into it, and its directory made durable before the one that the file left. A rename is one entry of
the journal of every file system that has a journal, so whatever a power cut leaves, one of the two shows the file.
From another file system it is copied, the copy made durable and only then the file unlinked. Everything here blocks.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

from postboat.errors import FolderError
from postboat.maildir import system
from postboat.maildir.place import BELOW
from postboat.maildir.reader import PIECE, ChangedMeanwhile, open_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.scan import Entry
    from postboat.maildir.system import File

UNFINISHED = ".copying-"
"""How names of copies begin that are not whole yet. No message's name begins with a dot."""
_numbers = count()
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_FEW = 8
"""Copies up to which each is synced on its own; more are cheaper with the whole file system at once."""
_ITS_OWN = (errno.ENOSPC, errno.EDQUOT, errno.EMLINK, errno.EFBIG, errno.EIO)
"""Errors of a rename or a copy that speak of the quarantine, not of the Maildir."""


class Shelf:
    """Directories `steps` in the batch `batch` below `root`, made when the first file comes.

    `durable` remembers, for all shelves of a quarantine, which directories were made sure to outlast a power cut.
    Raises `FolderError` when the quarantine cannot take a file: the file then stays where it is.
    """

    def __init__(self, root: Path, batch: str, steps: Sequence[str], durable: set[str], *, fsync: bool) -> None:
        self._root, self._batch, self._steps = root, batch, steps
        self._durable, self._fsync = durable, fsync
        self._opened: list[int] = []
        """The directory in the batch, and in those that continue it: `batch.1` takes what bears a name twice."""
        self._across = False
        self._unfinished: dict[str, str] = {}
        """Names of copies to the names that they will bear."""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Use it; what was copied and not finished is removed in the end."""
        try:
            yield
        finally:
            for name in self._unfinished:
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._opened[0])
            self._unfinished = {}
            while self._opened:
                os.close(self._opened.pop())

    def put_away(self, folder: OpenFolder, entry: Entry) -> File | None:
        """Rename a message's file into the quarantine; or copy it there, from another file system.

        Returns the file that was copied and still has to be unlinked, after `finish_copies` and `sync`. Raises
        `OSError` for what is wrong with the file, `ChangedMeanwhile` when it was written to.
        """
        if not self._across:
            try:
                self._take(folder.sub(entry.sub), entry.name, entry.name)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._across = True
            else:
                return None
        return self._copy(folder, entry)

    def write(self, name: str, octets: bytes, date: float | None) -> None:
        """Write a message that was no file before, or what follows of it, to be known by `name`.

        It has that name, and is durable, after `finish_copies` and `sync`.
        """
        into = self._directory(0)
        begun = next((unfinished for unfinished, final in self._unfinished.items() if final == name), None)
        unfinished = begun or _unfinished_name()
        with self._told():
            fd = os.open(unfinished, _APPEND if begun else CREATE, 0o600, dir_fd=into)
            try:
                self._unfinished[unfinished] = name
                write_octets(fd, octets)
                if date is not None:
                    with suppress(OSError, OverflowError):  # a date that cannot be kept is not worth a message
                        os.utime(fd, (date, date))
            finally:
                os.close(fd)

    def take_over(self, batch: int, name: str) -> None:
        """Take a file from an older batch of the quarantine, whose directory is open. Raises `OSError`."""
        self._take(batch, name, name)

    def finish_copies(self) -> None:
        """Make the copies durable, then give them their names."""
        with self._told():
            if self._fsync and self._unfinished:
                self._sync_copies()
            for name, final in list(self._unfinished.items()):
                self._take(self._opened[0], name, final)
                del self._unfinished[name]

    def _take(self, source: int, name: str, final: str) -> None:
        """Rename a file into the quarantine. Raises `OSError`, EXDEV when it lies on another file system."""
        for number in count():
            try:
                system.move(source, name, self._directory(number), final)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno in _ITS_OWN:
                    raise self.refusal(error) from error
                raise
            return

    def _copy(self, folder: OpenFolder, entry: Entry) -> File:
        into, name = self._directory(0), _unfinished_name()
        fd, file = open_message(folder, entry)
        try:
            with self._told():
                copied = os.open(name, CREATE, 0o600, dir_fd=into)
            try:
                self._pour(fd, copied, file)
            except BaseException:
                os.unlink(name, dir_fd=into)
                raise
            finally:
                os.close(copied)
            self._unfinished[name] = entry.name
        finally:
            os.close(fd)
        return file

    def _pour(self, source: int, target: int, file: File) -> None:
        while piece := os.read(source, PIECE):
            with self._told():
                write_octets(target, piece)
        with suppress(OSError):  # a date that the file system cannot hold is not worth a message
            os.utime(target, ns=(file.modified, file.modified))
        if system.examine(source) != file:
            raise ChangedMeanwhile

    def _sync_copies(self) -> None:
        if len(self._unfinished) > _FEW and system.sync_filesystem(self._opened[0]):
            return
        for name in self._unfinished:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._opened[0])
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def sync(self) -> None:
        """Make what was taken durable here, before it may be durable that it left the folder."""
        with self._told():
            for fd in self._opened if self._fsync else ():
                os.fsync(fd)

    def _directory(self, number: int) -> int:
        while len(self._opened) <= number:
            with self._told():
                self._opened.append(self._make(f".{len(self._opened)}" if self._opened else ""))
        return self._opened[number]

    def _make(self, suffix: str) -> int:
        batch = self._root / (self._batch + suffix)
        self._make_durably(batch)
        fd = os.open(batch, BELOW)
        for step in self._steps:
            above = fd
            try:
                with suppress(FileExistsError):
                    os.mkdir(step, 0o700, dir_fd=above)
                if self._fsync:
                    os.fsync(above)
                fd = os.open(step, BELOW, dir_fd=above)
            finally:
                os.close(above)
        return fd

    def _make_durably(self, batch: Path) -> None:
        """Make the directory of a batch, and those above it that are ours; synced once, even if they were there."""
        for directory in (self._root.parent, self._root, batch):
            there = directory.is_dir()
            directory.mkdir(0o700, parents=True, exist_ok=True)
            if self._fsync and not (there and str(directory) in self._durable):
                _sync(directory.parent)
                self._durable.add(str(directory))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self.refusal(error) from error

    def refusal(self, error: OSError) -> FolderError:
        """What an error of the quarantine means to the messages that are to go there."""
        return FolderError(
            f"{self._root}: what is to be deleted cannot be kept there: {error.strerror or error}. It is not deleted; "
            "make room there, or allow writing, or set keepdeleted = 0 to keep nothing"
        )


def _unfinished_name() -> str:
    """One that no other copy bears, whichever folder it is for."""
    return f"{UNFINISHED}{os.getpid()}-{next(_numbers)}"


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_octets(fd: int, octets: bytes) -> None:
    """Write all of it. Raises `OSError`."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(fd, rest) :]
