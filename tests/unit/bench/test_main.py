"""The README shows the tables of the last whole run, in the place that is theirs."""

from __future__ import annotations

from tests.bench import __main__ as bench
from tests.bench.faces import Cost, share
from tests.bench.latency import Latency
from tests.bench.measure import Usage
from tests.bench.results import Result
from tests.bench.rows import ROWS


def test_a_run_replaces_the_tables_of_the_one_before_and_nothing_else(tmp_path, monkeypatch):
    whole = bench.README.read_text()
    monkeypatch.setattr(bench, "README", tmp_path / "README.md")
    monkeypatch.setattr(bench, "DETAILS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(bench, "conditions", lambda: "Somewhere.")
    bench.README.write_text(whole)
    for seconds in (1.0, 3.0):
        row = {"postboat": Result([Usage(1.0, 1.0, 1)]), "mbsync": Result([Usage(seconds, 1, 1)])}
        bench.publish(
            {ROWS[0].name: row},
            [Latency("new mail", 0.2, [0.1 * seconds])],
            [Cost("idle", seconds / 1000, share, 0.002)],
        )
    shown = bench.README.read_text()
    assert "| 3× |" in shown and "| 1× |\n" not in shown
    assert "| new mail | – | 300 ms | 300 ms | at most 200 ms: **missed** |" in shown and "100 ms |" not in shown
    assert "| idle | 0.30 % | at most 0.20 %: **missed** |" in shown and "0.10 %" not in shown
    before, after = whole.split(bench.BEGIN)[0], whole.split(bench.END)[1]
    assert shown.startswith(before) and shown.endswith(after)
    assert ROWS[0].title in bench.DETAILS.read_text()
