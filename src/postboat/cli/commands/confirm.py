"""`postboat confirm`: lets deletions pass that were held, and syncs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.config.secrets import Prompter
    from postboat.events import Publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `confirm` understands."""
    from postboat.cli.commands.sync import add_showing

    parser.add_argument(
        "targets", nargs="+", metavar="ACCOUNT[:FOLDER]", help="the account, or one folder by its remote name"
    )
    add_showing(parser)


async def run(usage: Usage, debug: Debug) -> int:
    """Write down the user's word, then sync the accounts it is about."""
    from postboat.cli.commands.sync import show_sync
    from postboat.cli.run import load
    from postboat.cli.targets import understand
    from postboat.model import Verdict
    from postboat.service.confirm import decide

    targets = understand(usage)
    config = load(usage, debug)

    async def first(publish: Publish, _prompter: Prompter | None) -> tuple[str, ...]:
        return await decide(config, targets, Verdict.CONFIRMED, publish)

    return await show_sync(usage, config, debug, first)
