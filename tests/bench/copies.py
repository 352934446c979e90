"""One program's own copy of a mailbox: a user of the server, a directory, and what both must hold."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.bench.measure import ProgramFailed, Usage, run
from tests.bench.programs import Place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.harbour import Harbour
    from tests.bench.programs import Program


class Copy:
    """A mailbox on the server that only `program` synchronises, with a directory below `home`."""

    def __init__(self, harbour: Harbour, mailbox: str, program: Program, home: Path) -> None:
        self.harbour, self.program, self.home = harbour, program, home
        self.user = harbour.copy(mailbox)
        self.expected = harbour.messages(self.user)
        self.synced = False
        home.mkdir(parents=True)

    def run(self, host: str, port: int, program: Program | None = None) -> Usage:
        """Synchronise through a network, with this program or its `program` of other options."""
        place = Place(self.home, host, port, self.user)
        program = program or self.program
        program.prepare(place)
        return run(program.command(place), home=self.home, env=program.environment(place))

    def folder(self, name: str = "INBOX") -> Path:
        """The local directory of a folder."""
        return self.home / "mail" / name

    def files(self, name: str = "INBOX") -> list[Path]:
        """The local messages of a folder, by name; none if it is not there."""
        parts = (self.folder(name) / part for part in ("new", "cur"))
        return sorted(file for part in parts if part.is_dir() for file in part.iterdir())

    def empty(self) -> None:
        """Forget all that the program has here: mail and state."""
        shutil.rmtree(self.home)
        self.home.mkdir()
        self.synced = False

    def check(self) -> None:
        """Raise ProgramFailed unless both sides hold as many messages as they should, as many of them read and flagged."""
        server = self.harbour.messages(self.user)
        local = {name: len(self.files(name)) for name in self.expected}
        if not server == local == self.expected:
            wrong = [
                f"{name}: {server.get(name)} on the server, {local[name]} here, should be {count}"
                for name, count in self.expected.items()
                if not server.get(name) == local[name] == count
            ]
            raise ProgramFailed(f"{self.program.name}: {'; '.join(wrong[:5])}")
        flags = [_flags(file) for name in self.expected for file in self.files(name)]
        here = sum("S" not in letters for letters in flags), sum("F" in letters for letters in flags)
        there = self.harbour.unseen(self.user), self.harbour.flagged(self.user)
        if here != there:
            raise ProgramFailed(f"{self.program.name}: unread and flagged are {here} here, {there} on the server")
        self.synced = True


def _flags(file: Path) -> str:
    return file.name.rpartition(":2,")[2] if ":2," in file.name else ""
