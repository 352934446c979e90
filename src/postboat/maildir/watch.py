"""Notices what other programs do in the Maildirs: by inotify(7), or by looking from time to time where that is blind.

What it tells are hints. A look proves each of them, and a look at everything from time to time finds what no event
told: so nothing depends on events but how soon a change is found.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from postboat.errors import FolderError
from postboat.maildir.grounds import Grounds, number_of, standings, survey
from postboat.maildir.mounts import remote_kind
from postboat.maildir.place import in_thread
from postboat.maildir.sightings import Notice, Sightings
from postboat.maildir.touched import Touched as Touched

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from asyncinotify import Event, Inotify, Watch

    from postboat.maildir.folders import MaildirStore
    from postboat.maildir.grounds import Standing
    from postboat.model import FolderName

_CREATE, _DELETE, _MOVED_FROM, _MOVED_TO = 0x100, 0x200, 0x40, 0x80
_MODIFY, _CLOSE_WRITE = 0x2, 0x8
_DELETE_SELF, _MOVE_SELF, _UNMOUNT, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
_ONLY_DIRECTORY, _NO_LINK, _EXCLUDE_UNLINKED, _IS_DIRECTORY = 0x1000000, 0x2000000, 0x4000000, 0x40000000
_LOST = _DELETE_SELF | _MOVE_SELF | _UNMOUNT | _IGNORED
_COMING = _CREATE | _DELETE | _MOVED_FROM | _MOVED_TO | _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORY
_FILES = _COMING | _MODIFY | _CLOSE_WRITE | _NO_LINK | _EXCLUDE_UNLINKED
_NOTICES = (
    (_MOVED_TO, Notice.CAME),
    (_MOVED_FROM | _DELETE, Notice.WENT),
    (_CREATE, Notice.MADE),
    (_CLOSE_WRITE, Notice.CLOSED),
    (_MODIFY, Notice.GROWN),
)
_SUBDIRECTORIES = ("new", "cur")
_ROUNDS = 5
"""Walks through a tree that keeps changing before it is left to the next event."""
MOUNTS = Path("/proc/self/mountinfo")
LIMITS = Path("/proc/sys/fs/inotify")


class DiskListener(Protocol):
    """Who wants to know. Called on the loop's thread; must neither wait nor raise."""

    def watched(self, how: str, reason: str) -> None:
        """Changes are noticed by `inotify`, or for some folders by `poll`, for this reason. Told when it changes."""

    def touched(self, folder: FolderName, touched: Touched) -> None:
        """Something happened to these files of the folder."""

    def unsure(self, folders: frozenset[FolderName] | None) -> None:
        """Something may have happened in these folders, None: in all, and they are to be looked at as a whole."""

    def restructured(self) -> None:
        """Maildirs came or went, or the root did."""


class _Followed:
    """A folder whose new/ and cur/ are watched."""

    def __init__(self, name: FolderName, directory: str, watches: list[Watch], watch: str) -> None:
        self.name, self.directory, self.watches = name, directory, watches
        self.watch = watch
        self.standing: Standing | None = None
        """How it stood when the watch began."""
        self.sightings = Sightings()


