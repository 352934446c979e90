"""What commands share that look at every account and change nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from postboat.cli.run import load, say
from postboat.service.run_options import RunOptions
from postboat.ui.plain.out import Out
from postboat.ui.plain.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.config.schema import Config
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.service.inspect import AccountReport

    Inspect = Callable[[Config, RunOptions, Prompter | None, Publish], Awaitable[list[AccountReport]]]


async def inspected(usage: Usage, debug: Debug, inspect: Inspect) -> list[AccountReport]:
    """Look at the accounts asked for; passwords are asked for only where a person can answer."""
    config = load(usage, debug)
    say(0, *config.warnings)
    progress = progress_of(usage, debug)
    prompter = None
    if sys.stdin.isatty() and not usage.json:
        from postboat.ui.prompt import Terminal

        prompter = Terminal(progress.paused)
    async with progress.shown():
        return await inspect(config, RunOptions(usage.accounts), prompter, progress.publish)


def progress_of(usage: Usage, debug: Debug) -> Progress:
    """Make what draws on standard error while nothing is printed yet; nothing is drawn over JSON or what `-d` tells."""
    return Progress(Out(sys.stderr), os.environ, wanted=not (usage.json or debug.on_stderr))
