"""Commands that take long on a slow line, on a terminal: they say what they are at, and leave it clean."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.fakes.terminal import FakeTerminal
from tests.real.program import MODULE, PATIENCE, configure
from tests.real.voyage import Voyage, message
from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.real


@pytest.fixture
async def far_away(tmp_path: Path, dovecot) -> AsyncIterator[Voyage]:
    """An account with two folders on a server that is a third of a second away."""
    account = dovecot.account()
    near = Voyage(tmp_path, account)
    near.create("Work")
    near.deliver(message(1), message(2))
    async with Proxy(account.host, account.port, delay=0.15) as proxy:
        yield Voyage(tmp_path, account, remotehost=proxy.host, remoteport=proxy.port)


class Seen:
    """What a program that has a terminal for its errors only wrote to it."""

    def __init__(self, voyage: Voyage, *words: str) -> None:
        self._near, far = pty.openpty()
        command = (sys.executable, *MODULE, *words, "-c", str(configure(voyage)))
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=far,
            text=True,
            env=os.environ | {"TERM": "xterm"},
        )
        os.close(far)
        self.terminal = FakeTerminal()

    def read(self) -> bool:
        """Take what comes next; False when the program has closed its terminal."""
        try:
            piece = os.read(self._near, 65_536)
        except OSError:  # as Linux says that nobody has the other end any more (EIO)
            piece = b""
        self.terminal.write(piece.decode().replace("\r\n", "\n"))
        return bool(piece)

    async def read_until(self, text: str) -> None:
        while text not in self.terminal.getvalue():
            assert await asyncio.to_thread(self.read), f"{text} was never there: {self.terminal.getvalue()!r}"

    async def read_to_the_end(self) -> str:
        while await asyncio.to_thread(self.read):
            pass
        out, _ = await asyncio.to_thread(self.process.communicate, timeout=PATIENCE)
        return out

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self._near)


@contextmanager
def watching(voyage: Voyage, *words: str) -> Iterator[Seen]:
    """Run the program and see what it writes to its terminal."""
    seen = Seen(voyage, *words)
    try:
        yield seen
    finally:
        seen.close()


async def test_check_says_what_it_is_at_and_leaves_only_its_results(far_away: Voyage) -> None:
    with watching(far_away, "check") as seen:
        await seen.read_until("  connecting  0:00")
        await seen.read_until("  listing folders  0:0")
        await seen.read_until("  counting messages, 0 of 2 folders")
        out = await seen.read_to_the_end()
    assert seen.process.returncode == 0
    assert seen.terminal.screen == []
    assert "INBOX  ->  INBOX  (2 messages" in out and "\x1b" not in out


async def test_a_check_that_is_interrupted_leaves_a_sentence(far_away: Voyage) -> None:
    with watching(far_away, "check") as seen:
        await seen.read_until("connecting")
        seen.process.send_signal(signal.SIGINT)
        assert await seen.read_to_the_end() == ""
    assert seen.process.returncode == 130
    assert seen.terminal.screen == ["postboat: stopped by SIGINT"]


async def test_programs_get_nothing_but_json(far_away: Voyage) -> None:
    with watching(far_away, "folders", "--json") as seen:
        out = await seen.read_to_the_end()
    assert seen.terminal.getvalue() == ""
    assert len(out.splitlines()) == 2