class DiskWatch:
    """Watches the folders of one store. `poll_every` is in seconds."""

    def __init__(self, store: MaildirStore, listener: DiskListener, *, poll_every: float) -> None:
        self._store, self._listener, self._poll_every = store, listener, poll_every
        self._inotify: Inotify | None = None
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._failure: Exception | None = None
        self._names = (f"{secrets.token_hex(6)}.{number}" for number in count())
        self._armed: dict[FolderName, _Followed] = {}
        self._spots: dict[int, tuple[_Followed, str]] = {}
        """Whose directory a watch is on, by its number."""
        self._dirty: set[_Followed] = set()
        self._polled: dict[FolderName, tuple[str, Standing | None]] = {}
        """Folders without a watch: where they lie, and how they stood when they were last looked at."""
        self._reasons: dict[FolderName, str] = {}
        """Why they have none, as far as the user can do anything about it."""
        self._grounds: dict[str, Watch] = {}
        self._tree = Grounds(frozenset(), frozenset(), None)
        self._must_survey = self._is_moved = False
        self._state: tuple[frozenset[FolderName | None], tuple[int, int] | None] | None = None
        """By what the tree differed from what was listed, and its root, when that was last asked."""
        self._told: tuple[str, str] | None = None
        store.watch_of = self.watch_of

    def watch_of(self, folder: FolderName) -> str:
        """What the watch is called that sees all that happens in a folder from now on; "" when there is none."""
        followed = self._armed.get(folder)
        return followed.watch if followed is not None and self._inotify is not None else ""

    def untouched(self, folder: FolderName) -> Touched | None:
        """What to look at in a folder of which nothing was told; None when that is all of it."""
        followed = self._armed.get(folder)
        return self._touched(followed, {}) if followed is not None and self._inotify is not None else None

    async def run(self) -> None:
        """Tell what happens, until it is cancelled."""
        self._open()
        loop = asyncio.get_running_loop()
        poll_at = loop.time() + self._poll_every
        try:
            while True:
                await self._pause(poll_at)
                if self._failure is not None:
                    raise self._failure
                self._pass_on()
                if loop.time() >= poll_at:
                    await self._poll()
                    poll_at = loop.time() + self._poll_every
                if self._must_survey:
                    await self._look_round()
        finally:
            self._close()

    async def follow(self, folders: Collection[FolderName]) -> None:
        """Watch these folders, and no others. What happens in them after this returned is told.

        To be called when the tree was listed. A folder that was followed before and is another one by now is told as
        unsure.
        """
        async with self._lock:
            self._open()
            wanted: dict[FolderName, str] = {}
            for name in folders:
                with suppress(FolderError):
                    wanted[name] = self._store.directory(name)
            again = await self._drop_others(wanted)
            fresh = {name: directory for name, directory in wanted.items() if name not in self._armed}
            await self._arm_all(fresh)
            await self._walk()
        self._tell_how(len(wanted))
        if again:
            self._listener.unsure(frozenset(again))
        self._tell_structure()

    # ---- arming ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._inotify is not None or sys.platform != "linux":
            return
        try:
            from asyncinotify import Inotify  # here, since only a run that goes on needs it

            self._inotify = Inotify(cache_size=64, sync_timeout=0)
        except (ImportError, OSError):
            return
        asyncio.get_running_loop().add_reader(self._inotify.fd, self._readable)

    def _close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
            self._inotify.close()
        self._inotify = None
        self._armed, self._spots, self._grounds = {}, {}, {}
        self._polled, self._dirty = {}, set()

    async def _drop_others(self, wanted: dict[FolderName, str]) -> set[FolderName]:
        """Watch no more what is not wanted, or not what it was; return those of the latter that are wanted."""
        now = await in_thread(standings, self._store.root, wanted.values())
        again: set[FolderName] = set()
        for name, followed in list(self._armed.items()):
            standing = now.get(wanted.get(name, "."))
            if standing and followed.standing and standing.numbers == followed.standing.numbers:
                continue
            self._disarm(followed)
            if name in wanted:
                again.add(name)
        self._polled, self._reasons = {}, {}
        return again

    async def _arm_all(self, folders: dict[FolderName, str]) -> None:
        root = self._store.root
        kinds = await in_thread(_remote_kinds, root, folders.values())
        for name, directory in folders.items():
            reason = f"{root / directory} lies on a remote file system ({kinds[directory]})" if kinds[directory] else ""
            if reason or not self._arm(name, directory):
                self._polled[name] = directory, None
                if reason:
                    self._reasons[name] = reason
        now = await in_thread(standings, root, folders.values())
        for name, directory in folders.items():
            if name in self._armed:
                self._armed[name].standing = now.get(directory)
            elif name in self._polled:
                self._polled[name] = directory, now.get(directory)

    def _arm(self, name: FolderName, directory: str) -> bool:
        """Watch a folder, if that can be."""
        watches: list[Watch] = []
        for sub in _SUBDIRECTORIES:
            watch = self._add(self._store.root / directory / sub, _FILES, name)
            if watch is None or watch.wd in self._spots:
                for made in watches:
                    self._remove(made)
                return False
            watches.append(watch)
        followed = _Followed(name, directory, watches, next(self._names))
        self._armed[name] = followed
        self._spots |= {watch.wd: (followed, sub) for watch, sub in zip(watches, _SUBDIRECTORIES, strict=True)}
        return True

    def _add(self, path: Path, mask: int, name: FolderName | None = None) -> Watch | None:
        from asyncinotify import Mask

        if self._inotify is None:
            return None
        try:
            return self._inotify.add_watch(path, Mask(mask))
        except OSError as error:
            if name is not None and error.errno == errno.ENOSPC:
                self._reasons[name] = (
                    f"the system allows no more watches ({_limit('max_user_watches')}); "
                    "raise it: sysctl fs.inotify.max_user_watches=524288"
                )
            return None

    def _remove(self, watch: Watch) -> None:
        with suppress(OSError):  # gone already
            if self._inotify is not None:
                self._inotify.rm_watch(watch)

    def _disarm(self, followed: _Followed) -> None:
        for watch in followed.watches:
            if self._spots.pop(watch.wd, None) is not None:
                self._remove(watch)
        self._armed.pop(followed.name, None)
        self._dirty.discard(followed)

    # ---- telling --------------------------------------------------------------------------------------------------

    def _tell_how(self, followed: int) -> None:
        reason = ""
        if self._inotify is None:
            reason = "inotify cannot be used here"
        elif self._reasons:
            reason = f"{len(self._reasons)} of {followed} folders: {next(iter(self._reasons.values()))}"
        how = ("poll" if reason else "inotify", reason)
        if how != self._told:
            self._told = how
            self._listener.watched(*how)

    def _readable(self) -> None:
        try:
            self._drain()
            self._pass_on()
        except Exception as error:  # told to whoever runs this, since the loop would only log it
            self._failure = error
        if self._failure is not None or self._dirty or self._must_survey:
            self._wake.set()

    def _drain(self) -> None:
        """Take in all events that wait."""
        now = asyncio.get_running_loop().time()
        while self._inotify is not None and (event := self._inotify.sync_get()) is not None:
            self._take(event, now)

    def _take(self, event: Event, now: float) -> None:
        mask, watch = int(event.mask), event.watch
        if mask & _OVERFLOW:
            self._overflowed()
        elif watch is None:
            return
        elif watch.wd in self._spots:
            followed, sub = self._spots[watch.wd]
            if mask & _LOST:
                self._lose(followed)
            elif event.name is not None and not mask & _IS_DIRECTORY:
                self._notice(followed, (sub, str(event.name)), mask, now)
        elif watch in self._grounds.values():
            self._must_survey |= bool(mask & (_LOST | _IS_DIRECTORY))
            self._is_moved |= bool(mask & (_LOST | _MOVED_FROM | _MOVED_TO) and mask & (_LOST | _IS_DIRECTORY))

    def _notice(self, followed: _Followed, spot: tuple[str, str], mask: int, now: float) -> None:
        if spot[1].startswith("."):
            return
        what = next((what for bits, what in _NOTICES if mask & bits), None)
        if what is not None:
            followed.sightings.notice(spot, what, now)
            self._dirty.add(followed)

    def _overflowed(self) -> None:
        for followed in self._armed.values():
            self._begin_anew(followed)
        self._must_survey = True
        self._listener.unsure(None)

    def _begin_anew(self, followed: _Followed) -> None:
        """Something was missed: what is told from now on is no proof of what was before."""
        followed.watch = next(self._names)
        followed.sightings.forget()
        if followed.standing is not None:
            followed.standing = followed.standing._replace(checkpoint="")

    def _lose(self, followed: _Followed) -> None:
        self._disarm(followed)
        self._polled[followed.name] = followed.directory, None
        self._must_survey = self._is_moved = True
        self._listener.unsure(frozenset([followed.name]))

    def _pass_on(self) -> None:
        now = asyncio.get_running_loop().time()
        for followed in list(self._dirty):
            if followed.sightings.are_too_many():
                self._begin_anew(followed)
                self._listener.unsure(frozenset([followed.name]))
            elif spots := followed.sightings.take(now):
                self._listener.touched(followed.name, self._touched(followed, spots))
            if followed.sightings.due is None:
                self._dirty.discard(followed)

    def _touched(self, followed: _Followed, spots: dict[str, dict[tuple[str, str], bool]]) -> Touched:
        watch, version = followed.watch, followed.sightings.version
        began = followed.standing.checkpoint if followed.standing is not None else ""

        def is_latest() -> bool:
            self._readable()
            same = self._armed.get(followed.name) is followed and followed.watch == watch
            return same and followed.sightings.is_quiet() and followed.sightings.version == version

        return Touched(spots, watch, began, is_latest)

    # ---- looking --------------------------------------------------------------------------------------------------

    async def _pause(self, until: float) -> None:
        dues = [due for followed in self._dirty if (due := followed.sightings.due) is not None]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min([until, *dues])):
                await self._wake.wait()
        self._wake.clear()

    async def _poll(self) -> None:
        """Look at the times of the folders that are not watched, and whether the root is what it was."""
        root, before = self._store.root, dict(self._polled)
        now = await in_thread(standings, root, [directory for directory, _ in before.values()])
        changed = {name for name, (directory, standing) in before.items() if now.get(directory) != standing}
        for name in changed & self._polled.keys():
            directory, _ = self._polled[name]
            self._polled[name] = directory, now.get(directory)
        self._must_survey |= "" not in self._grounds or await in_thread(number_of, root) != self._tree.root
        if changed:
            self._listener.unsure(frozenset(changed))

    async def _look_round(self) -> None:
        async with self._lock:
            self._must_survey, moved, self._is_moved = False, self._is_moved, False
            if moved:
                self._leave_grounds(list(self._grounds))
                for followed in self._armed.values():
                    self._begin_anew(followed)
            await self._walk()
        self._tell_structure(anyway=moved)

    def _tell_structure(self, *, anyway: bool = False) -> None:
        """Tell that other Maildirs are there than were listed, or another root, but not the same thing twice."""
        names = {self._store.layout.name(directory) for directory in self._tree.maildirs} - {None}
        difference, root = frozenset(names ^ self._store.found), self._tree.root
        before, self._state = self._state or (frozenset(), root), (difference, root)
        if anyway or (difference and difference != before[0]) or root != before[1]:
            self._listener.restructured()

    async def _walk(self) -> None:
        """Watch all directories in which Maildirs may come to be, also those that were made meanwhile."""
        for _ in range(_ROUNDS):
            self._tree = await in_thread(survey, self._store.root, self._store.layout)
            self._leave_grounds(self._grounds.keys() - self._tree.open)
            new = self._tree.open - self._grounds.keys()
            made = {path: self._add(self._store.root / path, _COMING) for path in new}
            self._grounds |= {path: watch for path, watch in made.items() if watch is not None}
            if not any(made.values()):
                break

    def _leave_grounds(self, paths: Collection[str]) -> None:
        for path in list(paths):
            self._remove(self._grounds.pop(path))


def _remote_kinds(root: Path, directories: Iterable[str]) -> dict[str, str]:
    """What kind of remote file system each directory lies on; "" for a local one."""
    try:
        real, mounts = root.resolve(), MOUNTS.read_text()
    except OSError:
        return dict.fromkeys(directories, "")
    return {directory: remote_kind(real / directory, mounts) for directory in directories}


def _limit(name: str) -> str:
    try:
        return f"fs.inotify.{name} is {(LIMITS / name).read_text().strip()}"
    except OSError:
        return f"fs.inotify.{name}"
