"""Where the program starts. Imports nothing that `--version` and `--help` do not need; the only importer of uvloop."""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence


WORTH_SWEEPING = 10_000
"""So many new objects make a search for rubbish worth its time: importing alone makes 60,000, with none among them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` asks for and return its exit code; None: be the whole program, and end it."""
    if argv is not None:
        return _main(list(argv))
    gc.set_threshold(WORTH_SWEEPING)
    try:
        return _main(sys.argv[1:])
    finally:
        gc.freeze()  # what is left goes with the process; looking through it first would take Python 20 ms


def _main(words: list[str]) -> int:
    _stand_in_for_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a folder's name that the locale lacks is no reason to fail
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has left; the interpreter must not stumble over the same pipe when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _stand_in_for_closed_streams() -> None:
    """Open what the program was started without, lest a socket gets the number of a standard stream and its output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - kept to the end


def _run(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        from postboat import __version__

        print(f"postboat {__version__}")
        return 0
    from postboat.cli.arguments import parse

    try:
        arguments = parse(words)
    finally:
        sys.stdout.flush()  # the help ends in SystemExit, and may have no reader
    command = import_module(f"postboat.cli.commands.{arguments.command}")
    if talk := getattr(command, "talk", None):
        from postboat.cli.client import conversing

        return conversing(talk, arguments)
    from postboat.cli.run import run_command

    return run_command(arguments, _new_loop)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make a uvloop where there is one (not on Windows, not on PyPy), else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        import asyncio

        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
