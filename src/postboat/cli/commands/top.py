"""`postboat top`: the dashboard of a run that goes on, or of a recorded one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.cli.arguments import Usage
    from postboat.ui.link import Link

SLOWEST, FASTEST = 0.1, 1000.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `top` understands."""
    add = parser.add_argument
    add("--replay", type=Path, metavar="FILE", help="play what a run wrote with --json, or status --follow as JSON")
    add("--speed", type=_speed, default=1.0, metavar="N", help="with --replay: so many times as fast as it was")
    add("--ascii", action="store_true", help="draw with letters and signs that every terminal has")
    add("--still", action="store_true", help="let nothing move that need not")


def _speed(word: str) -> float:
    try:
        speed = float(word)
    except ValueError:
        speed = 0.0
    if not SLOWEST <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{word}: must be a number from {SLOWEST} to {FASTEST:.0f}")
    return speed


def talk(usage: Usage) -> int:
    """Show it until the user leaves, which the run does not notice. Raises `ConfigError` where nothing can be shown."""
    from postboat.errors import ConfigError
    from postboat.ui.faces import Place
    from postboat.ui.link import CannotShow
    from postboat.ui.usable import blinkenlights_reason

    place = Place(os.environ, stdin=sys.stdin.isatty(), stdout=sys.stdout.isatty())
    if reason := blinkenlights_reason(place):
        raise ConfigError([f"top: {reason}", *_instead(usage)])
    from postboat.ui.apart.look import look_for
    from postboat.ui.blinkenlights import run

    link = _link(usage)
    try:
        return run(link, look_for(os.environ, ascii_only=usage.ascii, still=usage.still))
    except (CannotShow, ImportError) as refusal:
        raise ConfigError([f"top: {refusal}", *_instead(usage)]) from refusal
    finally:
        link.close()


def _link(usage: Usage) -> Link:
    """What is looked at. Raises `ConfigError` when there is no such recording or configuration."""
    if usage.replay is not None:
        from postboat.ui.links.replay import Recording

        return Recording(usage.replay, usage.speed)
    from postboat.cli.attached import Attached
    from postboat.cli.client import socket_for
    from postboat.cli.show import manner

    return Attached(socket_for(usage), manner(usage, many_accounts=True), usage.accounts)


def _instead(usage: Usage) -> list[str]:
    """Say what can be done where no dashboard can be shown."""
    if usage.replay is not None:
        return []
    from postboat.cli.show import manner

    program = manner(usage, many_accounts=True).program
    return [f"what a run is at is told in lines by: {program} status --follow"]
