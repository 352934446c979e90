"""Figures of long runs, told at the end, whichever process measured them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def tell(record_property) -> Callable[[str], None]:
    """Return what a test calls to have something told at the end of the run."""
    return lambda words: record_property("told", words)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell it."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == "told":
                        terminalreporter.write_line(f"\n{value}")
