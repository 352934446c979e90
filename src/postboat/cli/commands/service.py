"""`postboat service`: lets systemd run Postboat, as one run that goes on or as a run every few minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from postboat.cli.arguments import Usage
    from postboat.cli.debug import Debug
    from postboat.service.systemd.units import Kind, UnitFiles

NOT_RUNNING = 3
SHOWN = "UnitFileState ActiveState SubState Result StatusText NRestarts"
MOVED = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
"""Variables that lead to the configuration and the ledgers: a service must follow them where its owner does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only `service` understands."""
    add = parser.add_argument
    add(
        "action",
        choices=("install", "uninstall", "status"),
        help="write the unit file for systemd's user manager; stop and remove it; show whether it runs",
    )
    add("--timer", action="store_true", help="install a run every few minutes instead of one that goes on")
    add("--now", action="store_true", help="start it after installing, now and at each login")
    add("--force", action="store_true", help="overwrite or remove files though they were changed by hand")


async def run(usage: Usage, debug: Debug) -> int:
    """Do to the user's units what the command line says."""
    from postboat.config.paths import unit_dir
    from postboat.service.systemd.units import UnitFiles

    files = UnitFiles(unit_dir())
    if usage.action == "install":
        return await _install(usage, debug, files)
    if usage.action == "uninstall":
        return await _uninstall(usage, files)
    return await _status(files)


async def _install(usage: Usage, debug: Debug, files: UnitFiles) -> int:
    from postboat.service.systemd.systemctl import systemctl
    from postboat.service.systemd.units import LASTING, TIMER

    kind = TIMER if usage.timer else LASTING
    _prove(usage, debug)
    for path in files.write(kind, _commands(usage), _environment(), force=usage.force):
        print(f"wrote {path}")
    starting = [("enable", kind.enabled), ("restart", kind.enabled)] if usage.now else []
    for words in [("daemon-reload",), *starting]:
        if not (answer := await systemctl(*words)).ok:
            return _failed(answer.said, words)
    _tell_what_follows(kind, started=usage.now)
    return 0


def _prove(usage: Usage, debug: Debug) -> None:
    """Find mistakes now rather than in a journal. Raises `ConfigError`."""
    from postboat.cli.run import load, say
    from postboat.errors import ConfigError

    if usage.overrides:
        raise ConfigError(["-k: a service reads the configuration: write it there"])
    config = load(usage, debug)
    say(0, *config.warnings)
    if not usage.timer and all(account.autorefresh is None for account in config.accounts):
        raise ConfigError([f"{config.source}: no account has autorefresh: set it, e.g. to 5 minutes, or add --timer"])


def _commands(usage: Usage) -> dict[str, list[str]]:
    """What systemd runs: this program with the options that were given, and paths that hold anywhere."""
    start = _program()
    if usage.config is not None:
        start += ["-c", str(usage.config.expanduser().absolute())]
    more = ["-u", "basic", *(["-o"] if usage.timer else [])]  # what `ui` names may need a terminal
    for name in usage.accounts:
        more += ["-a", name.replace(",", "\\,")]
    if usage.logfile is not None:
        more += ["-l", str(usage.logfile.expanduser().absolute())]
    for what in usage.debug:
        more += ["-d", what]
    return {"COMMAND": [*start, *more], "RELOAD": [*start, "reload"]}


def _program() -> list[str]:
    """Where this program is, by a path that an upgrade leaves alone: links of pipx and of environments are kept."""
    import os
    import shutil
    import sys
    from pathlib import Path

    for candidate in (sys.argv[0], str(Path(sys.executable).with_name("postboat"))):
        if Path(candidate).name == "postboat" and (found := shutil.which(candidate)):
            return [os.path.abspath(found)]  # noqa: PTH100 - resolve() would follow links
    return [sys.executable, "-m", "postboat"]


def _environment() -> dict[str, str]:
    import os

    return {name: value for name in MOVED if (value := os.environ.get(name))}


def _failed(said: str, words: tuple[str, ...]) -> int:
    from postboat.cli.run import say

    hint = f"postboat: systemctl --user {' '.join(words)}: {said or 'failed'}"
    return say(NOT_RUNNING, hint, "what it wrote: journalctl --user -e -u 'postboat*'")


def _tell_what_follows(kind: Kind, *, started: bool) -> None:
    runner = kind.files[0]
    rows = [
        (f"systemctl --user status {runner}", "how it is"),
        (f"journalctl --user -u {runner}", "what it did"),
        ("loginctl enable-linger", "let it run while you are not logged in, too"),
        ("postboat service uninstall", "stop and remove it"),
    ]
    if started:
        print(f"started {kind.enabled}, now and at each login")
    else:
        rows.insert(0, (f"systemctl --user enable --now {kind.enabled}", "start it, now and at each login"))
    width = max(len(command) for command, _ in rows)
    for command, what in rows:
        print(f"  {command:<{width}}  {what}")


async def _uninstall(usage: Usage, files: UnitFiles) -> int:
    from postboat.cli.run import say
    from postboat.service.systemd.systemctl import systemctl

    if (kind := files.installed()) is None:
        return say(0, f"postboat: there is nothing of it in {files.directory}")
    files.spare(kind, force=usage.force)
    stopped = await systemctl("disable", "--now", *kind.stopped)
    for path in files.remove(kind, force=usage.force):
        print(f"removed {path}")
    reloaded = await systemctl("daemon-reload")
    if not (stopped.ok and reloaded.ok):
        return say(0, f"postboat: systemd was not told: {stopped.said or reloaded.said}")
    return 0


async def _status(files: UnitFiles) -> int:
    from postboat.service.systemd.systemctl import systemctl

    if (kind := files.installed()) is None:
        print(f"not installed: there is nothing of it in {files.directory} (postboat service install)")
        return NOT_RUNNING
    runs = False
    for name in kind.files:
        answer = await systemctl("show", f"--property={SHOWN.replace(' ', ',')}", name)
        print(f"{name}: {_state(answer.facts) if answer.ok else answer.said}")
        runs |= name == kind.enabled and answer.facts.get("ActiveState") in ("active", "reloading")
    _tell_files(files.paths(kind), files.changed(kind))
    return 0 if runs else NOT_RUNNING


def _state(facts: dict[str, str]) -> str:
    """One unit in a line: `active (running), enabled, restarted 2 times: all in step`."""
    parts = [f"{facts.get('ActiveState')} ({facts.get('SubState')})", facts.get("UnitFileState", "")]
    if (result := facts.get("Result")) not in ("success", "", None):
        parts.append(f"ended by: {result}")
    if (restarts := facts.get("NRestarts", "0")) != "0":
        parts.append(f"restarted {restarts} times")
    told = f": {text}" if (text := facts.get("StatusText")) else ""
    return ", ".join(filter(None, parts)) + told


def _tell_files(paths: list[Path], changed: list[Path]) -> None:
    for path in paths:
        print(f"  {path}{' (changed by hand)' if path in changed else ''}")
