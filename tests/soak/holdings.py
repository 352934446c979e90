"""What a process holds that must not grow: tasks, descriptors, connections."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import postboat

if TYPE_CHECKING:
    from tests.soak.scene import Scene

OURS = str(Path(postboat.__file__).parent)
OF_A_RELAYED_CONNECTION = 3
"""Sockets that this process has for each: Postboat's own, and the two of the line."""


@dataclass(frozen=True)
class Holdings:
    """What Postboat holds at one moment; its connections are held apart, since it may have more or fewer of them."""

    tasks: Counter[str]
    """By the function that they run."""
    files: Counter[str]
    """Open descriptors that are no sockets, by what they are."""
    sockets: int
    """Those that are no connections to the server."""

    def beyond(self, other: Holdings) -> str:
        """What is there that `other` has not; "" when there is nothing."""
        tasks, files = self.tasks - other.tasks, self.files - other.files
        sockets = self.sockets - other.sockets
        told = {"tasks": dict(tasks), "files": dict(files), "sockets": max(0, sockets)}
        return ", ".join(f"{name}: {what}" for name, what in told.items() if what)


def holdings(scene: Scene) -> Holdings:
    """What this process holds now: tasks that run code of ours, and descriptors."""
    tasks = Counter(filter(None, map(_task, asyncio.all_tasks())))
    targets = [target for target in map(_target, os.listdir("/proc/self/fd")) if target]
    sockets = sum(target.startswith("socket:") for target in targets)
    sockets -= OF_A_RELAYED_CONNECTION * scene.line.now + scene.neighbours.is_calling
    files = Counter(
        re.sub(r"(?<=:)\[\d+\]|(?<=#)\d+", "", target) for target in targets if not target.startswith("socket:")
    )
    return Holdings(tasks, files, sockets)


def _task(task: asyncio.Task[object]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return code.co_qualname if code is not None and code.co_filename.startswith(OURS) else ""


def _target(number: str) -> str:
    with suppress(FileNotFoundError):
        return os.readlink(f"/proc/self/fd/{number}")
    return ""
