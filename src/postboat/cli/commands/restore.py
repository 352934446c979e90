"""`postboat restore`: brings messages back whose deletion was held, or that are still kept, and lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.config.secrets import Prompter
    from postboat.events import Publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `restore` understands."""
    from postboat.cli.commands.sync import add_showing

    parser.add_argument(
        "targets",
        nargs="*",
        metavar="ACCOUNT[:FOLDER]",
        help="bring back what is held there, and sync; without any: list what can be brought back",
    )
    parser.add_argument(
        "--deleted",
        nargs="?",
        const="",
        metavar="WHEN",
        help="bring back what was removed from this side, as it was deleted on the other, and is still kept: by the "
        "last run that did; or at a time as it is listed, or its beginning ('2026-11-23 05'); or in a span (2h, 3d)",
    )
    add_showing(parser)


async def run(usage: Usage, debug: Debug) -> int:
    """List what can be brought back, or bring it back and sync the accounts it is about."""
    from postboat.cli.commands.sync import show_sync
    from postboat.cli.run import load
    from postboat.cli.targets import understand
    from postboat.model import Verdict
    from postboat.service.confirm import decide
    from postboat.service.restore import put_back

    if usage.deleted and not usage.targets:  # `--deleted ACCOUNT`: what would be a time is what it is about
        usage.targets, usage.deleted = [usage.deleted], ""
    if not usage.targets:
        return await _list(usage, debug)
    targets = understand(usage)
    config = load(usage, debug)

    async def first(publish: Publish, prompter: Prompter | None) -> tuple[str, ...]:
        if usage.deleted is None:
            return await decide(config, targets, Verdict.RESTORE, publish)
        return await put_back(config, targets, usage.deleted, publish, prompter)

    return await show_sync(usage, config, debug, first)


async def _list(usage: Usage, debug: Debug) -> int:
    from postboat.cli.inspection import progress_of
    from postboat.cli.run import load, say
    from postboat.cli.show import manner
    from postboat.errors import ConfigError
    from postboat.service.exit_codes import gravest
    from postboat.service.restore import restorable
    from postboat.ui.reports.restorable import as_json, listed

    if usage.deleted is not None:
        raise ConfigError(["--deleted: needs an account or folder, such as MyMail:Archive"])
    config = load(usage, debug)
    say(0, *config.warnings)
    progress = progress_of(usage, debug)
    async with progress.shown():
        reports = await restorable(config, progress.publish)
    for report in reports:
        for line in as_json(report) if usage.json else listed(report, manner(usage, many_accounts=True)):
            print(line)
        say(report.exit_code, *(f"{report.account}: {problem}" for problem in report.problems))
    return gravest(report.exit_code for report in reports)
