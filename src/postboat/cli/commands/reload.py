"""`postboat reload`: lets a run that goes on read its configuration again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `reload` understands: nothing."""


def talk(usage: Usage) -> int:
    """Ask for it. With mistakes in the new configuration, which are told, the one before stays, and the code is 2."""
    from postboat.cli.client import RELOADING, ask

    ask(usage, "reload", seconds=RELOADING)
    return 0
