"""The rules by which worlds go round: any operation may follow any other, and shrinks to the few that matter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.worlds.world import World

from postboat.model import Verdict

if TYPE_CHECKING:
    from collections import Counter

    from tests.servers.cyrus import CyrusServer
    from tests.servers.dovecot import DovecotServer

FOLDERS = ("INBOX", "A", "B")
NEW_NAMES = ("C", "D")

sides = st.sampled_from(("local", "remote"))
folders = st.sampled_from((*FOLDERS, *NEW_NAMES))
new_names = st.sampled_from((*FOLDERS[1:], *NEW_NAMES))
picks = st.integers(0, 9)
letters = st.sampled_from(("", "", "S", "F", "RS"))
ways = st.sampled_from(("rename", "copy", "copy and delete"))
verdicts = st.sampled_from((Verdict.CONFIRMED, Verdict.RESTORE))


class Worlds(RuleBasedStateMachine):
    """One world after the other on one server."""

    server: ClassVar[DovecotServer | CyrusServer]
    only_marks: ClassVar[bool] = False
    facts: ClassVar[Counter[str]]
    """How many worlds there were, and what happened in them."""

    def __init__(self) -> None:
        super().__init__()
        self._home = tempfile.TemporaryDirectory(prefix="world-")
        account = self.server.account()
        mail = self.server.maildir_path(account.user) if hasattr(self.server, "maildir_path") else None
        self.world = World(Path(self._home.name), account, mail, self.facts)
        self.world.only_marks = self.only_marks
        self.facts["worlds"] += 1

    @initialize(counts=st.tuples(*[st.integers(0, 8)] * len(FOLDERS)))
    def begin(self, counts: tuple[int, ...]) -> None:
        """Some mail is there and in step."""
        for folder, count in zip(FOLDERS, counts, strict=True):
            self.world.make_folder("remote", folder)
            for _ in range(count):
                self.world.arrive("remote", folder, "")
        self.world.sync()

    @rule(side=sides, folder=folders, count=st.integers(1, 4), letters=letters)
    def arrive(self, side: str, folder: str, count: int, letters: str) -> None:
        self._count()
        for _ in range(count):
            self.world.arrive(side, folder, letters)

    @rule(side=sides, folder=folders, pick=picks, letter=st.sampled_from("SFRT"))
    def flag(self, side: str, folder: str, pick: int, letter: str) -> None:
        self._count()
        self.world.flag(side, folder, pick, letter)

    @rule(side=sides, folder=folders, pick=picks)
    def remove(self, side: str, folder: str, pick: int) -> None:
        self._count()
        self.world.remove(side, folder, pick)

    @rule(side=sides, source=folders, goal=folders, pick=picks, how=ways)
    def transfer(self, side: str, source: str, goal: str, pick: int, how: str) -> None:
        self._count()
        if source != goal:
            self.world.transfer(side, source, goal, pick, how)

    @rule(side=sides, folder=folders)
    def empty(self, side: str, folder: str) -> None:
        self._count()
        self.world.empty(side, folder)

    @rule(side=sides, folder=new_names)
    def make_folder(self, side: str, folder: str) -> None:
        self._count()
        self.world.make_folder(side, folder)

    @rule(side=sides, folder=folders, name=new_names)
    def rename_folder(self, side: str, folder: str, name: str) -> None:
        self._count()
        self.world.rename_folder(side, folder, name)

    @rule(side=sides, folder=folders)
    def remove_folder(self, side: str, folder: str) -> None:
        self._count()
        self.world.remove_folder(side, folder)

    @rule(folder=folders)
    def rebuild(self, folder: str) -> None:
        self._count()
        self.world.rebuild(folder)

    @precondition(lambda self: hasattr(self.server, "maildir_path"))
    @rule(folder=folders)
    def lose_indexes(self, folder: str) -> None:
        self._count()
        self.world.lose_indexes(folder)

    @precondition(lambda self: hasattr(self.server, "maildir_path"))
    @rule(folder=folders)
    def lose_store(self, folder: str) -> None:
        self._count()
        self.world.lose_store(folder)

    @rule()
    def lose_ledger(self) -> None:
        self._count()
        self.world.lose_ledger()

    @rule(at=st.integers(0, 50_000))
    def damage_ledger(self, at: int) -> None:
        self._count()
        self.world.damage_ledger(at)

    @rule()
    def copy_ledger(self) -> None:
        self._count()
        self.world.copy_ledger()

    @rule()
    def old_ledger(self) -> None:
        self._count()
        self.world.old_ledger()

    @rule(folder=folders)
    def copy_folder(self, folder: str) -> None:
        self._count()
        self.world.copy_folder(folder)

    @rule(folder=folders)
    def old_folder(self, folder: str) -> None:
        self._count()
        self.world.old_folder(folder)

    @rule()
    def unmounted(self) -> None:
        self._count()
        self.world.unmounted()

    @rule()
    def sync(self) -> None:
        self._count()
        self.world.sync()

    @rule(moment=st.integers(1, 70))
    def crash(self, moment: int) -> None:
        self._count()
        self.world.crash(moment)

    @rule(way=st.sampled_from(("up", "down")), octets=st.integers(1, 4000))
    def cut(self, way: str, octets: int) -> None:
        self._count()
        self.world.cut(way, octets)

    @rule(verdict=verdicts)
    def decide(self, verdict: Verdict) -> None:
        self._count()
        self.world.decide(verdict)

    def teardown(self) -> None:
        """The end of a world: whatever it went through, both sides come to agree."""
        try:
            self.world.settle(Verdict.CONFIRMED)
        finally:
            self.world.hang_up()
            self._home.cleanup()

    def _count(self) -> None:
        self.facts["operations"] += 1
