"""What a power cut may leave of the files below a directory: a model of a journaling file system.

It is fed with a picture of the files before a run, which all were durable, and the record of what the run did to them
(`tracing`). A change is durable when a sync that covers it began after the change had ended, and came to its end: of octets
fsync(2) or fdatasync(2) of the file, of names fsync(2) of the directory (of either one when a rename concerns two, since it is
atomic), of both syncfs(2). Of what is not durable, an image holds what chance leaves:

- names: changes are kept up to some point of time, later ones are undone. Either there is one such point ("journal": the
  file system writes its journal in order, as ext4 and XFS do), or each directory has its own ("directories": as where
  every directory is logged by itself, as on btrfs), as far as renames allow.
- octets: each file that was written to and not synced has all of it, nothing, zeros, a part to a torn sector, or any
  of its pages; its length is the old or the new one, or one between.

fsync(2) of a new file says nothing about its name here, though on most file systems it does.
"""

from __future__ import annotations

import json
import os
import stat
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.tracing import Made

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

PAGE, SECTOR = 4096, 512
DIRECTORY = -1
NAMES = ("open", "mkdir", "rmdir", "rename", "link", "unlink")


@dataclass
class Picture:
    """Files and directories as they are at one moment."""

    names: dict[str, int] = field(default_factory=dict)
    """Absolute paths of files with their inode numbers, and of directories with `DIRECTORY`."""
    octets: dict[int, bytes] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    """mtimes of directories in ns."""


def photograph(root: Path) -> Picture:
    """Take a picture of all that is below `root`."""
    picture = Picture()
    for path in (root, *root.rglob("*")):
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode):
            picture.names[str(path)] = DIRECTORY
            picture.times[str(path)] = info.st_mtime_ns
        else:
            picture.names[str(path)] = info.st_ino
            picture.octets[info.st_ino] = path.read_bytes()
    return picture


def read_record(record: Path) -> list[Made]:
    """What a run did, in the order in which it ended."""
    return [Made(**json.loads(line)) for line in record.read_text().splitlines()]


class Disk:
    """A file system with its caches, at the moment when the power fails."""

    def __init__(self, before: Picture, done: Sequence[Made]) -> None:
        self._before = before
        self._renamed = [made for made in done if made.kind in NAMES and _changes_names(made)]
        self._written: dict[int, list[Made]] = defaultdict(list)
        for made in done:
            if made.kind in ("write", "truncate") and not made.paths[0].startswith("socket:"):
                self._written[made.files[0]].append(made)
            assert made.call not in ("copy_file_range", "sendfile", "fallocate"), "the model does not know this call"
        self._syncs = [made for made in done if made.kind == "fsync"]
        self._whole = [made for made in done if made.kind == "syncfs"]

    # ---- names ------------------------------------------------------------------------------------------------

    def names(self, chance: random.Random, *, journal: bool) -> Picture:
        """The tree that may be left; its octets are not filled in."""
        picture = Picture(dict(self._before.names), {}, dict(self._before.times))
        for made in self._left(chance, journal=journal):
            _repeat(made, picture)
        for path in sorted(picture.names):
            if str(Path(path).parent) not in picture.names and path != min(picture.names):
                del picture.names[path]  # its directory was never made
        return picture

    def _left(self, chance: random.Random, *, journal: bool) -> list[Made]:
        """Which changes of names are left, in their order."""
        needed = self._needed(journal=journal)
        first_free = max((place for place, made in enumerate(self._renamed) if id(made) in needed), default=-1) + 1
        if journal:
            return self._renamed[: chance.randint(first_free, len(self._renamed))]
        stopped: set[str] = set()
        left, daring = [], chance.choice((0.05, 0.3, 1.0))
        for made in self._renamed:
            places = _directories(made)
            if id(made) in needed or not (stopped & places or chance.random() < daring):
                left.append(made)
            else:
                stopped |= places
        return left

    def _needed(self, *, journal: bool) -> set[int]:
        """Changes that are durable, and those that came before them in the same journal."""
        needed: set[int] = set()
        places: set[str] = set()
        for made in reversed(self._renamed):
            if self._is_durable(made) or places & _directories(made) or (journal and needed):
                needed.add(id(made))
                places |= _directories(made)
        return needed

    def _is_durable(self, made: Made) -> bool:
        """Whether a change of names was synced."""
        if any(sync.began > made.ended for sync in self._whole):
            return True
        return any(sync.began > made.ended and sync.paths[0] in _directories(made) for sync in self._syncs)

    # ---- octets -----------------------------------------------------------------------------------------------

    def octets(self, number: int, chance: random.Random) -> bytes:
        """What may be left in a file."""
        written = self._written.get(number, [])
        synced = max(
            (s.began for s in (*self._whole, *(s for s in self._syncs if s.files[0] == number))),
            default=0,
        )
        octets = bytearray(self._before.octets.get(number, b""))
        for made in written:
            if made.ended < synced:
                _write(octets, made)
        pending = [made for made in written if made.ended >= synced]
        return bytes(_partly(octets, pending, chance) if pending else octets)


