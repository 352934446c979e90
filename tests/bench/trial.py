"""Runs a row: every program on its own copy, in turns, each result verified."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from tests.bench.copies import Copy
from tests.bench.harbour import Harbour, VastHarbour
from tests.bench.measure import ProgramFailed
from tests.bench.network import Network
from tests.bench.programs import MBSYNC, MBSYNC_HASTY, POSTBOAT, POSTBOAT_HASTY
from tests.bench.results import Result
from tests.bench.rows import MAILBOXES, VAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

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
        self._harbours: dict[bool, Harbour] = {}
        self._networks: dict[tuple[Harbour, float], Network] = {}
        self._open = ExitStack()

    def run(self, row: Row, programs: Iterable[Program]) -> dict[str, Result]:
        """Run one row; what fails is told, and noted in the result of the program that failed."""
        results = {program: Result() for program in programs}
        for program, result in results.items():
            self._guarded(row, program, result, partial(self._prepare, row, program))
        for number in range(row.rounds):
            self._round(row, results, number, counting=False)
        if row.rtt == 0:
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
            home = self._home / f"{row.mailbox}-{next(self._numbers)}"
            copy = Copy(self._harbour(row), row.mailbox, program, home)
            self._copies[row.mailbox, program] = copy
        if row.change is None:
            return
        if not copy.synced:
            self._tell(f"  ({program.name}: preparing)")
            copy.run(copy.harbour.host, copy.harbour.port, HASTY.get(program, program))
            copy.check()
        copy.run(*self._address(row, counting=False))

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
        usage = copy.run(*self._address(row, counting=counting))
        if row.rtt or counting:
            result.traffic = self._network(row).traffic()
        copy.check()
        if not counting:
            result.runs.append(usage)
            self._tell(f"  {program.name}: {_words(usage)}")

    def _address(self, row: Row, *, counting: bool) -> tuple[str, int]:
        """Where to connect: to the server itself when nothing is delayed or counted."""
        if row.rtt == 0 and not counting:
            harbour = self._harbour(row)
            return harbour.host, harbour.port
        network = self._network(row)
        network.traffic()
        return network.host, network.port

    def _harbour(self, row: Row) -> Harbour:
        vast = row.mailbox in VAST
        if vast not in self._harbours:
            self._harbours[vast] = self._open.enter_context(VastHarbour(VAST) if vast else Harbour(MAILBOXES))
        return self._harbours[vast]

    def _network(self, row: Row) -> Network:
        harbour = self._harbour(row)
        if (harbour, row.rtt) not in self._networks:
            network = Network(harbour.host, harbour.port, delay=row.rtt / 2)
            self._networks[harbour, row.rtt] = self._open.enter_context(network)
        return self._networks[harbour, row.rtt]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _words(usage: Usage) -> str:
    return f"{usage.seconds:.2f} s, {usage.cpu:.2f} s of processor, {usage.memory / 1e6:.0f} MB"
