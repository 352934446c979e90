"""The real program as it stays: started once, watched by what it writes as JSON, ended by a signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = (sys.executable, "-m", "postboat")
PATIENCE = 30.0
GRACE = 6.0
"""Seconds in which it must have ended when it was asked to."""

CONFIG = """\
[general]
accounts = ["Test"]
metadata = "{home}/state"
{general}
[account.Test]
localrepository = "Local"
remoterepository = "Remote"
autorefresh = {autorefresh}
{account}
[repository.Local]
type = "Maildir"
localfolders = "{mail}"
[repository.Remote]
type = "IMAP"
remotehost = "{host}"
remoteport = {port}
remoteuser = "{user}"
remotepass = "{password}"
ssl = false
starttls = false
{remote}
"""


class Staying:
    """A Postboat under way, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, run: tempfile.TemporaryDirectory[str]) -> None:
        self._process, self._run = process, run
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read(), name="events of a Postboat that stays")

    @classmethod
    async def start(cls, config: Path, *words: str, **environment: str) -> Self:
        """Start it with a configuration, and a runtime directory of its own."""
        home = config.parent
        run = tempfile.TemporaryDirectory(prefix="pb-")  # the name of a socket must be short
        env = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": run.name}
        process = await asyncio.create_subprocess_exec(
            *(*PROGRAM, "-c", str(config), "--json", *words),
            env=env | environment,
            cwd=home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        return cls(process, run)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def of(self, name: str, since: int = 0) -> list[dict[str, Any]]:
        """The events of one kind so far, but for the first `since` of all."""
        return [event for event in self.events[since:] if event["event"] == name]

    async def wait_for(self, name: str, since: int = 0, times: int = 1) -> dict[str, Any]:
        """Wait for an event of one kind, which may have come before; returns it."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                await self._news.wait_for(lambda: self._reading.done() or len(self.of(name, since)) >= times)
        except TimeoutError:
            raise AssertionError(f"no {name}: {self.events[since:]}") from None
        found = self.of(name, since)
        assert len(found) >= times, f"ended without {name}: {self.events[since:]}\n{await self._said()}"
        return found[times - 1]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; return its exit code."""
        async with asyncio.timeout(GRACE):
            code = await self._process.wait()
            await self._reading
        return code

    async def stop(self) -> int:
        """Ask it to end, and wait for that."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.events.append(json.loads(line))
            async with self._news:
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    async def _said(self) -> str:
        assert self._process.stderr is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                return (await self._process.stderr.read()).decode(errors="replace")
        return ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        await self._process.wait()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        self._run.cleanup()


def configure(
    home: Path,
    host: str,
    port: int,
    user: str,
    password: str,
    *,
    autorefresh: float = 5,
    general: str = "",
    account: str = "",
    remote: str = "holdconnectionopen = true",
) -> Path:
    """Write a configuration for one account that stays, with its Maildir in `mail-Test`."""
    path = home / "config.toml"
    text = CONFIG.format(
        home=home,
        mail=home / "mail-Test",
        host=host,
        port=port,
        user=user,
        password=password,
        autorefresh=autorefresh,
        general=general,
        account=account,
        remote=remote,
    )
    path.write_text(text)
    path.chmod(0o600)
    return path
