"""Runs a row: every program on its own copy, in turns, each result verified."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Self

from tests.bench.copies import Copy
from tests.bench.crossings import MaildirsCopy, ServersCopy
from tests.bench.harbour import Harbour, VastHarbour
from tests.bench.measure import ProgramFailed
from tests.bench.network import Network
from tests.bench.programs import MBSYNC, MBSYNC_HASTY, POSTBOAT, POSTBOAT_HASTY
from tests.bench.results import Result
from tests.bench.rows import MAILBOXES, VAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.bench.copies import Route
    from tests.bench.measure import Usage
    from tests.bench.programs import Program
    from tests.bench.rows import Row

ENOUGH = 30.0
"""Seconds of runs after which a program is not run again in the same row."""
WORTH_COUNTING = 20.0
"""Seconds that a run may take to be repeated through the counting relay, where the timed ones go without it."""
SETTLED = 1.1
"""Seconds after a change of a directory when its time of change cannot hide another: mbsync waits until then."""
HASTY = {MBSYNC: MBSYNC_HASTY, POSTBOAT: POSTBOAT_HASTY}
"""How to prepare a copy without waiting for the disk at every message."""


class Trial:
    """Servers, copies and networks of one run of the benchmark; rows that use the same mailbox share their copies."""

    def __init__(self, home: Path, tell: Callable[[str], None]) -> None:
        self._home, self._tell = home, tell
        self._numbers = itertools.count(1)
        self._copies: dict[tuple[str, Program], Copy] = {}
        self._harbours: dict[str, Harbour] = {}
        self._relays: dict[tuple[Harbour, float], Network] = {}
        self._open = ExitStack()

    def run(self, row: Row, programs: Iterable[Program]) -> dict[str, Result]:
        """Run one row; what fails is told, and noted in the result of the program that failed."""
        results = {program: Result() for program in programs}
        for program, result in results.items():
            self._guarded(row, program, result, partial(self._prepare, row, program))
        for number in range(row.rounds):
            self._round(row, results, number, counting=False)
        if row.rtt == 0 and row.shores != "maildirs":
            self._round(row, results, row.rounds, counting=True)
        return {program.name: result for program, result in results.items()}

    def _guarded(self, row: Row, program: Program, result: Result, work: Callable[[], None]) -> None:
        """Do something with a copy; if it fails, the next row begins with another."""
        try:
            work()
        except ProgramFailed as error:
            result.failure = str(error)
            self._copies.pop((row.mailbox, program), None)
            self._tell(f"FAILED: {error}")

    def _prepare(self, row: Row, program: Program) -> None:
        """Bring a copy to where the row begins, its program warm on the row's network."""
        copy = self._copies.get((row.mailbox, program))
        if copy is None:
            copy = self._copies[row.mailbox, program] = self._new_copy(row, program)
        if row.change is None:
            return
        if not copy.synced:
            self._tell(f"  ({program.name}: preparing)")
            copy.run([harbour.address for harbour in copy.harbours], HASTY.get(program, program))
            copy.check()
        copy.run(self._route(copy, row, counting=False))

    def _new_copy(self, row: Row, program: Program) -> Copy:
        home = self._home / f"{row.mailbox}-{next(self._numbers)}"
        if row.shores == "maildirs":
            return MaildirsCopy(MAILBOXES[row.mailbox](), self._home / f"of-{row.mailbox}", program, home)
        if row.shores == "servers":
            return ServersCopy(self._harbour(row), self._harbour_beside(), row.mailbox, program, home)
        return Copy(self._harbour(row), row.mailbox, program, home)

    def _round(self, row: Row, results: dict[Program, Result], number: int, *, counting: bool) -> None:
        """Run every program once: change all the copies, let the clocks move on, and go."""
        willing = {program: result for program, result in results.items() if self._goes_on(result, counting)}
        for program in willing:
            copy = self._copies[row.mailbox, program]
            copy.empty() if row.change is None else row.change(copy, number)
        time.sleep(SETTLED)
        for program, result in willing.items():
            self._guarded(row, program, result, partial(self._once, row, program, result, counting=counting))

    @staticmethod
    def _goes_on(result: Result, counting: bool) -> bool:
        if result.failure:
            return False
        return not result.runs or (
            result.seconds <= WORTH_COUNTING if counting else sum(run.seconds for run in result.runs) < ENOUGH
        )

    def _once(self, row: Row, program: Program, result: Result, *, counting: bool) -> None:
        copy = self._copies[row.mailbox, program]
        usage = copy.run(self._route(copy, row, counting=counting))
        if row.rtt or counting:
            result.traffic = reduce(add, (network.traffic() for network in self._networks(copy, row)))
        copy.check()
        if not counting:
            result.runs.append(usage)
            self._tell(f"  {program.name}: {_words(usage)}")

    def _route(self, copy: Copy, row: Row, *, counting: bool) -> Route:
        """Where to connect: to the servers themselves when nothing is delayed or counted."""
        if row.rtt == 0 and not counting:
            return [harbour.address for harbour in copy.harbours]
        networks = self._networks(copy, row)
        for network in networks:
            network.traffic()
        return [network.address for network in networks]

    def _harbour(self, row: Row) -> Harbour:
        if row.mailbox in VAST:
            return self._opened("vast", lambda: VastHarbour(VAST))
        return self._opened("all", lambda: Harbour(MAILBOXES))

    def _harbour_beside(self) -> Harbour:
        """The server to which mail is brought."""
        return self._opened("beside", lambda: Harbour(MAILBOXES))

    def _opened(self, name: str, start: Callable[[], Harbour]) -> Harbour:
        if name not in self._harbours:
            self._harbours[name] = self._open.enter_context(start())
        return self._harbours[name]

    def _networks(self, copy: Copy, row: Row) -> list[Network]:
        """What lies before each server of a copy."""
        return [self._network(harbour, row.rtt) for harbour in copy.harbours]

    def _network(self, harbour: Harbour, rtt: float) -> Network:
        if (harbour, rtt) not in self._relays:
            self._relays[harbour, rtt] = self._open.enter_context(Network(*harbour.address, delay=rtt / 2))
        return self._relays[harbour, rtt]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _words(usage: Usage) -> str:
    return f"{usage.seconds:.2f} s, {usage.cpu:.2f} s of processor, {usage.memory / 1e6:.0f} MB"
