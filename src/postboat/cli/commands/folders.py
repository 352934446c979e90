"""`postboat folders`: lists the folders with their names on both sides, and why some are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `folders` understands."""
    parser.add_argument("--json", action="store_true", help="one JSON object for each folder, one a line")


async def run(usage: Usage, debug: Debug) -> int:
    """List every account's folders; the exit code is the gravest account's."""
    from postboat.cli.inspection import inspected
    from postboat.cli.run import say
    from postboat.service import inspect
    from postboat.service.exit_codes import gravest
    from postboat.ui.reports.inspection import as_json, listed
    from postboat.ui.words import clean

    reports = await inspected(usage, debug, inspect.folders)
    for report in reports:
        if usage.json:
            lines = [as_json(folder, account=report.account) for folder in report.folders]
        else:
            heading = [f"{clean(report.account)}:"] if len(reports) > 1 else []
            lines = [*heading, *listed(report.folders, report.sides)]
        for line in lines:
            print(line)
        if report.problems:
            say(report.exit_code, *(f"{report.account}: {problem}" for problem in report.problems))
    return gravest(report.exit_code for report in reports)
