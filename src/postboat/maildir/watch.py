"""Notices what other programs do in the Maildirs: by inotify(7), or by looking from time to time where that is blind.

What it tells are hints. A look proves each of them, and a look at everything from time to time finds what no event
told: so nothing depends on events but how soon a change is found.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Protocol

from postboat.errors import FolderError
from postboat.maildir import inotify
from postboat.maildir.followed import Followed, Polled
from postboat.maildir.ground_watch import GroundWatch
from postboat.maildir.grounds import standings
from postboat.maildir.mounts import remote_kinds
from postboat.maildir.touched import Touched as Touched
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from asyncinotify import Inotify, Watch

    from postboat.maildir.folders import MaildirStore
    from postboat.maildir.touched import Spot
    from postboat.model import FolderName, Key

_SUBDIRECTORIES = ("new", "cur")
_STRUCTURE_WAIT = 0.2
"""Seconds after which directories that are being made are looked at: a Maildir is several."""


class DiskListener(Protocol):
    """Who wants to know. Called on the loop's thread; must neither wait nor raise."""

    def watched(self, how: str, reason: str) -> None:
        """Changes are noticed by `inotify`, or for some folders by `poll`, for this reason. Told when it changes."""

    def touched(self, folder: FolderName, names: Touched) -> None:
        """Something happened to these files of the folder."""

    def unsure(self, folders: frozenset[FolderName] | None) -> None:
        """Something may have happened in these folders, None: in all, and they are to be looked at as a whole."""

    def restructured(self) -> None:
        """Maildirs came or went, or the root did."""


