"""One program's own copy of a mailbox: a user of the server, a directory, and what both must hold."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, ClassVar

from tests.bench.harbour import Held
from tests.bench.measure import ProgramFailed, Usage, run
from tests.bench.programs import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.harbour import Harbour
    from tests.bench.programs import Program

    Route = Sequence[tuple[str, int]]
    """Host and port by which a program reaches each of a copy's servers."""


class Copy:
    """A mailbox on the server that only `program` synchronises, with a directory below `home`."""

    sides: ClassVar[tuple[str, str]] = ("on the server", "here")
    """How messages call the two."""

    def __init__(self, harbour: Harbour, mailbox: str, program: Program, home: Path) -> None:
        self.harbour, self.program, self.home = harbour, program, home
        self.user = harbour.copy(mailbox)
        self.expected = harbour.held(self.user).messages
        self.synced = False
        home.mkdir(parents=True)

    @property
    def harbours(self) -> tuple[Harbour, ...]:
        """The servers that it is on, in the order of a route."""
        return (self.harbour,)

    def place(self, route: Route) -> Place:
        """What the program's configuration says."""
        return Place(self.home, *route[0], self.user)

    def run(self, route: Route, program: Program | None = None) -> Usage:
        """Synchronise through a network, with this program or its `program` of other options."""
        place = self.place(route)
        program = program or self.program
        program.prepare(place)
        return run(program.command(place), home=self.home, env=program.environment(place))

    def folder(self, name: str = "INBOX") -> Path:
        """The local directory of a folder."""
        return self.home / "mail" / name

    def files(self, name: str = "INBOX") -> list[Path]:
        """The local messages of a folder, by name; none if it is not there."""
        return messages_in(self.folder(name))

    def empty(self) -> None:
        """Forget all that the program has here: mail and state."""
        shutil.rmtree(self.home)
        self.home.mkdir()
        self.synced = False

    def there(self) -> Held:
        """What the side holds that the mail came from."""
        return self.harbour.held(self.user)

    def here(self) -> Held:
        """What the side holds that it was brought to."""
        return held_by({name: self.folder(name) for name in self.expected})

    def check(self) -> None:
        """Raise ProgramFailed unless both sides hold as many messages as they should, as many of them read and flagged."""
        there, here, sides = self.there(), self.here(), self.sides
        if not there.messages == here.messages == self.expected:
            names = sorted({*there.messages, *here.messages, *self.expected})
            counts = [
                (name, *(each.get(name, "no folder") for each in (there.messages, here.messages, self.expected)))
                for name in names
            ]
            wrong = [
                f"{name}: {one} {sides[0]}, {other} {sides[1]}, should be {count}"
                for name, one, other, count in counts
                if not one == other == count
            ]
            raise ProgramFailed(f"{self.program.name}: {'; '.join(wrong[:5])}")
        if (here.unread, here.flagged) != (there.unread, there.flagged):
            words = [
                f"{each.unread} and {each.flagged} {side}" for side, each in zip(sides, (there, here), strict=True)
            ]
            raise ProgramFailed(f"{self.program.name}: unread and flagged are {', '.join(words)}")
        self.synced = True


def messages_in(folder: Path) -> list[Path]:
    """The messages of a Maildir, by name; none if it is not there."""
    parts = (folder / part for part in ("new", "cur"))
    return sorted(file for part in parts if part.is_dir() for file in part.iterdir())


def held_by(folders: dict[str, Path]) -> Held:
    """What Maildirs hold, by the names of their folders."""
    files = {name: messages_in(folder) for name, folder in folders.items()}
    flags = [_flags(file) for each in files.values() for file in each]
    counts = {name: len(each) for name, each in files.items()}
    return Held(counts, sum("S" not in letters for letters in flags), sum("F" in letters for letters in flags))


def _flags(file: Path) -> str:
    return file.name.rpartition(":2,")[2] if ":2," in file.name else ""
