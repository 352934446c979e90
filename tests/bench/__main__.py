"""Postboat beside mbsync, OfflineIMAP and interimap: the same jobs on the same mail, the same server and the same network.

    make bench                               # every row; rewrites the tables of README.md and tests/bench/RESULTS.md
    make bench ROWS="push-far flags-far"     # these rows only; writes no file
    make bench ROWS=servers                  # those between two servers; `maildirs`: those between two Maildirs
    make bench BENCH=quick                   # without OfflineIMAP and the longest rows; writes no file
    make bench BENCH=list                    # names the rows
    make bench CONNECTIONS=3                 # what Postboat and OfflineIMAP may use; 8 unless said (mbsync has one)
    make bench SOURCE=/tmp/other/src         # Postboat as it is in another directory; writes no file

Nothing is installed: Dovecot and the peers are Debian packages unpacked in `.servers`. Each program has its own copy of
each mailbox, in Dovecot as in its directory. In a row the programs run in turns; the time is the median of several runs,
from the start of the process to its end, after sync(2). After each run both sides are counted: a program that left
something undone fails its row. At RTT 0 the programs talk to the server itself, and one more run through the counting
relay is not timed; at other RTTs every run goes through the relay, which is a process of its own. Dovecot keeps
Maildirs, never waits for the disk itself, and offers COMPRESS=DEFLATE, of which mbsync makes use wherever it can.
Between two servers, each is a Dovecot of its own behind a relay of its own, and interimap is told not to compress.

The exit status is 1 if a program failed; goals that were missed are told, and are no failure of the benchmark.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import faces, latency, table
from tests.bench.programs import CONNECTIONS, OFFLINEIMAP, OTHER_SOURCE, PEERS
from tests.bench.rows import ROWS
from tests.bench.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.faces import Cost
    from tests.bench.latency import Latency
    from tests.bench.results import Results
    from tests.bench.rows import Row

REPOSITORY = Path(__file__).resolve().parents[2]
README, DETAILS = REPOSITORY / "README.md", Path(__file__).with_name("RESULTS.md")
LATENCY = "latency"
"""The row of runs that go on, which are measured in another way."""
FACES = "faces"
"""The row of what it costs to look, which is measured in yet another."""
BEGIN, END = "<!-- bench: written by `make bench` -->", "<!-- bench: end -->"


def main() -> int:
    """Run the rows that were asked for and return an exit status."""
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # removes what there is of gigabytes
    if arguments.list:
        print(*(f"{row.name:22}{row.title}" for row in ROWS), sep="\n")
        print(f"{LATENCY:22}{latency.TITLE}")
        print(f"{FACES:22}{faces.TITLE}")
        return 0
    subprocess.run((sys.executable, "-m", "tests.servers.install", "peers"), check=True, cwd=REPOSITORY)
    results = bench(arguments.rows, quick=arguments.quick)
    latencies = latency.measure(tell) if arguments.latency else []
    costs = faces.measure(tell) if arguments.faces else []
    print(f"\n{table.seconds(ROWS, results)}\n\n{report(results, latencies, costs)}")
    if len(results) == len(ROWS) and latencies and costs and not OTHER_SOURCE:
        publish(results, latencies, costs)
    return 1 if any(result.failure for row in results.values() for result in row.values()) else 0


def parse() -> argparse.Namespace:
    """Understand the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="without OfflineIMAP and the longest rows")
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to run; all unless named")
    arguments = parser.parse_args()
    known = {row.name: row for row in ROWS}
    kinds = {row.shores for row in ROWS}
    everything = not (arguments.rows or arguments.quick)
    arguments.latency, arguments.faces = (everything or name in arguments.rows for name in (LATENCY, FACES))
    names = (*known, *sorted(kinds), LATENCY, FACES)
    if unknown := [name for name in arguments.rows if name not in names]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(names)}")
    arguments.rows = [row for row in ROWS if not arguments.rows or {row.name, row.shores} & {*arguments.rows}]
    return arguments


def bench(rows: Sequence[Row], *, quick: bool) -> Results:
    """Run rows, telling how each went as soon as it is over."""
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="pb-bench-", dir="/tmp") as home, Trial(Path(home), tell) as trial:
        for row in rows:
            if quick and row.long:
                continue
            tell(f"{row.name}: {row.title}")
            programs = [program for program in row.programs if not (quick and program.name == OFFLINEIMAP.name)]
            results[row.name] = trial.run(row, programs)
            for verdict in table.verdicts(row, results):
                tell(f"  -> {table.words(verdict)}")
    return results


def tell(words: str) -> None:
    """Say how it goes."""
    print(words, flush=True)


def report(results: Results, latencies: Sequence[Latency], costs: Sequence[Cost] = ()) -> str:
    """The tables of the README."""
    done = [row for row in ROWS if row.name in results]
    mixed, alike = ([row for row in done if (row.shores == "mixed") is same] for same in (True, False))
    tables = [conditions()] if done else []
    tables += [table.ratios(mixed, results)] if mixed else []
    tables += [BETWEEN, table.ratios(alike, results)] if alike else []
    tables += [COSTS, table.costs(ROWS, results)] if results else []
    tables += [latency.WORDS, latency.table(latencies)] if latencies else []
    tables += [faces.WORDS, faces.table(costs)] if costs else []
    return "\n\n".join(tables)


COSTS = """\
Round trips are those of the connection that took the most, and in brackets of all connections together. Processor time
is that of the program alone, and Postboat's is 1. What a program has at the least is 9 MB, the memory of what starts it."""


BETWEEN = """\
Between two servers, each with a round trip of its own, and between two trees of Maildirs:"""


def conditions() -> str:
    """Say what the figures were taken with."""
    mbsync = said(str(PEERS / "usr/bin/mbsync"), "--version").removeprefix("isync ")
    return (
        f"Times as multiples of Postboat's, in one run on a machine with {os.cpu_count()} processors (Linux, Python "
        f"{platform.python_version()}): Dovecot 2.3 on the loopback interface, mbsync {mbsync}, OfflineIMAP 8.0.0, "
        "interimap 0.5.7; "
        f"Postboat and OfflineIMAP with `maxconnections = {CONNECTIONS}`, no deletions held (no other program "
        "holds any), everything else as it is by default."
    )


def said(*command: str) -> str:
    """Return what a program prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def publish(results: Results, latencies: Sequence[Latency], costs: Sequence[Cost] = ()) -> None:
    """Rewrite the tables of the README and of RESULTS.md."""
    before, after = re.split(rf"{re.escape(BEGIN)}.*{re.escape(END)}", README.read_text(), maxsplit=1, flags=re.DOTALL)
    README.write_text(f"{before}{BEGIN}\n\n{report(results, latencies, costs)}\n\n{END}{after}")
    DETAILS.write_text(f"# What `make bench` measured\n\n{conditions()}\n\n{table.seconds(ROWS, results)}\n")


if __name__ == "__main__":
    sys.exit(main())
