"""The process that a face runs in: started with the terminal, talked with over a socket, and ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from postboat.ui.apart.terminal import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDOUT = 1
TERMINAL = "/dev/tty"
LOOK = 0.02
"""Seconds between two looks whether it has ended, or stopped."""


class Process:
    """A child that draws. Its end of the socket is passed as the last argument of its command."""

    def __init__(self, command: Sequence[str]) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        self.terminal = Kept(STDOUT)
        try:
            with theirs, _streams() as (stdin, stderr):
                self._child = subprocess.Popen(
                    [*command, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=stdin, stderr=stderr
                )
        except BaseException:
            self.socket.close()
            raise

    @property
    def code(self) -> int | None:
        """How it ended, as `subprocess.Popen.returncode`; None while it did not."""
        return self._child.poll()

    async def gone(self, seconds: float) -> None:
        """Wait until it has ended, but not longer than so many seconds."""
        for _ in range(int(seconds / LOOK)):
            if self.code is not None:
                return
            await asyncio.sleep(LOOK)

    def is_stopped(self) -> bool:
        """Whether it stands still by a signal, as far as the system tells."""
        if not hasattr(os, "waitid"):
            return False
        how = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        with contextlib.suppress(ChildProcessError):
            return os.waitid(os.P_PID, self._child.pid, how) is not None
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        self._child.send_signal(number)

    def kill(self) -> None:
        """End it now, wait until it is gone, and hang up."""
        self._child.kill()  # ends one that is stopped as well
        self._child.wait()
        self.socket.close()

    def end(self, *, screen: bool) -> None:
        """End it now if it did not, and set the terminal as before; with `screen`, leave what was drawn on as well."""
        self.kill()
        self.terminal.restore(screen=screen)

    def stop_with_it(self) -> None:
        """Stop as Ctrl+Z does, once the child has given the terminal back; return when both go on."""
        before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # the child may pass it on to us
        try:
            self._wait_until_stopped(0.5)
            if not self.is_stopped():  # the signal was for us alone
                self.signal(signal.SIGTSTP)
                self._wait_until_stopped(0.5)
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)  # does nothing where no shell could let us go on
            os.kill(os.getpid(), signal.SIGTSTP)
            time.sleep(LOOK)
            if self.is_stopped():  # and not one of a group that goes on
                self.signal(signal.SIGCONT)
        finally:
            signal.signal(signal.SIGTSTP, before)

    def _wait_until_stopped(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_stopped() and self.code is None and time.monotonic() < deadline:
            time.sleep(LOOK)  # nothing of ours is to go on now


@contextlib.contextmanager
def _streams() -> Iterator[tuple[int | None, int | None]]:
    """Standard input and error for a child that draws: the terminal, wherever ours lead, if output goes there."""
    stdin: int | None = None
    if not os.isatty(STDOUT):
        yield None, None
        return
    with contextlib.suppress(OSError):
        stdin = None if os.isatty(0) else os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
    try:
        yield stdin, None if os.isatty(2) else STDOUT
    finally:
        if stdin is not None:
            os.close(stdin)
