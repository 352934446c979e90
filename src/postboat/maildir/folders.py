"""The tree of Maildirs: which folders there are, and making new ones."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from postboat.errors import FolderError, StoreMissing
from postboat.maildir.glimpses import glimpses
from postboat.maildir.layout import DEEPEST, SUBDIRECTORIES, Layout
from postboat.maildir.names import NameMaker, printable
from postboat.maildir.place import BELOW, Place, folder_error, open_below, untold
from postboat.maildir.removing import Removal, disown, remove_folder
from postboat.maildir.standing import standing
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from postboat.maildir.delivery import Post
    from postboat.maildir.mailbox import MaildirMailbox, Warn
    from postboat.maildir.place import Told
    from postboat.maildir.quarantine import Kept, Quarantine
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName, Glimpse


class Listed(NamedTuple):
    """The folders below a root, and complete sentences about directories that are left alone."""

    names: list[FolderName]
    unusable: list[str]


class _Look(NamedTuple):
    """What a directory shows."""

    below: list[tuple[str, bool]]
    """Directories in it, and whether each is a link."""
    problem: str | None
    """What is wrong with it; "" when nothing is, None when it is no Maildir."""
    barred: bool = False
    """Whether that keeps what is in it from being seen."""


class MaildirStore:
    """Maildirs below one root, laid out in one way (see `Layout`). Raises `ConfigError` for an impossible layout."""

    def __init__(
        self,
        root: Path,
        layout: str = "flat",
        sep: str = ".",
        *,
        fsync: bool = True,
        read_only: bool = False,
        names: NameMaker | None = None,
        clock: Callable[[], float] = time.time,
        warn: Warn = lambda _text: None,
        new_id: Callable[[], str] = lambda: os.urandom(8).hex(),
        quarantine: Quarantine | None = None,
    ) -> None:
        self.root = root
        self.layout = Layout(layout, sep)
        self._fsync = fsync
        self._read_only = read_only
        self._names = names or NameMaker(clock, os.getpid(), socket.gethostname())
        self._clock = clock
        self._warn = warn
        self._new_id = new_id
        self._quarantine = quarantine
        self.watch_of: Callable[[FolderName], str] = lambda _name: ""
        """What the watch is called that sees all that happens in a folder from now on; "" for none."""
        self._post: Post | None = None
        self._creating = asyncio.Lock()
        self._found: dict[FolderName, str] = {}
        self._told: set[str] = set()
        """Directories that were told to be unusable: making the folder may complete them."""
        self._barred: set[str] = set()
        """Those of them of which nothing is known but that they are there."""

    async def exists(self) -> bool:
        """Whether the root is there, be it empty. When folders were known and it is not, a disk may be missing."""
        return await in_thread(self.root.is_dir)

    async def standing(self, *, mark: bool = True) -> str:
        """What tells the root from another directory in its place: see `standing.standing`; "" when it is missing.

        With `mark=False` no marker is made: the root may be an empty mount point.
        """
        return await in_thread(standing, self.root, self._new_id, read_only=self._read_only or not mark)

    async def list(self) -> Listed:
        """Find the directories that have cur, new and tmp. A missing root lists as empty: ask `exists` too.

        Raises `FolderError` when a directory cannot be read, since a part of the tree proves nothing.
        """
        return await in_thread(self._find_all)

    def is_barred(self, name: FolderName) -> bool:
        """Whether the last `list` met something where the folder lies, or above it, that bars the way to it.

        Such a folder is not gone: a symbolic link is not followed, or permission is lacking.
        """
        steps = self.directory(name).split("/")
        return any("/".join(steps[:count]) in self._barred for count in range(1, len(steps) + 1))

    async def create(self, name: FolderName) -> None:
        """Make a folder's directories durably, mode 0700; what `list` told to lack some of them is completed.

        Raises `FolderError`, also for a Maildir that `list` did not show under this very name: where the file system
        ignores case, it is another folder's.
        """
        directory = self.directory(name)
        async with self._creating:  # two at once might each see a directory that the other has not filled yet
            await in_thread(self._create, directory, known=name in self._found or directory in self._told)
            self._found[name] = directory

    async def completed(self, names: Iterable[FolderName]) -> Sequence[FolderName]:
        """Those of `names` of which the last `list` found `cur`, but not `new` and `tmp`, which are made now.

        Programs that copy trees like to leave out empty directories. A read-only store makes nothing, and such a folder
        fails when it is opened.
        """
        half = [name for name in names if self.directory(name) in self._told]
        half = [name for name in half if await in_thread((self.root / self.directory(name) / "cur").is_dir)]
        for name in [] if self._read_only else half:
            await self.create(name)
        return half

    async def remove(self, name: FolderName) -> bool:
        """Remove a folder durably, unless mail is left in it; returns whether it is gone.

        Its directory stays where it holds something else. What is left, and why, is told as a warning. The INBOX
        stays. Raises `FolderError`.
        """
        if self._read_only:
            raise FolderError(f"{self.root / self.directory(name)}: is read-only for Postboat and was to be removed")
        directory = self.directory(name)
        if name.is_inbox:
            removal = Removal(is_gone=False, rest="the INBOX always stays")
        else:
            removal = await in_thread(remove_folder, self.root, directory)
        if removal.rest:
            what = "the folder is gone, its directory stays" if removal.is_gone else "is not removed"
            self._warn(f"{self.root / directory}: {what}: {printable(removal.rest)}")
        if removal.is_gone:
            self._found.pop(name, None)
        return removal.is_gone

    async def kept(self, told: Told = untold) -> Sequence[Kept]:
        """What earlier runs removed and is kept, oldest first; `told` hears of each run. Raises `FolderError`."""
        return [] if self._quarantine is None else await in_thread(self._quarantine.kept, told)

    async def put_back(self, kept: Kept) -> int:
        """Move what is kept of a folder back into it, as new messages; returns how many.

        A folder that is gone is made anew. Raises `FolderError`; what was put back by then stays there.
        """
        if self._read_only or self._quarantine is None:
            raise FolderError(f"{self.root / self.directory(kept.folder)}: is read-only for Postboat")
        from postboat.maildir.putting_back import put_back  # here, since hardly any run needs it

        place = Place(self.root, self.directory(kept.folder))
        if not await in_thread(place.exists):
            await self.disown(kept.folder)
            await self.create(kept.folder)
        return await in_thread(put_back, self._quarantine.root, kept, place, self._names, fsync=self._fsync)

    async def prune(self) -> None:
        """Empty the quarantine of what was kept for long enough; what cannot be removed is told as a warning."""
        if not self._read_only and self._quarantine is not None:
            for left in await in_thread(self._quarantine.prune):
                self._warn(f"{left}: was kept for long enough and cannot be removed")

    async def disown(self, name: FolderName) -> None:
        """Take the identifier from what is left of a folder that lost its directories: made anew, it is a new one.

        What cannot be removed stays; a read-only store removes nothing.
        """
        if not self._read_only:
            with suppress(OSError, StoreMissing):
                await in_thread(disown, self.root, self.directory(name))

    async def glimpses(self, names: Collection[FolderName]) -> Mapping[FolderName, Glimpse]:
        """What each folder's `validity` and checkpoint are now, all in one look; no identity is made.

        Folders that are not there, or cannot be read, are left out: opening them tells why.
        """
        directories: dict[FolderName, str] = {}
        for name in names:
            with suppress(FolderError):
                directories[name] = self.directory(name)
        return await in_thread(glimpses, self.root, directories, read_only=self._read_only)

    def mailbox(self, name: FolderName, *, touched: Touched | None = None) -> MaildirMailbox:
        """The folder as a replica; it need not exist. Raises `FolderError` for a name no directory can hold.

        `touched` is what a watch told of its files since the last look at it that came to its end.
        """
        from postboat.maildir.delivery import Post  # here, since a run without changes opens no folder
        from postboat.maildir.mailbox import MaildirMailbox

        self._post = self._post or Post(fsync=self._fsync)
        return MaildirMailbox(
            self.root / self.directory(name),
            root=self.root,
            names=self._names,
            fsync=self._fsync,
            clock=self._clock,
            read_only=self._read_only,
            warn=self._warn,
            post=self._post,
            shelf=None if self._quarantine is None else self._quarantine.shelf(name),
            touched=touched,
            watch=self.watch_of(name),
        )

    @property
    def found(self) -> frozenset[FolderName]:
        """The folders that the last `list` showed, with those that were made since and without those removed."""
        return frozenset(self._found)

    def directory(self, name: FolderName) -> str:
        """Where the folder lies below the root: where it was found, else where it would be made."""
        return self._found.get(name) or self.layout.directory(name)

    # What follows runs in a thread.

    def _find_all(self) -> Listed:
        found: dict[FolderName, str] = {}
        told: set[str] = set()
        barred: set[str] = set()
        unusable: list[str] = []
        for directory, problem, bars in self._walk() if self.root.is_dir() else ():
            name = None if problem else self.layout.name(directory)
            if problem:
                (barred if bars else told).add(directory)
            if name is None:
                unusable.append(f"{self.root / directory}: {problem or 'its name is not one of this layout'}")
            elif name not in found:
                found[name] = directory
            else:
                own = self.layout.directory(name)
                kept, other = (own, found[name]) if directory == own else (found[name], directory)
                found[name] = kept
                unusable.append(f"{self.root / other}: is the same folder as {self.root / kept}")
        self._found, self._told, self._barred = found, told, barred
        return Listed(sorted(found), [printable(text) for text in unusable])

    def _walk(self) -> Iterator[tuple[str, str, bool]]:
        """Directories of Maildirs, relative to the root, each with what is wrong with it or "", and if that bars it."""
        pending = [""]
        while pending:
            directory = pending.pop()
            below, problem, barred = self._open_and_look(directory)
            if problem is not None and (directory or self.layout.kind == "maildir++"):
                yield directory, problem, barred
            for step, is_link in sorted(below, reverse=True):
                path = f"{directory}/{step}" if directory else step
                if is_link:
                    yield path, "is a symbolic link, which is not followed", True
                elif not directory or (self.layout.kind == "nested" and path.count("/") < DEEPEST):
                    pending.append(path)

    def _open_and_look(self, directory: str) -> _Look:
        try:
            fd = open_below(self.root, directory)
            try:
                return _look_into(fd)
            finally:
                os.close(fd)
        except PermissionError as error:
            if directory:  # such as lost+found: the others can be synced
                return _Look([], error.strerror, barred=True)
            raise folder_error(error, self.root) from error
        except FileNotFoundError:
            return _Look([], None)  # removed since it was seen
        except OSError as error:
            raise folder_error(error, self.root / directory) from error

    def _create(self, directory: str, *, known: bool) -> None:
        path = self.root / directory
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = open_below(self.root, "")
            try:
                for step in directory.split("/") if directory else ():
                    above, fd = fd, _ensure_directory(fd, step)
                    os.close(above)
                if not known and _holds_mail(fd):
                    raise FolderError(
                        f"{path}: cannot be made, another folder lies there already; if the file system takes upper "
                        "and lower case for the same, give one of the two another local name"
                    )
                for name in SUBDIRECTORIES:
                    os.close(_ensure_directory(fd, name))
                if self.layout.kind == "maildir++" and directory:
                    os.close(os.open("maildirfolder", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=fd))
                os.fsync(fd)
            finally:
                os.close(fd)
        except FileExistsError:
            raise FolderError(f"{path}: cannot be made, something that is no directory is in its way") from None
        except OSError as error:
            raise folder_error(error, path) from error


def _look_into(fd: int) -> _Look:
    below: list[tuple[str, bool]] = []
    own: dict[str, bool] = {}
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.name in SUBDIRECTORIES:
                own[entry.name] = entry.is_dir(follow_symlinks=False)
            elif entry.is_dir():
                below.append((entry.name, entry.is_symlink()))
    odd = [name for name in SUBDIRECTORIES if own.get(name) is False]
    if odd and len(own) > 1:
        return _Look(below, f"its {' and its '.join(odd)} is a symbolic link or a file", barred=True)
    if not (own.get("cur") or own.get("new")):
        return _Look(below, None)
    missing = [name for name in SUBDIRECTORIES if name not in own]
    return _Look(below, f"has no directory {' and no '.join(missing)}" if missing else "")


def _holds_mail(fd: int) -> bool:
    """Whether it is, or was half-made to be, a Maildir."""
    return _is_directory(fd, "cur") or _is_directory(fd, "new")


def _is_directory(fd: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _ensure_directory(above: int, name: str) -> int:
    """Open a directory, made durably when it is not there. Raises `OSError`."""
    try:
        os.mkdir(name, 0o700, dir_fd=above)
    except FileExistsError:
        return os.open(name, BELOW, dir_fd=above)
    os.fsync(above)
    return os.open(name, BELOW, dir_fd=above)