class DiskWatch:
    """Watches the folders of one store. `poll_every` is in seconds."""

    def __init__(self, store: MaildirStore, listener: DiskListener, *, poll_every: float) -> None:
        self._store, self._listener, self._poll_every = store, listener, poll_every
        self._kernel = _Kernel(self._readable)
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._running = False
        self._failure: Exception | None = None
        names, own = count(1), secrets.token_hex(6)
        self._new_name: Callable[[], str] = lambda: f"{own}.{next(names)}"
        self._followed: dict[FolderName, Followed] = {}
        self._by_number: dict[int, tuple[Followed, str]] = {}
        """Whose new/ or cur/ each watch is on."""
        self._dirty: set[Followed] = set()
        """Folders of which something is still to be told."""
        self._polled = Polled(store.root)
        self._grounds = GroundWatch(store, self._kernel)
        self._survey_at: float | None = None
        self._is_moved = False
        """Whether a directory was renamed, so that watches may be on others than they are for."""
        self._how: tuple[str, str] | None = None

    def watch_of(self, folder: FolderName) -> str:
        """What the watch is called that sees all that happens in a folder from now on; "" when there is none."""
        followed = self._followed.get(folder)
        return "" if followed is None else followed.watch

    def untouched(self, folder: FolderName) -> Touched | None:
        """What to look at in a folder of which nothing is left to tell; None when that is all of it."""
        followed = self._followed.get(folder)
        return None if followed is None else self._touched(followed, {})

    async def run(self) -> None:
        """Tell what happens, until it is cancelled."""
        loop = asyncio.get_running_loop()
        self._running, self._store.watch_of = True, self.watch_of
        self._kernel.open()
        poll_at = loop.time() + self._poll_every
        try:
            while self._failure is None:
                await self._pause(poll_at)
                self._pass_on()
                if loop.time() >= poll_at:
                    await self._poll()
                    poll_at = loop.time() + self._poll_every
                if self._survey_at is not None and loop.time() >= self._survey_at:
                    await self._look_round()
            raise self._failure
        finally:
            self._running = False
            self._followed, self._by_number, self._dirty = {}, {}, set()
            self._kernel.close()

    async def follow(self, folders: Collection[FolderName]) -> None:
        """Watch these folders, and no others. What happens in them after this returned is told.

        To be called when the tree was listed, while `run` runs; else it does nothing. A folder that was followed and
        is another one by now is told as unsure.
        """
        wanted: dict[FolderName, str] = {}
        for name in folders:
            with suppress(FolderError):
                wanted[name] = self._store.directory(name)
        async with self._lock:
            if not self._running:
                return
            self._grounds.was_listed()
            again = await self._leave_others(wanted)
            await self._begin_to_follow({name: path for name, path in wanted.items() if name not in self._followed})
            await self._walk()
        if again:
            self._listener.unsure(frozenset(again))
        if self._grounds.has_unlisted():
            self._listener.restructured()

    # ---- which folders ------------------------------------------------------------------------------------------

    async def _leave_others(self, wanted: Mapping[FolderName, str]) -> set[FolderName]:
        """Watch no more what is not wanted, or not what it was; return those of the latter that are wanted."""
        now = await in_thread(standings, self._store.root, wanted.values())
        again: set[FolderName] = set()
        for name, followed in list(self._followed.items()):
            standing = now.get(wanted.get(name, "."))
            if standing is None or followed.standing is None or standing.numbers != followed.standing.numbers:
                self._leave(followed)
                again |= {name} & wanted.keys()
        return again

    def _leave(self, followed: Followed) -> None:
        for number in followed.numbers:
            del self._by_number[number]
            self._kernel.remove(number)
        del self._followed[followed.name]
        self._dirty.discard(followed)

    async def _begin_to_follow(self, folders: Mapping[FolderName, str]) -> None:
        """Watch these folders where that is of use and can be; the times of the others are looked at."""
        root = self._store.root
        kinds = await in_thread(remote_kinds, root, folders.values())
        reasons: list[str] = []
        for name, directory in folders.items():
            if kinds[directory]:
                reasons.append(f"{root / directory} lies on a remote file system ({kinds[directory]})")
            elif not self._watch(name, directory) and self._kernel.refusal:
                reasons.append(self._kernel.refusal)
        now = await in_thread(standings, root, folders.values())
        for name in folders.keys() & self._followed.keys():
            self._followed[name].standing = now.get(folders[name])
        left = {name: (path, now.get(path)) for name, path in folders.items() if name not in self._followed}
        self._polled.replace(left)
        self._tell_how(reasons, len(left) + len(self._followed))

    def _tell_how(self, reasons: Collection[str], followed: int) -> None:
        reason = self._kernel.problem
        if not reason and reasons:
            reason = f"{len(reasons)} of {followed} folders: {next(iter(reasons))}"
        how = ("poll" if reason else "inotify", reason)
        if how != self._how:
            self._how = how
            self._listener.watched(*how)

    def _watch(self, name: FolderName, directory: str) -> bool:
        """Watch a folder, if that can be."""
        numbers: list[int] = []
        for sub in _SUBDIRECTORIES:
            number = self._kernel.add(self._store.root / directory / sub, inotify.FILES)
            if number is None:
                for made in numbers:
                    self._kernel.remove(made)
                return False
            numbers.append(number)
        followed = Followed(name, directory, tuple(numbers), self._new_name)
        self._followed[name] = followed
        self._by_number |= {number: (followed, sub) for number, sub in zip(numbers, _SUBDIRECTORIES, strict=True)}
        return True

    # ---- what events tell ---------------------------------------------------------------------------------------

    def _readable(self) -> None:
        """Take in all events that wait, and tell what is complete."""
        try:
            now = asyncio.get_running_loop().time()
            for number, mask, name in self._kernel.events():
                self._take(number, mask, name, now)
            self._pass_on()
        except Exception as error:  # raised by `run`, since the loop would only log it
            self._failure = error
        if self._failure is not None or self._dirty or self._survey_at is not None:
            self._wake.set()

    def _take(self, number: int | None, mask: int, name: str, now: float) -> None:
        if number is None:
            if mask & inotify.OVERFLOW:
                self._missed_some()
        elif number in self._by_number:
            followed, sub = self._by_number[number]
            if mask & inotify.LOST:
                self._lose(followed)
            elif not (mask & inotify.IS_DIRECTORY or name.startswith(".")):
                self._notice(followed, (sub, name), mask, now)
        elif mask & (inotify.LOST | inotify.IS_DIRECTORY):
            self._survey_soon(moved=bool(mask & (inotify.LOST | inotify.MOVED)))

    def _notice(self, followed: Followed, spot: Spot, mask: int, now: float) -> None:
        notice = inotify.notice_of(mask)
        if notice is not None:
            followed.sightings.notice(spot, notice, now)
            self._dirty.add(followed)

    def _missed_some(self) -> None:
        for followed in self._followed.values():
            followed.begin_anew()
        self._survey_soon(moved=False)
        self._listener.unsure(None)

    def _lose(self, followed: Followed) -> None:
        self._leave(followed)
        self._polled.add(followed.name, followed.directory, None)
        self._survey_soon(moved=True)
        self._listener.unsure(frozenset([followed.name]))

    def _pass_on(self) -> None:
        """Tell of each folder what is complete."""
        now = asyncio.get_running_loop().time()
        for followed in self._dirty:
            followed.sightings.ripen(now)
        hold = any(followed.sightings.is_waiting for followed in self._dirty)
        for followed in list(self._dirty):
            if followed.sightings.are_too_many:
                followed.begin_anew()
                self._listener.unsure(frozenset([followed.name]))
            elif spots := followed.sightings.take(now, hold=hold):
                self._listener.touched(followed.name, self._touched(followed, spots))
            if followed.sightings.due is None:
                self._dirty.discard(followed)

    def _touched(self, followed: Followed, spots: Mapping[Key, Mapping[Spot, bool]]) -> Touched:
        watch, version = followed.watch, followed.sightings.version

        def is_latest() -> bool:
            self._readable()
            is_same = self._followed.get(followed.name) is followed and followed.watch == watch
            return is_same and followed.sightings.is_quiet and followed.sightings.version == version

        return Touched(spots, watch, followed.began, is_latest)

    # ---- what looking tells -------------------------------------------------------------------------------------

    async def _pause(self, until: float) -> None:
        dues = [due for followed in self._dirty if (due := followed.sightings.due) is not None]
        dues += [] if self._survey_at is None else [self._survey_at]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min([until, *dues])):
                await self._wake.wait()
        self._wake.clear()

    async def _poll(self) -> None:
        """Look at the times of the folders that are not watched, and whether the root is what it was."""
        changed = await self._polled.changed()
        if not await self._grounds.is_sure():
            await self._look_round()
        if changed:
            self._listener.unsure(changed)

    def _survey_soon(self, *, moved: bool) -> None:
        self._is_moved |= moved
        if self._survey_at is None:
            self._survey_at = asyncio.get_running_loop().time() + _STRUCTURE_WAIT

    async def _look_round(self) -> None:
        """Walk through the tree, since directories came or went."""
        async with self._lock:
            moved, before = self._is_moved, self._grounds.root
            if moved:
                self._grounds.leave_all()
                for followed in self._followed.values():
                    followed.begin_anew()
            await self._walk()
        if self._grounds.has_unlisted() or moved or before != self._grounds.root:
            self._listener.restructured()

    async def _walk(self) -> None:
        self._survey_at, self._is_moved = None, False
        await self._grounds.walk()


