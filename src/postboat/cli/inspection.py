"""What `check` and `folders` share: they look at every account and change nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from postboat.cli.run import load, say
from postboat.cli.show import terminal_for
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.config.schema import Config
    from postboat.config.secrets import Prompter
    from postboat.service.inspect import AccountReport

    Inspect = Callable[[Config, RunOptions, Prompter | None], Awaitable[list[AccountReport]]]


async def inspected(usage: Usage, debug: Debug, inspect: Inspect) -> list[AccountReport]:
    """Look at the accounts asked for; passwords are asked for only where a person can answer."""
    config = load(usage, debug)
    say(0, *config.warnings)
    prompter = terminal_for([]) if sys.stdin.isatty() and not usage.json else None
    return await inspect(config, RunOptions(usage.accounts), prompter)
