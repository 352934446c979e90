"""Fixtures that every test may use: the real servers, each started once per worker, and CI's rule about skipping.

A server fixture is the running server; `server.account()` gives an empty account no other test has seen. The servers
are processes of their own, independent of any event loop. Tests that need one configured otherwise (fewer
capabilities, a bound on connections) start it themselves: `with DovecotServer(capability=...) as server`.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.servers.courier import CourierServer
from tests.servers.cyrus import CyrusServer
from tests.servers.dovecot import DovecotServer
from tests.servers.pymap_server import PymapServer

from postboat.imap import recover

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ON_CI = os.environ.get("CI") == "true"

# What the tests start inherits which signals are ignored: by nohup, or by a shell that runs them in the background.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("any speed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("any speed")


@pytest.fixture
def runtime() -> Iterator[Path]:
    """Return a directory for sockets, whose names the system wants to be short."""
    with tempfile.TemporaryDirectory(prefix="pb-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    """Return Dovecot keeping mail in Maildirs."""
    with DovecotServer() as server:
        yield server


@pytest.fixture(scope="session")
def dovecot_sdbox() -> Iterator[DovecotServer]:
    """Return Dovecot keeping mail in sdbox, its own format."""
    with DovecotServer(storage="sdbox") as server:
        yield server


@pytest.fixture(scope="session")
def cyrus() -> Iterator[CyrusServer]:
    """Return Cyrus."""
    with CyrusServer() as server:
        yield server


@pytest.fixture(scope="session")
def courier() -> Iterator[CourierServer]:
    """Return Courier, which is signed in from the greeting."""
    with CourierServer() as server:
        yield server


@pytest.fixture(scope="session")
def pymap() -> Iterator[PymapServer]:
    """Return pymap, which keeps mail in memory."""
    with PymapServer() as server:
        yield server


@pytest.fixture
def soon_dealt_with(monkeypatch) -> None:
    """A server of this machine has dealt with what a broken connection sent it sooner than one that is far away."""
    if not os.environ.get("POSTBOAT_CRASH"):
        monkeypatch.setattr(recover, "PATIENCE", 0.4)


@pytest.fixture
def tried(record_property) -> Callable[[str, int], None]:
    """Return what a test calls to have counted what it tried: sums are printed at the end of the run."""
    return lambda what, count: record_property("tried", (what, count))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many points, seeds and worlds were tried."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == "tried":
                        sums[value[0]] += value[1]
    for what, count in sorted(sums.items()):
        terminalreporter.write_line(f"tried: {count} {what}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one on CI, where nothing may be missing."""
    report = yield
    if ON_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped file into a failed one on CI."""
    report = yield
    if ON_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report
