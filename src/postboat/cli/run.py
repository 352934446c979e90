"""Runs a command on a loop: signals, exit codes, and what is said when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING

from postboat.cli.debug import Debug
from postboat.cli.saying import say as say
from postboat.errors import ConfigError, PostboatError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from postboat.cli.arguments import Usage
    from postboat.config.schema import Config

INTERNAL_ERROR, CONFIGURATION = 1, 2
GRACE = 5.0
"""Seconds that a clean stop may take."""
ENDING = (signal.SIGINT, signal.SIGTERM)
"""Signals that end the command."""
ACTING = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
"""Signals that do what the command wants them to do."""


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
    signals = Signals()
    _signals.set(signals)
    task = asyncio.get_running_loop().create_task(work, name="command")
    with signals.heeded(task):
        try:
            return await task
        except asyncio.CancelledError:
            if signals.ended_by is None:
                raise
            return say(128 + signals.ended_by, f"postboat: stopped by {signals.ended_by.name}")


class Signals:
    """What signals do while a command is under way."""

    def __init__(self) -> None:
        self.ended_by: signal.Signals | None = None
        self._acts: dict[signal.Signals, Callable[[], None]] = {}
        self._had_terminal = _has_terminal()
        self._task: asyncio.Task[int] | None = None
        self._terminal_lost: Callable[[], None] | None = None

    def on(self, number: signal.Signals, act: Callable[[], None]) -> None:
        """Let USR1, USR2 or HUP call `act` on the loop; without this they do nothing."""
        self._acts[number] = act

    def on_terminal_lost(self, act: Callable[[], None]) -> None:
        """Call `act` on the loop when HUP tells that the terminal is gone; without this, that ends the command."""
        self._terminal_lost = act

    def end(self, number: signal.Signals) -> None:
        """End the command as the signal would."""
        if self.ended_by is not None:
            signal.raise_signal(number)
        elif self._task is not None:
            self._end(self._task, number)

    @contextlib.contextmanager
    def heeded(self, task: asyncio.Task[int]) -> Iterator[None]:
        """Heed signals in the block, which cancel `task` if they are to end it."""
        self._task = task
        loop = asyncio.get_running_loop()
        acting = [number for number in ACTING if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup wants it
        for number in ENDING:
            loop.add_signal_handler(number, self._end, task, number)
        for number in acting:
            loop.add_signal_handler(number, self._act, task, number)
        try:
            yield
        finally:
            for number in (*ENDING, *acting):
                loop.remove_signal_handler(number)

    def _act(self, task: asyncio.Task[int], number: signal.Signals) -> None:
        if number == signal.SIGHUP and self._had_terminal and not _has_terminal():
            if self._terminal_lost is not None:
                self._terminal_lost()
            else:
                self._end(task, number)
        elif act := self._acts.get(number):
            act()

    def _end(self, task: asyncio.Task[int], number: signal.Signals) -> None:
        if self.ended_by is not None:
            return
        self.ended_by = number
        loop = asyncio.get_running_loop()
        for each in ENDING:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        loop.call_later(GRACE, os._exit, 128 + number)
        task.cancel()


_signals: ContextVar[Signals] = ContextVar("signals")


def on_signal(number: signal.Signals, act: Callable[[], None]) -> None:
    """Let USR1, USR2 or HUP do something in the command under way; HUP not if its terminal is gone."""
    _signals.get().on(number, act)


def on_terminal_lost(act: Callable[[], None]) -> None:
    """Let the command under way do something when its terminal is gone, and not end."""
    _signals.get().on_terminal_lost(act)


def end(number: signal.Signals) -> None:
    """End the command under way as TERM or INT would: the first time cleanly, the second time at once."""
    _signals.get().end(number)


def _has_terminal() -> bool:
    return any(map(os.isatty, (0, 1, 2)))


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
