"""Brings faces and the bus together: every face reads its own subscription in its own task."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from postboat.ui import faces as ui
from postboat.ui.plain.out import Out
from postboat.ui.shell import joined
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from postboat.cli.arguments import Usage
    from postboat.config.schema import Config
    from postboat.config.secrets import Prompter
    from postboat.service.bus import Bus, Subscription
    from postboat.ui.apart.apart import Apart
    from postboat.ui.faces import Choice, Face

FAREWELL = 1.0
"""Seconds that faces get to end after a stopped run; a reader that stands still must not hold it up."""


def faces_for(
    choice: Choice,
    logfile: TextIO | None,
    manner: Manner,
    config: Config | None = None,
    *,
    apart: Apart | None = None,
) -> list[Face]:
    """Make the chosen face, unless it is one `apart`, and with `-l` the log file's beside it."""
    faces = [apart or ui.make(choice, manner, config)]
    if logfile is not None:
        from postboat.ui.plain.logfile import LogFile

        faces.append(LogFile(replace(manner, many_accounts=True), Out(logfile)))
    return faces


def manner(usage: Usage, *, many_accounts: bool) -> Manner:
    """How to speak of what the command line asks for; commands that are proposed use the same configuration."""
    program = ["postboat"] if usage.config is None else ["postboat", "-c", str(usage.config.expanduser().absolute())]
    dry_run = usage.command == "sync" and usage.dry_run
    one_way = usage.command == "sync" and usage.one_way
    return Manner(many_accounts=many_accounts, dry_run=dry_run, one_way=one_way, program=joined(program))


def prompter_for(choice: Choice, faces: Sequence[Face]) -> Prompter | None:
    """Make what asks for passwords, if the face does and there is somebody to answer."""
    if choice.apart:
        from postboat.ui.apart.apart import Apart

        return next((face for face in faces if isinstance(face, Apart)), None)
    if choice.name == "machineui":
        from postboat.ui.plain.machineui import MachineUi

        return next((face.ask for face in faces if isinstance(face, MachineUi)), None)
    return terminal_for(faces) if choice.name == "tty" and choice.place.stdin else None


def terminal_for(faces: Sequence[Face]) -> Prompter:
    """Make what asks on the terminal while the face that draws on it rests."""
    from postboat.ui.plain.tty import Tty
    from postboat.ui.prompt import Terminal

    drawing = next((face for face in faces if isinstance(face, Tty)), None)
    return Terminal(drawing.paused) if drawing else Terminal()


@contextlib.asynccontextmanager
async def showing(bus: Bus, faces: Sequence[Face]) -> AsyncIterator[None]:
    """Show what is published in the block. All of it is shown before the block is left, unless it was cancelled."""
    watchers = [
        asyncio.create_task(_watch(face, bus.subscribe(lights=_draws_lights(face))), name="face") for face in faces
    ]
    patience: float | None = None
    try:
        yield
    except asyncio.CancelledError:
        patience = max(getattr(face, "farewell", FAREWELL) for face in faces)
        raise
    finally:
        bus.close()
        await asyncio.wait(watchers, timeout=patience)
        for watcher in watchers:
            watcher.cancel()


def _draws_lights(face: Face) -> bool:
    return getattr(face, "lights", False)


async def _watch(face: Face, events: Subscription) -> None:
    """Let a face show events. A defect in how it looks must not end the sync that it shows."""
    try:
        await face.show(events)
    except Exception as error:
        logging.getLogger("postboat.ui").error("the display broke", exc_info=error)
        with contextlib.suppress(OSError):
            print(f"postboat: the display broke, the sync goes on: {error!r}", file=sys.stderr, flush=True)
