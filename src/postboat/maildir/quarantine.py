"""Where messages go that are removed from one side: kept for a while, and put back when they are missed.

A batch is what one run removed. It is a directory with the time of the run as its name, in it a directory for each
folder, and in that a file for each message, its flags in its name: the one that it had in a Maildir, or one that says
which message of a server it is (`kept_files`). Everything here blocks.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from postboat.maildir.names import parse
from postboat.maildir.place import BELOW, folder_error, open_below, untold
from postboat.model import FolderName
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from postboat.maildir.place import Told
    from postboat.maildir.shelf import Shelf

_DAY = 24 * 60 * 60
_LONGEST_RUN = 60 * 60
"""Seconds after which a batch is not added to any more: what is removed later is not kept for less long."""
_BATCH = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:\.\d+)?")
_SAFE = " @+="
"""What is not quoted besides letters, digits and `_.-~`. The comma is, since it parts the levels of a hierarchy."""
_STEP = 240
"""Characters, all ASCII, after which a folder's name goes on in a directory below; a dot at the end says so."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one run removed from one folder."""

    when: float
    """Seconds since the epoch, whole."""
    folder: FolderName
    """Its name on the side that it was removed from."""
    files: tuple[str, ...]
    """Their names."""
    batch: str
    """Name of the batch: the time in UTC as `2026-11-23T045900Z`, and a number when one directory was not enough."""


class Quarantine:
    """The quarantine of one account, in the directory `root`; what is in it is kept for `days`."""

    def __init__(self, root: Path, days: float, *, clock: Callable[[], float] = time.time, fsync: bool = True) -> None:
        self.root = root
        self._days, self._clock, self._fsync = days, clock, fsync
        self._batch = ""
        self._begun = 0.0
        self._durable: set[str] = set()
        """Directories that were made sure to outlast a power cut."""

    def shelf(self, folder: FolderName) -> Shelf | None:
        """Where this run puts what it removes from `folder`; None when nothing is to be kept."""
        if self._days <= 0:
            return None
        from postboat.maildir.shelf import Shelf  # here, since most runs remove nothing

        return Shelf(self.root, self._batch_now(), steps(folder), self._durable, fsync=self._fsync)

    def held(self, folder: FolderName, names: Collection[str]) -> set[str]:
        """Those of `names` that are kept of `folder` already; from now on they are kept as if they had come now.

        The beginning of a file's name counts, up to its flags or a comma. Raises `FolderError`.
        """
        wanted, found = frozenset(names), set[str]()
        shelf = self.shelf(folder)
        if shelf is None:
            return found
        try:
            with shelf.open():
                for batch in self._batches():
                    found |= self._taken_over(shelf, batch, steps(folder), wanted)
                shelf.sync()
        except OSError as error:
            raise shelf.refusal(error) from error
        return found

    def _taken_over(self, shelf: Shelf, batch: str, below: Sequence[str], wanted: frozenset[str]) -> set[str]:
        try:
            fd = open_below(self.root, "/".join([batch, *below]))
        except FileNotFoundError:
            return set()
        try:
            found = {name: file for file in _files(fd) if (name := parse(file).unique.partition(",")[0]) in wanted}
            for file in found.values() if batch.partition(".")[0] != self._batch else ():
                shelf.take_over(fd, file)
        finally:
            os.close(fd)
        return set(found)

    def kept(self, told: Told = untold) -> list[Kept]:
        """All that is kept, oldest first; `told` hears how many batches were read. Raises `FolderError`."""
        found: list[Kept] = []
        try:
            batches = self._batches()
            for done, batch in enumerate(batches):
                told(done, len(batches))
                fd = os.open(self.root / batch, BELOW)
                try:
                    folders = [(name, files) for name, files in _folders(fd) if files]
                finally:
                    os.close(fd)
                found += [Kept(_time(batch), name, tuple(sorted(files)), batch) for name, files in sorted(folders)]
        except OSError as error:
            raise folder_error(error, self.root) from error
        return found

    def prune(self) -> list[str]:
        """Remove what was kept for long enough; returns the batches that could not be removed.

        It costs one look at a directory when there is nothing to remove. The time in a batch's name counts, whatever
        the file system says of it.
        """
        latest = _text(self._clock() - self._days * _DAY)
        try:
            past = [self.root / batch for batch in self._batches() if batch.partition(".")[0] <= latest]
        except OSError:
            return [str(self.root)]
        if past:
            import shutil  # here, since few runs need what takes long to import

            for batch in past:
                shutil.rmtree(batch, ignore_errors=True)
        return [str(batch) for batch in past if batch.exists()]

    def _batch_now(self) -> str:
        now = self._clock()
        if not 0 <= now - self._begun < _LONGEST_RUN:
            self._begun, self._batch = now, _text(now)
        return self._batch

    def _batches(self) -> list[str]:
        """Names of the batches, oldest first; what else lies there is left alone. Raises `OSError`."""
        try:
            with os.scandir(self.root) as found:
                return sorted(item.name for item in found if _BATCH.fullmatch(item.name))
        except FileNotFoundError:
            return []


def _text(when: float) -> str:
    return time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(max(when, 0)))


def _time(batch: str) -> float:
    import calendar  # here, since hardly any run needs it

    return float(calendar.timegm(tuple(int(number) for number in _BATCH.fullmatch(batch).groups())))  # type: ignore


def steps(folder: FolderName) -> list[str]:
    """The directories, one below the other, in which a folder's files lie in a batch: nearly always a single one.

    Levels of a hierarchy are no directories of their own, so that no file can be in the way of a folder.
    """
    text = ",".join(quote(part, safe=_SAFE, errors="surrogatepass") for part in folder.parts)
    if text.startswith("."):
        text = "%2E" + text[1:]
    if text.endswith("."):
        text = text[:-1] + "%2E"
    pieces = [text[at : at + _STEP] for at in range(0, len(text), _STEP)]
    return [piece + "." for piece in pieces[:-1]] + pieces[-1:]


def _folders(fd: int, begun: str = "") -> Iterator[tuple[FolderName, list[str]]]:
    """Folders in a batch, and the names of the files of each. Raises `OSError`."""
    with os.scandir(fd) as found:
        names = [item.name for item in found if item.is_dir(follow_symlinks=False)]
    for step in names:
        below = os.open(step, BELOW, dir_fd=fd)
        try:
            if step.endswith("."):
                yield from _folders(below, begun + step[:-1])
            else:
                yield _name(begun + step), _files(below)
        finally:
            os.close(below)


def _name(text: str) -> FolderName:
    return FolderName(tuple(unquote(part, errors="surrogatepass") for part in text.split(",")))


def _files(fd: int) -> list[str]:
    with os.scandir(fd) as found:
        return [item.name for item in found if not item.name.startswith(".") and item.is_file(follow_symlinks=False)]
