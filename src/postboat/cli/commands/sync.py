"""`postboat sync`: makes both sides of every account the same, once or for as long as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.cli.foreground import Foreground
    from postboat.config.schema import Config, Repository
    from postboat.config.secrets import Prompter
    from postboat.events import Publish, Warned
    from postboat.service.bus import Bus
    from postboat.service.run_options import RunOptions
    from postboat.ui.faces import Choice, Face

    First = Callable[[Publish, Prompter | None], Awaitable[tuple[str, ...]]]
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
        help="on servers without CONDSTORE, open only folders in which messages came or went, and miss changed flags",
    )
    add("-1", dest="single", action="store_true", help="one account after another, each over a single connection")
    add("--dry-run", action="store_true", help="show what would be done, and change nothing anywhere")
    add(
        "--one-way",
        action="store_true",
        help="one run that brings what the remote side has to the local one, and tells whether all of it is there",
    )
    add("--wait", action="store_true", help="wait for another run on the same account to end")
    add("--retry", action="store_true", help="try messages again now that failed before and are put aside")
    add_showing(parser)


def add_showing(parser: argparse.ArgumentParser) -> None:
    """Add what every command understands that shows a run."""
    add = parser.add_argument
    faces = "tty, blinkenlights, tk, basic, quiet, syslog, jsonl, machineui"
    add("-u", "--ui", action="append", metavar="UI,…", help=f"{faces}: the first of those named that can run")
    add("--json", action="store_true", help="events as JSON on stdout, one object a line (-u jsonl)")


async def run(usage: Usage, debug: Debug) -> int:
    """Sync, showing it by the chosen face."""
    return await show_sync(usage, read(usage, debug), debug)


def read(usage: Usage, debug: Debug) -> Config:
    """Read the configuration, with what `--quick` and `-1` change in it, in a reload too. Raises `ConfigError`."""
    from dataclasses import replace

    from postboat.cli.run import load

    config = load(usage, debug)
    accounts = config.accounts
    if usage.quick:
        accounts = tuple(replace(account, quick=-1) for account in accounts)
    if usage.single:
        config = replace(config, maxsyncaccounts=1)
        accounts = tuple(
            replace(account, remote=_over_one(account.remote), local=_over_one(account.local)) for account in accounts
        )
    return replace(config, accounts=accounts)


def _over_one(repository: Repository) -> Repository:
    """A repository that is reached over one connection."""
    from dataclasses import replace

    from postboat.config.schema import ServerConfig

    return replace(repository, maxconnections=1) if isinstance(repository, ServerConfig) else repository


async def show_sync(usage: Usage, config: Config, debug: Debug, first: First | None = None) -> int:
    """Sync and show it; with `first` that is done before, and only the accounts it returns are synced."""
    from postboat.cli.show import faces_for, manner

    choice = choose_face(usage, config, debug)
    speech = manner(usage, many_accounts=len(config.accounts) > 1)
    if not choice.apart:
        _tell_passed(choice)
        return await _synced(usage, config, debug, first, choice, faces_for(choice, debug.logfile, speech, config))
    from postboat.cli.foreground import Foreground

    foreground = Foreground(config, speech, goes_on=first is None and goes_on(usage, config))
    with foreground.begun(choice):
        import postboat.service.staying.daemon
        import postboat.service.supervisor  # noqa: F401 - while the face imports what it needs

        choice, apart = await foreground.face(choice)
        _tell_passed(choice)
        faces = faces_for(choice, debug.logfile, speech, config, apart=apart)
        return await _synced(usage, config, debug, first, choice, faces, foreground)


async def _synced(
    usage: Usage,
    config: Config,
    debug: Debug,
    first: First | None,
    choice: Choice,
    faces: Sequence[Face],
    foreground: Foreground | None = None,
) -> int:
    from postboat.cli.run import on_terminal_lost
    from postboat.cli.show import prompter_for, showing
    from postboat.events import RunFinished
    from postboat.service.bus import Bus
    from postboat.service.supervisor import run as supervise

    bus = Bus()
    async with showing(bus, faces):
        for warning in warnings(config):
            bus.publish(warning)
        prompter = prompter_for(choice, faces)
        if first is None and goes_on(usage, config):
            return await _go_on(usage, config, debug, bus, prompter, foreground)
        on_terminal_lost(lambda: None)  # what was begun is done, whether anybody looks or not
        accounts = usage.accounts if first is None else await first(bus.publish, prompter)
        if first is not None and not accounts:
            bus.publish(RunFinished(0))
            return 0
        code = await supervise(config, _options(usage, accounts), bus.publish, prompter, bus.watch)
    if first is not None:
        tell_service(usage, accounts)
    return code


def tell_service(usage: Usage, accounts: tuple[str, ...]) -> None:
    """Let a run that goes on, if there is one, look at what was decided beside it: it may still tell what was held."""
    from contextlib import suppress

    from postboat.cli.client import ask
    from postboat.errors import PostboatError

    with suppress(PostboatError):
        ask(usage, "now", targets=list(accounts))


def goes_on(usage: Usage, config: Config) -> bool:
    """Whether the run goes on until it is stopped: an account is to be refreshed, and nothing asks for one run only."""
    if usage.command != "sync" or usage.once or usage.dry_run or usage.folders or usage.one_way:
        return False
    if usage.wait or usage.retry:
        return False
    return any(account.autorefresh is not None for account in config.accounts)


async def _go_on(
    usage: Usage, config: Config, debug: Debug, bus: Bus, prompter: Prompter | None, foreground: Foreground | None
) -> int:
    """Keep the accounts in step until stopped.

    USR1 syncs at once, USR2 ends after the syncs under way, and so does a terminal that is gone; HUP reloads.
    """
    import asyncio
    import os
    import signal

    from postboat.cli.run import on_signal, on_terminal_lost
    from postboat.config.paths import control_socket
    from postboat.service.staying.daemon import Daemon
    from postboat.service.systemd.notifier import Notifier
    from postboat.ui.reports.bar import plain

    socket, notifier = control_socket(config.source), Notifier.from_environment(os.environ)
    daemon = Daemon(config, bus, lambda: read(usage, debug), prompter, socket=socket, notifier=notifier, in_short=plain)
    reloading: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task = asyncio.ensure_future(daemon.reload())
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    on_signal(signal.SIGUSR1, lambda: daemon.now([]))
    on_signal(signal.SIGUSR2, lambda: daemon.stop(finish=True))
    on_signal(signal.SIGHUP, reload)
    on_terminal_lost(lambda: daemon.stop(finish=True))
    if foreground is not None:
        foreground.controls = daemon
    return await daemon.run()


def _options(usage: Usage, accounts: tuple[str, ...]) -> RunOptions:
    """What the command asks of the run; those that have something to say first wait for another run, as they did."""
    from postboat.service.run_options import RunOptions

    if usage.command != "sync":
        return RunOptions(accounts, wait=True)
    return RunOptions(
        accounts,
        usage.folders,
        dry_run=usage.dry_run,
        quick=usage.quick,
        retry=usage.retry,
        one_way=usage.one_way,
        wait=usage.wait,
    )


def choose_face(usage: Usage, config: Config, debug: Debug) -> Choice:
    """Choose by `--json`, `-u`, the configuration and where the output goes. Raises `ConfigError` if none can run."""
    import os
    import sys

    from postboat.ui.faces import Place, choose

    place = Place(os.environ, sys.stdin.isatty(), sys.stdout.isatty(), debug=debug.on_stderr)
    if usage.json:
        return choose(["jsonl"], place=place)
    return choose(usage.ui or config.ui, place=place, asked=usage.ui is not None)


def _tell_passed(choice: Choice) -> None:
    """Tell why faces were passed over, to who asks: a list is there for machines that have not all of them."""
    import logging

    for reason in choice.passed:
        logging.getLogger("postboat.ui").debug("%s; shown by %s", reason, choice.name)


def warnings(config: Config) -> Iterator[Warned]:
    """Say what the run does not do though it was asked for."""
    from postboat.events import Warned

    yield from map(Warned, config.warnings)
