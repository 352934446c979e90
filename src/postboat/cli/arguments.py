"""The command line: options, their meaning and the help. `sync` is the command when none is named."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from postboat import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "sync": "make both sides of every account the same (the default)",
    "check": "connect, and show what would be synced and what looks wrong",
    "folders": "list the folders with their names on both sides",
    "confirm": "let deletions pass that are held, and sync",
    "restore": "bring messages back, and sync; alone: list those that can be",
    "status": "tell what the run is at that goes on (autorefresh)",
    "top": "show the dashboard of that run, or of a recorded one",
    "now": "let that run sync at once",
    "pause": "let it leave accounts alone",
    "resume": "let it take them up again",
    "reload": "let it read the configuration again",
    "stop": "end it",
    "service": "let systemd run it: install, uninstall, status",
}
"""Each command is a module of this name in `postboat.cli.commands`."""

DEBUGGED = ("imap", "maildir", "ledger", "sync", "config", "service", "ui")
"""What `-d` can name; `all` stands for everything."""

TAKING_A_VALUE = frozenset("acfukld")
"""Short options that take a value, in any command: needed to find the command's name behind them."""

EXIT_CODES = """\
exit codes:
  0  in step              4  a server could not be reached
  1  internal error       5  a sign-in was refused, or a password is needed
  2  wrong usage or       6  deletions are held and wait for your word
     configuration        7  another run works on the account
  3  some messages, folders or accounts failed, or no run goes on to talk to
  130, 143  stopped by a signal
"""


class Usage(argparse.Namespace):
    """What was asked for, as `parse` leaves it."""

    command: str
    config: Path | None
    accounts: tuple[str, ...]
    folders: tuple[str, ...]
    overrides: tuple[str, ...]
    logfile: Path | None
    debug: tuple[str, ...]
    ui: tuple[str, ...] | None
    once: bool
    quick: bool
    single: bool
    dry_run: bool
    one_way: bool
    json: bool
    wait: bool
    retry: bool
    targets: list[str]
    deleted: str | None
    follow: bool
    format: str
    finish: bool
    action: str
    timer: bool
    now: bool
    force: bool
    replay: Path | None
    speed: float
    ascii: bool
    still: bool


def parse(words: Sequence[str]) -> Usage:
    """Understand a command line. Raises `SystemExit`: 0 after printing help, 2 for wrong usage."""
    command, rest = split_command(list(words))
    parser = _parser(command)
    usage, extra = parser.parse_known_args(rest, Usage(command=command))
    if extra and not extra[0].startswith("-"):
        parser.error(f"{extra[0]}: no such command; there are {', '.join(COMMANDS)}")
    if extra:
        parser.error(f"no such option: {' '.join(extra)}")
    for name, option in (("accounts", "-a"), ("folders", "-f"), ("ui", "-u"), ("debug", "-d")):
        if (given := getattr(usage, name, None)) is not None:
            setattr(usage, name, tuple(part for text in given for part in split_list(text)))
            if given and not getattr(usage, name):
                parser.error(f"{option}: needs a name")  # and not all there are, for a variable that was empty
    usage.overrides = tuple(usage.overrides)
    _check(parser, usage)
    return usage


def split_command(words: list[str]) -> tuple[str, list[str]]:
    """Find the command's name, which may stand behind options, and the words without it."""
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word == "--":
            break
        elif word.startswith("-") and word != "-":
            skip = not word.startswith("--") and len(word) == 2 and word[1] in TAKING_A_VALUE
            skip |= word in _LONG_TAKING_A_VALUE
        elif word in COMMANDS:
            return word, words[:index] + words[index + 1 :]
        else:
            break
    return "sync", words


_LONG_TAKING_A_VALUE = frozenset(
    {"--config", "--account", "--folder", "--ui", "--set", "--logfile", "--debug", "--format", "--replay", "--speed"}
)


def split_list(text: str) -> list[str]:
    r"""Split at commas; `\,` is a comma inside a name."""
    return [part.strip().replace("\\,", ",") for part in re.split(r"(?<!\\),", text) if part.strip()]


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="postboat" if command == "sync" else f"postboat {command}",
        usage=None if command != "sync" else "postboat [COMMAND] [options]",
        description=_description(command),
        epilog=EXIT_CODES + "\nThe configuration is described in postboat(5).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_common(parser)
    import_module(f"postboat.cli.commands.{command}").add_arguments(parser)
    return parser


_THAT_RUN = "the run that goes on"
"""What commands talk to: in the list of all, the first of them says so for those that follow."""


def _description(command: str) -> str:
    if command != "sync":
        told = COMMANDS[command].replace("that run", _THAT_RUN).replace("them", "accounts")
        return told.replace("let it", f"let {_THAT_RUN}").replace("end it", f"end {_THAT_RUN}").capitalize() + "."
    commands = "\n".join(f"  {name:<8} {what}" for name, what in COMMANDS.items())
    return f"Keep a mailbox the same in two places: a server and Maildirs, or two servers.\n\ncommands:\n{commands}"


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--version", action="version", version=f"postboat {__version__}", help="print the version and exit")
    add("-c", "--config", type=Path, metavar="FILE", help="configuration to use, TOML or OfflineIMAP's")
    add("-a", "--account", dest="accounts", action="append", default=[], metavar="NAME,…", help="only these accounts")
    add(
        *("-k", "--set"),
        dest="overrides",
        action="append",
        default=[],
        metavar="[SECTION:]OPTION=VALUE",
        help="set an option of the configuration for this run",
    )
    add("-l", "--logfile", type=Path, metavar="FILE", help="append what happens to a file")
    add(
        *("-d", "--debug"),
        action="append",
        default=[],
        metavar="WHAT,…",
        help=f"tell details of {', '.join(DEBUGGED)} or all, on stderr or in the log file",
    )


def _check(parser: argparse.ArgumentParser, usage: Usage) -> None:
    for what in usage.debug:
        if what not in (*DEBUGGED, "all"):
            parser.error(f"-d: {what} is not known; there are {', '.join(DEBUGGED)} and all")
