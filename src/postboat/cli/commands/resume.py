"""`postboat resume`: lets accounts of a run that goes on go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `resume` understands."""
    parser.add_argument("targets", nargs="*", metavar="ACCOUNT", help="which accounts; nothing: all")


def talk(usage: Usage) -> int:
    """Ask for it; they are synced at once."""
    from postboat.cli.client import ask

    ask(usage, "resume", targets=[*usage.accounts, *usage.targets])
    return 0
