"""`postboat now`: lets a run that goes on sync at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `now` understands."""
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="ACCOUNT[:FOLDER]",
        help="what to sync, even if it is paused or waits after a failure; nothing: all accounts",
    )
    parser.add_argument("--wait", action="store_true", help="wait for its end, and exit as a sync of it would")


def talk(usage: Usage) -> int:
    """Ask for it, and with `--wait` return the exit code of a sync."""
    from postboat.cli.client import ask

    targets = [*usage.accounts, *usage.targets]
    if not usage.wait:
        ask(usage, "now", targets=targets)
        return 0
    from postboat.cli.following import until_synced

    return until_synced(usage, targets)
