"""Changing what lies in a folder: flags are renamed in, messages put away or moved to another folder.

Every change is proved against the disk at the moment it is made. Everything here blocks.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from postboat.maildir import names, system
from postboat.maildir.reader import ChangedMeanwhile
from postboat.maildir.scan import Entry, examine_entry, mark_of
from postboat.model import Gone, Refused, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from postboat.maildir.place import OpenFolder
    from postboat.maildir.shelf import Shelf
    from postboat.maildir.system import File
    from postboat.maildir.whereabouts import Whereabouts
    from postboat.model import Key, Reflagging

ELSEWHERE = "the two folders lie on different file systems, so that it has to be copied"


def reflag(
    folder: OpenFolder, where: Whereabouts, work: Mapping[Key, Reflagging], *, fsync: bool
) -> list[Refused | Gone]:
    """Rename files to show the flags; letters that are not ours stay. Raises `OSError`."""

    def rename(key: Key, entry: Entry) -> None:
        flags = (entry.flags | work[key].add) - work[key].remove
        if names.letters(flags) == names.letters(entry.flags):
            examine_entry(folder, entry)
            return
        name = names.parse(entry.name).under(flags)
        system.move(folder.sub(entry.sub), entry.name, folder.cur, name)
        where.note(key, Entry("cur", name, names.parse(name).flags))

    gone, refused = _visit(folder, where, work, rename)
    if fsync:
        _sync(folder)
    return [*_told(refused), *(Gone(key) for key in gone)]


def delete(
    folder: OpenFolder, where: Whereabouts, keys: Collection[Key], *, fsync: bool, shelf: Shelf | None = None
) -> list[Refused]:
    """Put files on the shelf, or unlink them without one; one that is gone already is no matter.

    Raises `OSError`, and `FolderError` when the shelf cannot take them. What was put there by then is gone from the
    folder durably too, so that the next run sees it as it is.
    """
    if shelf is None:
        return _unlink(folder, where, keys, fsync=fsync)
    copied: dict[Key, File] = {}
    left: set[int] = set()

    def put_away(key: Key, entry: Entry) -> None:
        file = shelf.put_away(folder, entry)
        if file is not None:
            copied[key] = file
        else:
            where.forget(key)
            left.add(folder.sub(entry.sub))

    with shelf.open():
        try:
            _, refused = _visit(folder, where, keys, put_away)
            shelf.finish_copies()
        finally:
            shelf.sync()
            for fd in left if fsync else ():
                os.fsync(fd)
    return [*_told(refused), *_unlink(folder, where, copied, fsync=fsync, only=copied)]


def _unlink(
    folder: OpenFolder,
    where: Whereabouts,
    keys: Collection[Key],
    *,
    fsync: bool,
    only: Mapping[Key, File] | None = None,
) -> list[Refused]:
    """Unlink files; with `only`, those that are what they were."""

    def remove(key: Key, entry: Entry) -> None:
        if only is not None and examine_entry(folder, entry) != only[key]:
            raise ChangedMeanwhile
        os.unlink(entry.name, dir_fd=folder.sub(entry.sub))
        where.forget(key)

    _, refused = _visit(folder, where, keys, remove)
    if fsync and keys:
        _sync(folder)
    return _told(refused)


def move(
    source: tuple[OpenFolder, Whereabouts],
    target: tuple[OpenFolder, Whereabouts],
    tokens: Mapping[Key, str],
    *,
    fsync: bool,
) -> dict[Key, Stored | Refused | Gone]:
    """Move files to another folder, each under its token and the flags it has at that moment. Raises `OSError`.

    The folder that a file came to is made durable before the one that it left: whatever a power cut leaves of the
    two, one of them shows the file.
    """
    (folder, where), (there, where_there) = source, target
    moved: dict[Key, Stored | Refused | Gone] = {}

    def carry(key: Key, entry: Entry) -> None:
        file = examine_entry(folder, entry)
        arrived = _arriving(entry, tokens[key])
        system.move(folder.sub(entry.sub), entry.name, there.sub(arrived.sub), arrived.name)
        where.forget(key)
        where_there.note(tokens[key], arrived)
        moved[key] = Stored(key, tokens[key], mark_of(file, there))

    gone, refused = _visit(folder, where, tokens, carry)
    if fsync and moved:
        _sync(there)
        _sync(folder)
    return moved | {key: Gone(key) for key in gone} | {refusal.key: refusal for refusal in _told(refused)}


def _arriving(entry: Entry, token: str) -> Entry:
    """Where a file is put: what lay in new/ without flags is as new in the other folder."""
    _, flags, others = names.parse(entry.name)
    if entry.sub == "new" and not flags and not others:
        return Entry("new", token, flags)
    return Entry("cur", names.in_cur(token, flags, others), flags)


def _visit(
    folder: OpenFolder, where: Whereabouts, keys: Iterable[Key], act: Callable[[Key, Entry], None]
) -> tuple[frozenset[Key], dict[Key, str]]:
    """As `Whereabouts.visit`; an error that is one file's own is its refusal."""
    failed: dict[Key, str] = {}

    def guarded(key: Key, entry: Entry) -> None:
        try:
            act(key, entry)
        except FileNotFoundError:
            raise
        except ChangedMeanwhile:
            failed[key] = f"{entry}: was changed while it was to be deleted"
        except FileExistsError:
            failed[key] = f"{entry}: another file has the name it would get"
        except PermissionError as error:
            failed[key] = f"{entry}: {error.strerror}"
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.ENAMETOOLONG):
                raise
            failed[key] = ELSEWHERE if error.errno == errno.EXDEV else f"{entry}: {error.strerror}"

    gone, refused = where.visit(folder, keys, guarded)
    return gone, failed | refused


def _told(refused: Mapping[Key, str]) -> list[Refused]:
    return [Refused(key, reason) for key, reason in refused.items()]


def _sync(folder: OpenFolder) -> None:
    os.fsync(folder.new)
    os.fsync(folder.cur)
