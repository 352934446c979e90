"""A shell on a terminal, a job in its foreground, and in that a process that outlives the job's first one."""

from __future__ import annotations

import os
import signal
import termios
from typing import Any


def become_job(*, sets: bool) -> None:
    """Return in a process whose parent ends, and whose shell takes the terminal, once the shell gets SIGUSR1.

    With `sets`, the shell sets the terminal then. It asks the process to end, and ends after it.
    """
    before = termios.tcgetattr(0)
    ours, theirs = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    if (job := os.fork()) == 0:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        if (drawing := os.fork()) == 0:
            return
        os.write(theirs, f"{drawing}\n".encode())
        signal.pause()
    os.close(theirs)
    drawing = int(os.read(ours, 100))
    signal.sigwait([signal.SIGUSR1])
    os.kill(job, signal.SIGKILL)
    os.waitpid(job, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpgrp())
    if sets:
        termios.tcsetattr(0, termios.TCSANOW, as_shells_do(before))
    os.kill(drawing, signal.SIGTERM)
    os.read(ours, 1)  # which it ends
    os._exit(0)


def as_shells_do(attributes: list[Any]) -> list[Any]:
    """A terminal on which a shell edits a line."""
    lines = list(attributes)
    lines[0] |= termios.ICRNL
    lines[3] = (lines[3] | termios.ISIG) & ~(termios.ECHO | termios.ICANON)
    return lines
