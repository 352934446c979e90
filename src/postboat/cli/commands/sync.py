"""`postboat sync`: makes both sides of every account the same, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterator

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.config.schema import Config
    from postboat.events import Publish, Warned
    from postboat.service.supervisor import RunOptions
    from postboat.ui.faces import Choice

    First = Callable[[Publish], Awaitable[tuple[str, ...]]]
    """Done before a run; the accounts that it returns are synced."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `sync` understands."""
    add = parser.add_argument
    add(
        *("-f", "--folder"),
        dest="folders",
        action="append",
        default=[],
        metavar="NAME,…",
        help="only these folders, by their names on the server, whatever folderfilter says",
    )
    add("-o", "--once", action="store_true", help="one run, ignoring autorefresh")
    add(
        "-q",
        "--quick",
        action="store_true",
        help="accepted as OfflineIMAP's; without effect: a full run opens only what changed, and misses nothing",
    )
    add("--dry-run", action="store_true", help="show what would be done, and change nothing anywhere")
    add("--wait", action="store_true", help="wait for another run on the same account to end")
    add("--retry", action="store_true", help="try messages again now that failed before and are put aside")
    add_showing(parser)


def add_showing(parser: argparse.ArgumentParser) -> None:
    """Add what every command understands that shows a run."""
    add = parser.add_argument
    add("-u", "--ui", action="append", metavar="UI,…", help="tty, basic, quiet or jsonl: the first that can run")
    add("--json", action="store_true", help="events as JSON on stdout, one object a line (-u jsonl)")


async def run(usage: Usage, debug: Debug) -> int:
    """Sync, showing it by the chosen face."""
    from postboat.cli.run import load

    return await show_sync(usage, load(usage, debug), debug)


async def show_sync(usage: Usage, config: Config, debug: Debug, first: First | None = None) -> int:
    """Sync and show it; with `first` that is done before, and only the accounts it returns are synced."""
    from postboat.cli.show import faces_for, manner, prompter_for, showing
    from postboat.events import RunFinished
    from postboat.service.bus import Bus
    from postboat.service.supervisor import run as supervise

    choice = choose_face(usage, config, debug)
    faces = faces_for(choice, debug.logfile, manner(usage, many_accounts=len(config.accounts) > 1))
    bus = Bus()
    async with showing(bus, faces):
        for warning in warnings(usage, config):
            bus.publish(warning)
        accounts = usage.accounts if first is None else await first(bus.publish)
        if first is not None and not accounts:
            bus.publish(RunFinished(0))
            return 0
        return await supervise(config, _options(usage, accounts), bus.publish, prompter_for(choice, faces))


def _options(usage: Usage, accounts: tuple[str, ...]) -> RunOptions:
    """What the command asks of the run; those that have something to say first wait for another run, as they did."""
    from postboat.service.supervisor import RunOptions

    if usage.command != "sync":
        return RunOptions(accounts, wait=True)
    return RunOptions(accounts, usage.folders, dry_run=usage.dry_run, wait=usage.wait, retry=usage.retry)


def choose_face(usage: Usage, config: Config, debug: Debug) -> Choice:
    """Choose by `--json`, `-u`, the configuration and the terminal. Raises `ConfigError` for an impossible `-u`."""
    import os
    import sys
    from dataclasses import replace

    from postboat.ui.faces import choose

    isatty = sys.stdout.isatty()
    if usage.json:
        return choose(["jsonl"], isatty=isatty, env=os.environ)
    choice = choose(usage.ui or config.ui, isatty=isatty, env=os.environ, asked=usage.ui is not None)
    return replace(choice, live=choice.live and not debug.on_stderr)


def warnings(usage: Usage, config: Config) -> Iterator[Warned]:
    """Say what the run does not do though it was asked for."""
    from postboat.events import Warned

    yield from map(Warned, config.warnings)
    for account in config.accounts:
        if account.autorefresh is not None and usage.command == "sync" and not usage.once:
            yield Warned("runs once: continuous running (autorefresh) is not here yet", account.name)
