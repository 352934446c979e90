"""`postboat stop`: ends a run that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage

GRACE = 6.0
"""Seconds that a clean end takes at most, and one more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `stop` understands."""
    parser.add_argument("--finish", action="store_true", help="let the syncs under way come to their end first")


def talk(usage: Usage) -> int:
    """Ask for it, and return when the process is gone; 3 when it is not after some seconds."""
    from postboat.cli.client import Service, socket_for
    from postboat.cli.saying import say

    with Service(socket_for(usage)) as service:
        pid = service.ask("stop", finish=usage.finish).get("pid")
        if service.until_it_ends(None if usage.finish else GRACE):
            return 0
    return say(3, f"postboat: process {pid} is still ending; `kill -9 {pid}` ends it at once and loses nothing")
