"""Copies of a mailbox between two shores of one kind: two servers, or two trees of Maildirs."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.bench.between import far
from tests.bench.copies import Copy, held_by
from tests.bench.harbour import write_folder
from tests.bench.programs import Login, Place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.copies import Route
    from tests.bench.harbour import Harbour, Held, Mailbox
    from tests.bench.programs import Program


class ServersCopy(Copy):
    """A mailbox on one server that a program brings to another, where nobody has anything."""

    sides = ("on the first server", "on the second")

    def __init__(self, harbour: Harbour, beside: Harbour, mailbox: str, program: Program, home: Path) -> None:
        super().__init__(harbour, mailbox, program, home)
        self.beside, self.user_beside = beside, beside.copy("empty")

    @property
    def harbours(self) -> tuple[Harbour, ...]:
        return (self.harbour, self.beside)

    def place(self, route: Route) -> Place:
        (host, port), beside = route
        return Place(self.home, host, port, self.user, Login(*beside, self.user_beside))

    def empty(self) -> None:
        """Forget the program's state, and begin at the second server as somebody else."""
        super().empty()
        self.beside.remove(self.user_beside)
        self.user_beside = self.beside.copy("empty")

    def here(self) -> Held:
        return self.beside.held(self.user_beside)


class MaildirsCopy(Copy):
    """A tree of Maildirs that a program brings to another; `template` is such a tree, written when it is first asked for."""

    sides = ("in the first tree", "in the second")

    def __init__(self, mailbox: Mailbox, template: Path, program: Program, home: Path) -> None:
        self.program, self.home, self._template = program, home, template
        self.synced = False
        if not template.exists():
            for name, messages in mailbox.items():
                write_folder(template / name, messages)
        self.expected = held_by({folder.name: folder for folder in template.iterdir()}).messages
        home.mkdir(parents=True)
        self._fill()

    def _fill(self) -> None:
        shutil.copytree(self._template, far(self.place(())), copy_function=os.link)

    @property
    def harbours(self) -> tuple[Harbour, ...]:
        return ()

    def place(self, route: Route) -> Place:
        return Place(self.home, "", 0, "")

    def empty(self) -> None:
        """Forget all that the program has done in either tree."""
        super().empty()
        self._fill()

    def there(self) -> Held:
        tree = far(self.place(()))
        return held_by({name: tree / name for name in self.expected})
