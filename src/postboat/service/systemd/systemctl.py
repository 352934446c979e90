"""Asks a user's systemd to do something, through its own program."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """What systemctl(1) made of a request."""

    status: int
    said: str

    @property
    def ok(self) -> bool:
        """Whether it did what it was asked."""
        return self.status == 0

    @property
    def facts(self) -> dict[str, str]:
        """Lines `NAME=VALUE`, as `systemctl show` writes them."""
        return dict(line.split("=", 1) for line in self.said.splitlines() if "=" in line)


async def systemctl(*words: str) -> Answer:
    """Run `systemctl --user`; where there is none, the answer says so."""
    try:
        process = await asyncio.create_subprocess_exec(
            "systemctl", "--user", *words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
    except OSError:
        return Answer(127, "there is no systemctl on this machine")
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    return Answer(process.returncode or 0, said.decode(errors="replace").strip())
