"""`postboat status`: tells what a run that goes on is at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from postboat.cli.arguments import Usage
    from postboat.cli.following import Show
    from postboat.status import ServiceStatus

FORMATS = ("screen", "plain", "waybar", "json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `status` understands."""
    add = parser.add_argument
    add("--json", action="store_true", help="all that is known, as one JSON object (--format json)")
    add("--follow", action="store_true", help="go on: tell each change; without a run, wait for one")
    add(
        "--format",
        choices=FORMATS,
        default="screen",
        help="for people; for status bars as a line of text (plain) or as Waybar reads it; or as JSON",
    )


def talk(usage: Usage) -> int:
    """Tell it once or, with `--follow`, with each change. 3: no run goes on, which to a status bar is no failure."""
    import json
    import time

    from postboat.cli.client import NotRunning, ask
    from postboat.cli.saying import say
    from postboat.status_json import from_json
    from postboat.ui.reports.status import not_running

    form = "json" if usage.json else usage.format
    if usage.follow:
        return _follow(usage, form)
    status = None
    try:
        told = ask(usage, "status")["status"]
        if form == "json":
            named = [account for account in told["accounts"] if account["name"] in usage.accounts or not usage.accounts]
            print(json.dumps(told | {"accounts": named}))
            return 0
        status = from_json(told)
    except NotRunning as nothing:
        if form in ("screen", "json"):
            return say(nothing.exit_code, f"postboat: {nothing}", *not_running(_program(usage)))
    print(*_shower(usage, form)(status, time.time()), sep="\n")
    return 0


def _follow(usage: Usage, form: str) -> int:
    from postboat.cli.following import follow, follow_json

    if form == "json":
        return follow_json(usage)
    live = form == "screen" and sys.stdout.isatty()
    return follow(usage, _shower(usage, form if live or form == "waybar" else "plain"), live=live)


def _shower(usage: Usage, form: str) -> Show:
    """How to tell a status in the form that is asked for."""
    from postboat.ui.reports import bar
    from postboat.ui.reports.status import NOT_RUNNING, not_running, screen
    from postboat.ui.words import Manner

    manner = Manner(program=_program(usage))

    def show(status: ServiceStatus | None, now: float) -> Sequence[str]:
        if status is not None and usage.accounts:
            status.keep_only(usage.accounts)
        match form:
            case "plain":
                return [bar.plain(status)]
            case "waybar":
                return [bar.waybar(status, now, manner)]
        nothing = (f"postboat: {NOT_RUNNING}", *not_running(manner.program))
        return list(screen(status, now, manner)) if status else nothing

    return show


def _program(usage: Usage) -> str:
    """What a command begins with that is to find the same configuration."""
    from postboat.ui.shell import joined

    return joined(["postboat", *(["-c", str(usage.config.expanduser().absolute())] if usage.config else [])])
