"""Finding a message's file at the moment of use, since other programs rename files whenever they like."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from postboat.maildir.scan import Listing, find_files, list_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.scan import Entry
    from postboat.model import Flags, Key

_LOOKS = 8
_ENOUGH = 2
"""Listings in a row that must lack a file before it is gone."""


class Whereabouts:
    """Where each message's file was last seen: hints that every use proves against the disk.

    Several threads may read at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._listing = Listing()
        self._absent: dict[Key, int] = {}
        """How many listings in a row lacked a key that was looked for."""
        self._made = 0
        """Listings made by `find`."""
        self._lock = Lock()

    def look(self, folder: OpenFolder, agreed: Mapping[Key, Flags]) -> Listing:
        """List the folder, and remember where what is not as agreed is. Raises `OSError`."""
        self._listing, self._absent = list_folder(folder, self._clock(), agreed), {}
        return self._listing

    def find(self, folder: OpenFolder, keys: Iterable[Key]) -> Mapping[Key, Entry]:
        """Look where the files of `keys` are, and those of all others that were seen; what is gone is left out.

        Whoever renamed one file may have renamed thousands: so one listing serves them all. Raises `OSError`.
        """
        with self._lock:
            return self._find(folder, keys)

    def _find(self, folder: OpenFolder, keys: Iterable[Key]) -> Mapping[Key, Entry]:
        wanted = frozenset(keys) | self._listing.entries.keys() | self._absent.keys()
        found = find_files(folder, wanted)
        for key in wanted:
            self._listing.untouchable.pop(key, None)
        self._listing.entries = found.entries
        self._listing.untouchable |= found.untouchable
        absent = wanted - found.entries.keys() - found.untouchable.keys()
        self._absent = {key: self._absent.get(key, 0) + 1 for key in absent}
        self._made += 1
        return found.entries

    def _find_after(self, made: int, folder: OpenFolder, keys: Iterable[Key]) -> None:
        """As `find`, unless another thread did it since so many listings were made."""
        with self._lock:
            known = self._listing.entries.keys() | self._absent.keys() | self._listing.untouchable.keys()
            if self._made == made or not known.issuperset(keys):
                self._find(folder, keys)

    @property
    def untouchable(self) -> Mapping[Key, str]:
        """Keys whose files are left alone, and why."""
        return self._listing.untouchable

    @property
    def doubles(self) -> Mapping[Key, list[Entry]]:
        """Keys that different files bear, as the last look met them."""
        return self._listing.doubles

    def note(self, key: Key, entry: Entry) -> None:
        """Remember where a file is now."""
        self._listing.entries[key] = entry

    def forget(self, key: Key) -> None:
        """Remember nothing about a file."""
        self._listing.entries.pop(key, None)

    def visit(
        self, folder: OpenFolder, keys: Iterable[Key], act: Callable[[Key, Entry], None], *, reading: bool = False
    ) -> tuple[frozenset[Key], dict[Key, str]]:
        """Call `act` once for the file of each key; returns the keys that are gone, and the refused with the reason.

        `act` raises `FileNotFoundError` when the file is not where it was seen: it is then looked for again. A file
        is gone when two listings in a row lack it; one alone may miss a file that is renamed while it is made. For
        `reading`, what another visit listed counts as well, as nothing worse than reading it later comes of it.
        """
        pending, made = list(keys), self._made
        gone: set[Key] = set()
        refused: dict[Key, str] = {}
        if not reading:
            self._absent = {}
        for look in range(_LOOKS):
            if look:
                self._find_after(made, folder, pending)
            made = self._made
            pending = self._attempt(pending, act, refused)
            gone |= {key for key in pending if self._absent.get(key, 0) >= _ENOUGH}
            pending = [key for key in pending if key not in gone]
            if not pending:
                break
        refused |= dict.fromkeys(pending, "another program keeps renaming its file")
        return frozenset(gone), refused

    def _attempt(self, keys: list[Key], act: Callable[[Key, Entry], None], refused: dict[Key, str]) -> list[Key]:
        """Act on each key where it was last seen; returns those that were not there."""
        missed: list[Key] = []
        for key in keys:
            reason = self._listing.untouchable.get(key)
            entry = self._listing.entries.get(key)
            if reason:
                refused[key] = reason
            elif entry is None:
                missed.append(key)
            else:
                try:
                    act(key, entry)
                except FileNotFoundError:
                    missed.append(key)
        return missed
