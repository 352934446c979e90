"""`postboat check`: connects to every account and shows what a sync would find, changing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only the commands that look and do nothing understand."""
    parser.add_argument("--json", action="store_true", help="one JSON object for each account, one a line")


async def run(usage: Usage, debug: Debug) -> int:
    """Check every account and tell what was found; the exit code is the gravest account's."""
    from postboat.cli.inspection import inspected
    from postboat.service import inspect
    from postboat.service.exit_codes import gravest
    from postboat.ui.reports.inspection import as_json, checked

    reports = await inspected(usage, debug, inspect.check)
    for report in reports:
        for line in [as_json(report)] if usage.json else checked(report):
            print(line)
    return gravest(report.exit_code for report in reports)
