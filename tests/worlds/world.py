"""A small mailbox on a real server, a Maildir, and two people who do as they like with them between runs that fail.

The world keeps count of every message that anybody made or removed. Whatever happens, what nobody removed must be
somewhere, and nothing may be there more often than somebody put it there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from collections import Counter
from typing import TYPE_CHECKING

from tests.crash.dying import Death
from tests.servers.proxy import Proxy
from tests.worlds.accidents import Accidents
from tests.worlds.people import People
from tests.worlds.sides import numbers_in

from postboat.events import (
    AccountFailed,
    FolderFailed,
    FolderMatchedAnew,
    MessageFailed,
    MessagesAside,
    PlanHeld,
    Warned,
)
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.model import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.voyage import Sailed
    from tests.worlds.sides import Census

MUTATING = re.compile(r"\b(STORE|APPEND|EXPUNGE|COPY|MOVE|CREATE|DELETE|RENAME|SUBSCRIBE)\b")
ROUNDS = 8


class World(People, Accidents):
    """One account, its people, its accidents, its runs and its end."""

    def sync(self) -> Sailed:
        """A run that nothing disturbs."""
        with self._watched():
            sailed = asyncio.run(self.voyage.sync())
        self.facts["runs"] += 1
        self.facts["changes made"] += sailed.done.changes
        self.facts["plans held"] += len(sailed.of(PlanHeld))
        self.facts["folders matched anew"] += len(sailed.of(FolderMatchedAnew))
        self._remembers |= sailed.code == 0 and bool(self._all_local("INBOX"))
        return sailed

    def crash(self, moment: int) -> None:
        """A run that is killed just before its `moment`th effect, unless it ends before."""
        with self._watched():
            child = os.fork()
            if child == 0:
                try:
                    death = Death(signal.SIGKILL, moment)
                    death.lurks_everywhere()
                    asyncio.run(self.voyage.sync())
                finally:
                    os._exit(0)
            _, status = os.waitpid(child, 0)
        self.facts["runs killed"] += os.WIFSIGNALED(status)

    def cut(self, way: str, octets: int) -> None:
        """A run over a line that breaks after so many octets, again and again."""
        with self._watched():
            asyncio.run(self._sync_over_a_bad_line(way, octets))

    async def _sync_over_a_bad_line(self, way: str, octets: int) -> None:
        account = self.voyage.account
        async with Proxy(account.host, account.port, **{f"cut_after_{way}": octets}) as proxy:
            self.voyage.vary(remoteport=proxy.port)
            try:
                sailed = await self.voyage.sync()
                self.facts["runs cut"] += sailed.code in (3, 4)
            finally:
                self.voyage.vary(remoteport=account.port)

    def decide(self, verdict: Verdict) -> None:
        """The user answers what is held; after an accident nobody confirms."""
        if ledger_file(self.voyage.state, self.voyage.name).exists():
            asyncio.run(self._decide(Verdict.RESTORE if self.accident else verdict))
            self._remembers = False  # whoever asks for all of it back has a missing root made anew

    async def _decide(self, verdict: Verdict) -> None:
        path = ledger_file(self.voyage.state, self.voyage.name)
        async with await AccountLedger.open(path, account=self.voyage.name) as ledger:
            self.facts[f"plans {verdict.value}"] += len(await ledger.decide(verdict, None))

    def _watched(self) -> _Watch:
        return _Watch(self)

    def settle(self, verdict: Verdict) -> None:
        """Sync until both sides agree, answering what is held; then nothing more happens, ever."""
        for _ in range(ROUNDS):
            sailed = self.sync()
            if sailed.code == 0:
                break
            told = [*sailed.of(AccountFailed), *sailed.of(FolderFailed), *sailed.of(MessageFailed)]
            told += sailed.of(MessagesAside)
            assert sailed.code == 6 and not told, (sailed.code, told, sailed.of(Warned))
            assert sailed.of(PlanHeld)
            self.decide(verdict)
        else:
            raise AssertionError("does not come to an end", sailed.events)
        if not self.assert_agreed():
            self.assert_at_rest()

    def assert_nothing_lost(self) -> None:
        """What nobody removed is on one of the sides or in the quarantine."""
        there = self.everywhere()
        lost = {n for n, count in self.made.items() if count > self.removed[n] and not there[n]}
        assert not lost, f"lost: {sorted(lost)}"

    def assert_agreed(self) -> bool:
        r"""Both sides are equal, with nothing lost and nothing doubled.

        Returns whether messages are left on the server that could only be marked \Deleted: without UIDPLUS they cannot
        be removed as long as somebody else's marks are there.
        """
        local, remote = self.census("local"), self.census("remote")
        marked = (
            {name: _marked(remote[name] - local.get(name, Counter())) for name in remote} if self.only_marks else {}
        )
        for name, left in marked.items():
            remote[name] = remote[name] - left
        assert local == remote, _difference(local, remote)
        there = numbers_in(local)
        # A mailbox of one or two messages that the server loses looks like one that was emptied.
        kept = self.in_quarantine() if self.accident else Counter()
        lost = {n for n, count in self.made.items() if count > self.removed[n] and not (there[n] or kept[n])}
        assert not lost, f"lost: {sorted(lost)}"
        doubled = {n for n, count in there.items() if count > self.made[n]}
        assert not doubled, f"doubled: {sorted(doubled)}"
        return any(marked.values())

    def assert_at_rest(self) -> None:
        """The next run changes nothing on either side, and does not try to."""
        before = _tree(self.voyage.mail)
        log = logging.getLogger("postboat.imap")
        lines = _Lines()
        log.addHandler(lines)
        level, log.propagate = log.level, False
        log.setLevel(logging.DEBUG)
        try:
            sailed = self.sync()
        finally:
            log.setLevel(level)
            log.propagate = True
            log.removeHandler(lines)
        assert (sailed.code, sailed.done.changes) == (0, 0), sailed.events
        assert not [line for line in lines.sent if MUTATING.search(line)]
        assert _tree(self.voyage.mail) == before


class _Watch:
    """Compares the world before and after a run: what nobody removed is still somewhere."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> None:
        self._local = numbers_in(self._world.census("local"))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            return
        world = self._world
        local, kept = numbers_in(world.census("local")), world.in_quarantine()
        unaccounted = {n for n, count in self._local.items() if count and not local[n] and not kept[n]}
        assert not unaccounted, f"left the Maildir for nowhere: {sorted(unaccounted)}"
        world.assert_nothing_lost()


class _Lines(logging.Handler):
    """What was sent to the server."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        _called, way, line = record.args  # type: ignore[misc]
        if way == "C":
            self.sent.append(str(line))


def _marked(messages: Counter[tuple[int, str]]) -> Counter[tuple[int, str]]:
    return Counter({(number, flags): count for (number, flags), count in messages.items() if "T" in flags})


def _tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def _difference(one: Census, other: Census) -> dict[str, tuple[list, list]]:
    names = sorted({*one, *other})
    nothing: Counter[tuple[int, str]] = Counter()
    return {
        name: (sorted((a - b).elements()), sorted((b - a).elements()))
        for name in names
        if (a := one.get(name, nothing)) != (b := other.get(name, nothing)) or (name in one) != (name in other)
    }