class _Kernel:
    """What of asyncinotify is used: watches by number, and events without waiting. `readable` is called for these."""

    def __init__(self, readable: Callable[[], None]) -> None:
        self._readable = readable
        self._inotify: Inotify | None = None
        self._watches: dict[int, Watch] = {}
        self.problem = ""
        """Why nothing can be watched at all."""
        self.refusal = ""
        """Why the system did not take the last watch, where the user can do something about it."""

    def open(self) -> None:
        """Get ready, or note the problem."""
        try:
            from asyncinotify import Inotify  # here, since only a run that goes on needs it

            self._inotify = Inotify(cache_size=64, sync_timeout=0)
        except ImportError:
            self.problem = "asyncinotify is not installed" if sys.platform == "linux" else "this system has no inotify"
        except OSError as error:
            self.problem = inotify.refusal(error) or str(error)
        else:
            asyncio.get_running_loop().add_reader(self._inotify.fd, self._readable)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
            self._inotify.close()
        self._inotify, self._watches = None, {}

    def add(self, path: Path, mask: int) -> int | None:
        """Watch a directory; None when that cannot be, or when it is watched already under another name."""
        self.refusal = ""
        if self._inotify is None:
            return None
        from asyncinotify import Mask

        try:
            watch = self._inotify.add_watch(path, Mask(mask))
        except OSError as error:
            self.refusal = inotify.refusal(error)
            return None
        if watch.wd in self._watches:
            return None
        self._watches[watch.wd] = watch
        return watch.wd

    def remove(self, number: int) -> None:
        """Watch a directory no more."""
        watch = self._watches.pop(number, None)
        if self._inotify is not None and watch is not None:
            with suppress(OSError):  # gone with the directory
                self._inotify.rm_watch(watch)

    def events(self) -> Iterator[tuple[int | None, int, str]]:
        """Number of the watch, what happened, and to which file: all that waits. What is watched no more is left out.

        A number of None is for what concerns all.
        """
        while self._inotify is not None and (event := self._inotify.sync_get()) is not None:
            watch = event.watch
            if watch is None:
                yield None, int(event.mask), ""
            elif self._watches.get(watch.wd) is watch:
                yield watch.wd, int(event.mask), str(event.name or "")
