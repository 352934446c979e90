"""Signals that end nothing, and a terminal that goes away."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import textwrap

PRELUDE = """
import asyncio, os, signal, sys
from postboat.cli.run import on_signal, until_signalled

def say(word):
    os.write(int(sys.argv[1]), word.encode() + b"\\n")

async def work():
{body}

code = asyncio.run(until_signalled(work()))
say(f"code {{code}}")
sys.exit(code)
"""

ACTING = """
on_signal(signal.SIGUSR1, lambda: say("now"))
on_signal(signal.SIGUSR2, lambda: (say("finish"), over.set()))
on_signal(signal.SIGHUP, lambda: say("reload"))
"""
WAITING = """
over = asyncio.Event()
{acting}
say("up")
try:
    await over.wait()
except asyncio.CancelledError:
    say("cancelled")
    raise
return 0
"""


class Started:
    """A process that tells on a pipe of its own what happens to it."""

    def __init__(self, acting: str, **more: object) -> None:
        ours, theirs = os.pipe()
        body = WAITING.format(acting=acting)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE.format(body=textwrap.indent(body, "    ")), str(theirs)],
            pass_fds=(theirs,),
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more},  # type: ignore[call-overload]
        )
        os.close(theirs)
        self._said = os.fdopen(ours)

    def says(self) -> str:
        return self._said.readline().strip()

    def end(self) -> int:
        try:
            return self.process.wait(timeout=10)
        finally:
            self.process.kill()
            self.process.wait()
            self._said.close()


def test_a_command_can_act_on_them() -> None:
    started = Started(ACTING)
    assert started.says() == "up"
    for number, said in ((signal.SIGUSR1, "now"), (signal.SIGHUP, "reload"), (signal.SIGUSR1, "now")):
        started.process.send_signal(number)
        assert started.says() == said
    started.process.send_signal(signal.SIGUSR2)
    assert started.says() == "finish"
    assert started.says() == "code 0"
    assert started.end() == 0


def test_to_one_that_does_not_they_do_no_harm() -> None:
    started = Started("")
    assert started.says() == "up"
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        started.process.send_signal(number)
    started.process.send_signal(signal.SIGTERM)
    assert started.says() == "cancelled"
    assert started.says() == "code 143"
    assert started.end() == 143


def test_a_terminal_that_is_gone_ends_it_cleanly() -> None:
    ours, theirs = pty.openpty()
    started = Started(ACTING, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert started.says() == "up"
    started.process.send_signal(signal.SIGHUP)
    assert started.says() == "reload", "while its terminal is there"
    os.close(ours)
    started.process.send_signal(signal.SIGHUP)
    assert started.says() == "cancelled"
    assert started.says() == "code 129"
    assert started.end() == 129


def test_one_that_is_to_outlive_its_terminal_is_left_alone() -> None:
    """As nohup(1) starts it."""
    ours, theirs = pty.openpty()
    ignoring = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    started = Started(ACTING, stdin=theirs, preexec_fn=ignoring)
    os.close(theirs)
    assert started.says() == "up"
    os.close(ours)
    started.process.send_signal(signal.SIGHUP)
    started.process.send_signal(signal.SIGUSR2)
    assert started.says() == "finish"
    assert started.says() == "code 0"
    assert started.end() == 0


def test_a_command_may_go_on_without_its_terminal() -> None:
    ours, theirs = pty.openpty()
    acting = f"{ACTING}\nfrom postboat.cli.run import on_terminal_lost\non_terminal_lost(lambda: say('alone'))\n"
    started = Started(acting, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert started.says() == "up"
    os.close(ours)
    for _ in range(2):  # the kernel tells it, and then the shell
        started.process.send_signal(signal.SIGHUP)
        assert started.says() == "alone"
    started.process.send_signal(signal.SIGUSR2)
    assert started.says() == "finish"
    assert started.says() == "code 0"
    assert started.end() == 0


ENDING_ITSELF = """
from postboat.cli.run import end
on_signal(signal.SIGUSR1, lambda: end(signal.SIGTERM))
"""


def test_a_command_can_be_ended_from_within_as_by_a_signal() -> None:
    started = Started(ENDING_ITSELF)
    assert started.says() == "up"
    started.process.send_signal(signal.SIGUSR1)
    assert started.says() == "cancelled"
    assert started.says() == "code 143"
    assert started.end() == 143