def _changes_names(made: Made) -> bool:
    return made.kind != "open" or not made.files[0]


def _directories(made: Made) -> set[str]:
    return {str(Path(path).parent) for path in (made.paths[-1:] if made.kind == "link" else made.paths)}


def _repeat(made: Made, picture: Picture) -> None:
    names = picture.names
    match made.kind:
        case "open" | "link":
            names[made.paths[-1]] = made.new
        case "mkdir":
            names[made.paths[0]] = DIRECTORY
        case "rename":
            old, new = made.paths
            for path in [path for path in names if path.startswith(f"{old}/")]:
                names[new + path[len(old) :]] = names.pop(path)
            names[new] = names.pop(old)
        case "unlink" | "rmdir":
            names.pop(made.paths[0], None)
    for path, time in zip(made.paths, made.times, strict=True):
        picture.times[str(Path(path).parent)] = time


def _write(octets: bytearray, made: Made) -> None:
    if made.kind == "truncate":
        del octets[made.size :]
        octets.extend(bytes(made.size - len(octets)))
    else:
        data = made.octets
        octets.extend(bytes(max(0, made.offset - len(octets))))
        octets[made.offset : made.offset + len(data)] = data


def _partly(octets: bytearray, pending: Iterable[Made], chance: random.Random) -> bytearray:
    """Do some of what was written and not synced."""
    pieces = [piece for made in pending for piece in _pieces(made)]
    whole = bytearray(octets)
    for piece in pieces:
        _write_piece(whole, piece)
    match chance.choice(("all", "nothing", "zeros", "torn", "torn", "pages", "pages")):
        case "all":
            return whole
        case "nothing":
            return octets
        case "zeros":
            return octets + bytes(max(0, len(whole) - len(octets)))
        case "torn":
            kept = pieces[: chance.randrange(len(pieces) + 1)]
            for piece in kept:
                _write_piece(octets, piece)
            if len(kept) < len(pieces) and pieces[len(kept)][1] is not None:
                offset, data = pieces[len(kept)]
                assert data is not None
                _write_piece(octets, (offset, data[: SECTOR * chance.randrange(PAGE // SECTOR)]))
            return octets
    for piece in pieces:
        if chance.random() < 0.5:
            _write_piece(octets, piece)
    return octets + bytes(chance.choice((0, max(0, len(whole) - len(octets)))))


_Piece = tuple[int, bytes | None]
"""Octets within a page and where they go; None: the file is cut there."""


def _pieces(made: Made) -> Iterable[_Piece]:
    if made.kind == "truncate":
        yield made.size, None
        return
    data, at = made.octets, made.offset
    while data:
        room = PAGE - at % PAGE
        yield at, data[:room]
        data, at = data[room:], at + room


def _write_piece(octets: bytearray, piece: _Piece) -> None:
    offset, data = piece
    if data is None:
        del octets[offset:]
    octets.extend(bytes(max(0, offset - len(octets))))
    if data is not None:
        octets[offset : offset + len(data)] = data


# ---- bringing it about ------------------------------------------------------------------------------------------


def lay_up(root: Path, attic: Path) -> None:
    """Keep every file below `root` in the attic, so that it is the same file (inode, birth) whenever it comes back."""
    for path in root.rglob("*"):
        info = path.lstat()
        if stat.S_ISREG(info.st_mode) and not (attic / str(info.st_ino)).exists():
            os.link(path, attic / str(info.st_ino))


def bring_about(picture: Picture, root: Path, attic: Path) -> None:
    """Make what is below `root` look like a picture, of the files in the attic."""
    lay_up(root, attic)
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_dir():
            path.unlink()
        elif picture.names.get(str(path)) != DIRECTORY:
            path.rmdir()
    for path, number in sorted(picture.names.items()):
        if number == DIRECTORY:
            Path(path).mkdir(mode=0o700, exist_ok=True)
            continue
        kept = attic / str(number)
        info = kept.stat()
        if kept.read_bytes() != picture.octets[number]:
            kept.write_bytes(picture.octets[number])
            os.utime(kept, ns=(info.st_atime_ns, info.st_mtime_ns))
        os.link(kept, path)
    for path, time in picture.times.items():
        if path in picture.names:
            os.utime(path, ns=(time, time))
