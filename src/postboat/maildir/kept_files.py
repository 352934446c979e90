"""Messages of a server in the quarantine: their octets as they came, and all else in the names of their files.

A name begins with what tells the message from every other one, `U12S345.0123456789abcdef`, goes on with its keywords,
quoted, as in `,K=$Junk,work`, and ends in flags as in a Maildir. Files of Maildirs lie in the same quarantine when a
Maildir gave way to a server: they come in wire form, too. Everything here blocks.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from postboat.bounded import bounded
from postboat.errors import FolderGone, MessageError
from postboat.maildir import names
from postboat.maildir.content import ToWire, to_wire
from postboat.maildir.place import folder_error, open_below
from postboat.maildir.quarantine import steps
from postboat.maildir.reader import PIECE, SMALL, pieces, wire_size
from postboat.maildir.shelf import write_octets
from postboat.model import DELETED, Content
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
    from pathlib import Path

    from postboat.maildir.quarantine import Kept
    from postboat.model import Flags

_OF_SERVER = re.compile(r"U\d+S\d+\.[0-9a-f]{16}")
_KEYWORDS = ",K="
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTE = ".putting-back"
"""Tokens of the messages that are being stored again, by the names of their files; no message's name begins so."""


def file_name(name: str, flags: Flags) -> str:
    """What the file of a message is called; keywords that make it too long are left out."""
    keywords = sorted(quote(flag, safe="$") for flag in flags if not names.letters(frozenset({flag})))
    for count in range(len(keywords), -1, -1):
        told = _KEYWORDS + ",".join(keywords[:count]) if count else ""
        full = names.in_cur(name + told, flags)
        if len(full) <= names.LONGEST:
            break
    return full


def flags_of(file: str) -> Flags:
    r"""All flags that the name of a file tells but \Deleted, keywords among them."""
    unique, flags, _ = names.parse(file)
    own, _, keywords = unique.partition(_KEYWORDS)
    if _OF_SERVER.fullmatch(own) and keywords:
        flags |= {unquote(keyword) for keyword in keywords.split(",")}
    return flags - {DELETED}


class KeptFiles:
    """What is kept of one folder in one batch, open for as long as it is put back. Raises `FolderError`."""

    def __init__(self, root: Path, kept: Kept, *, fsync: bool) -> None:
        self._root, self._kept, self._fsync = root, kept, fsync
        try:
            self._fd = open_below(root, "/".join([kept.batch, *steps(kept.folder)]))
        except FileNotFoundError as error:
            raise FolderGone(f"{root / kept.batch}: is gone from the quarantine") from error
        except OSError as error:
            raise folder_error(error, root) from error

    def close(self) -> None:
        """Let go of it, and remove directories that hold nothing any more."""
        os.close(self._fd)
        path = (self._root / self._kept.batch).joinpath(*steps(self._kept.folder))
        with suppress(OSError):
            while path != self._root:
                path.rmdir()
                path = path.parent

    def batches(self, octets: int, messages: int) -> Iterator[list[str]]:
        """Names of the files that are there, oldest message first, by so many octets and messages.

        A large one is a batch of its own.
        """
        sizes = {name: size for _, size, name in sorted(self._measured())}
        alone = octets + 1
        return bounded(
            sizes, lambda name: sizes[name] if sizes[name] <= SMALL else alone, weight=octets, count=messages
        )

    def _measured(self) -> Iterator[tuple[float, int, str]]:
        """Date, octets and name of each file that is there."""
        for name in self._kept.files:
            with suppress(FileNotFoundError):
                about = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
                yield about.st_mtime, about.st_size, name

    def read(self, files: Iterable[str]) -> list[Content]:
        """Messages under the names of their files; those that are gone are left out."""
        found = []
        for name in files:
            try:
                found.append(self._read(name))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise folder_error(error, self._root / self._kept.batch) from error
        return found

    def _read(self, name: str) -> Content:
        fd = os.open(name, _READ, dir_fd=self._fd)
        try:
            about = os.fstat(fd)
            if about.st_size <= SMALL:
                octets = b"".join(pieces(fd))
                wire = octets if _is_wire(name) else to_wire(octets)
                return Content(name, flags_of(name), about.st_mtime, len(wire), wire)
            size = about.st_size if _is_wire(name) else wire_size(fd)
        finally:
            os.close(fd)
        return Content(name, flags_of(name), about.st_mtime, size, chunks=lambda: self._chunks(name))

    async def _chunks(self, name: str) -> AsyncIterator[bytes]:
        form = None if _is_wire(name) else ToWire()
        at = 0
        while piece := await in_thread(self._piece, name, at):
            at += len(piece)
            yield piece if form is None else form.feed(piece)

    def _piece(self, name: str, at: int) -> bytes:
        """Part of a large message as it lies there. Raises `MessageError`."""
        try:
            fd = os.open(name, _READ, dir_fd=self._fd)
            try:
                return os.pread(fd, PIECE, at)
            finally:
                os.close(fd)
        except OSError as error:
            raise MessageError(f"{name}: {error.strerror or error}", passing=True) from error

    def noted(self) -> dict[str, str]:
        """Tokens of messages that an interrupted run may have stored already, by the names of files still there.

        They may be others than those that are put back now.
        """
        try:
            fd = os.open(_NOTE, _READ, dir_fd=self._fd)
        except FileNotFoundError:
            return {}
        try:
            tokens = json.loads(b"".join(pieces(fd)) or b"{}")
        except ValueError:
            return {}  # it was never finished, so nothing was sent
        finally:
            os.close(fd)
        with os.scandir(self._fd) as found:
            there = {item.name for item in found}
        return {name: token for name, token in tokens.items() if name in there}

    def note(self, tokens: Mapping[str, str]) -> None:
        """Write down, durably, which messages are about to be stored."""
        try:
            fd = os.open(
                _NOTE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._fd
            )
            try:
                write_octets(fd, json.dumps(tokens).encode())
                if self._fsync:
                    os.fsync(fd)
            finally:
                os.close(fd)
            self._sync()
        except OSError as error:
            raise folder_error(error, self._root / self._kept.batch) from error

    def settle(self, done: Iterable[str]) -> None:
        """Remove the files of messages that were stored, and then the note."""
        try:
            for name in done:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._fd)
            self._sync()
            with suppress(FileNotFoundError):
                os.unlink(_NOTE, dir_fd=self._fd)
        except OSError as error:
            raise folder_error(error, self._root / self._kept.batch) from error

    def _sync(self) -> None:
        if self._fsync:
            os.fsync(self._fd)


def _is_wire(name: str) -> bool:
    return _OF_SERVER.fullmatch(names.parse(name).unique.partition(",")[0]) is not None
