"""`postboat pause`: lets accounts of a run that goes on rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `pause` understands."""
    parser.add_argument("targets", nargs="*", metavar="ACCOUNT", help="which accounts; nothing: all")


def talk(usage: Usage) -> int:
    """Ask for it; what is under way comes to its end first."""
    from postboat.cli.client import ask

    ask(usage, "pause", targets=[*usage.accounts, *usage.targets])
    return 0
