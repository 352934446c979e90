"""Runs a command on a loop: signals, exit codes, and what is said when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from postboat.cli.debug import Debug
from postboat.errors import ConfigError, PostboatError
from postboat.ui.words import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from postboat.cli.arguments import Usage
    from postboat.config.schema import Config

INTERNAL_ERROR, CONFIGURATION = 1, 2
GRACE = 5.0
"""Seconds that a clean stop may take."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_command(usage: Usage, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> int:
    """Run the command and return its exit code; whatever goes wrong is told on stderr in a sentence."""
    try:
        with Debug.from_usage(usage) as debug:
            return _run(usage, debug, new_loop)
    except ConfigError as error:
        return say(CONFIGURATION, *error.problems)


def _run(usage: Usage, debug: Debug, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> int:
    command = import_module(f"postboat.cli.commands.{usage.command}")
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(until_signalled(command.run(usage, debug)))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (ConfigError, BrokenPipeError):
        raise
    except PostboatError as error:
        return say(error.exit_code, f"postboat: {error}")
    except Exception as error:
        debug.tell_traceback(error)
        return say(INTERNAL_ERROR, internal_error(error, debug.hint))


async def until_signalled(work: Coroutine[object, object, int]) -> int:
    """Do the work. The first TERM or INT cancels it and gives it `GRACE` seconds; a second one ends the process."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="command")
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        for each in SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        loop.call_later(GRACE, os._exit, 128 + number)
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return say(128 + received[0], f"postboat: stopped by {signal.Signals(received[0]).name}")
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def load(usage: Usage, debug: Debug) -> Config:
    """Read the configuration for the accounts asked for. Raises `ConfigError`."""
    from postboat.config.load import load as load_config

    config = load_config(usage.config, overrides=usage.overrides, accounts=usage.accounts)
    debug.hide_secrets_of(config)
    return config


def internal_error(error: BaseException, hint: str) -> str:
    """Say what broke: the first of the errors that hide in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"postboat: internal error, this is a defect of postboat: {type(error).__name__}: {error}{hint}"


def say(code: int, *lines: str) -> int:
    """Write lines to stderr, if anybody listens, and return the exit code that goes with them."""
    if not lines:
        return code
    with contextlib.suppress(OSError, ValueError):
        print(*map(clean, lines), sep="\n", file=sys.stderr, flush=True)
    return code
