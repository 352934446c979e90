"""The dashboard on terminals that are lost, that have no colours, that tell things: real ones, with a real process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.fakes import job_control

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]
PROGRAM = """
import sys, time
from postboat.events import ServiceStarted
from postboat.status import ServiceStatus
from postboat.ui.blinkenlights import run
from postboat.ui.board.spans import Look
from postboat.ui.link import Happened, Snapshot
from tests.fakes.told_link import NOON, ToldLink
link = ToldLink(Snapshot(ServiceStatus(1, "1.0", NOON, "c")), Happened(ServiceStarted(("work", "caf\\xe9")), NOON))
if "broken" in sys.argv:
    link.take = lambda: 1 / 0
if "shell" in sys.argv:
    sys.path.append("tests/fakes")
    import job_control
    job_control.become_job(sets="sets" in sys.argv)
sys.exit(run(link, Look(unicode="ascii" not in sys.argv)))
"""


class Screen:
    """A terminal of 80 by 24, and the dashboard on it."""

    def __init__(self, *words: str, **env: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            cwd=ROOT,
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            env=kept | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.seen = b""
        self._open = [self.master, self.slave]

    def see(self, wanted: bytes) -> bytes:
        """Read until this is shown."""
        deadline = time.monotonic() + 10
        while wanted not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)
        return self.seen

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def hang_up(self) -> None:
        while self._open:
            os.close(self._open.pop())

    def end(self) -> tuple[int, str]:
        assert self.child.stderr is not None
        code = self.child.wait(10)
        return code, self.child.stderr.read().decode()


@contextlib.contextmanager
def screen(*words: str, **env: str) -> Iterator[Screen]:
    it = Screen(*words, **env)
    try:
        yield it
    finally:
        it.child.kill()
        it.child.communicate()
        it.hang_up()


def test_a_terminal_that_goes_away_ends_it_without_a_word() -> None:
    with screen() as it:
        it.see(b"work")
        it.hang_up()
        assert it.end() == (0, "")


def test_a_terminal_that_knows_unicode_gets_it() -> None:
    with screen() as it:
        it.see("─".encode())


def test_without_colours_and_in_ascii_nothing_else_is_written_and_the_terminal_is_given_back() -> None:
    with screen("ascii", NO_COLOR="1", TERM="linux") as it:
        it.see(b"caf?")
        it.press(b"\x03")
        it.see(b"Leave?")
        it.press(b"\x03")
        written = it.see(b"\x1b[?1049l\x1b[?25h")
        assert it.end() == (0, "")
        assert b"\x1b]" not in written, "it might print what it is asked"
        assert written.isascii() and not any(b"\x1b[%s" % colour in written for colour in (b"38;", b"1;38;", b"48;"))
        assert termios.tcgetattr(it.slave) == it.before


@pytest.mark.parametrize("sets", [False, True], ids=["leaves it", "sets it"])
def test_a_shell_that_takes_the_terminal_back_has_it_as_before_or_as_it_sets_it(*, sets: bool) -> None:
    with screen("shell", *(["sets"] if sets else [])) as it:
        it.see(b"work")
        it.child.send_signal(signal.SIGUSR1)  # the run is killed, the dashboard leaves, and then the shell
        it.see(b"\x1b[?1049l")
        assert it.end()[0] == 0
        wanted = it.before if not sets else job_control.as_shells_do(it.before)
        assert termios.tcgetattr(it.slave)[:4] == wanted[:4]


def test_a_light_background_that_the_terminal_tells_is_heeded_and_is_no_key() -> None:
    with screen(COLORTERM="truecolor") as it:
        it.see(b"work")
        it.press(b"\x1b]11;rgb:ffff/ff")
        it.press(b"ff/ffff\x1b\\")
        assert b"38;2;31;35;40" in it.see(b"38;2;31;35;40m postboat")
        assert b"filter" in it.seen and b"Leave?" not in it.seen


def test_a_defect_is_told_in_a_sentence_on_a_terminal_that_was_given_back() -> None:
    with screen("broken") as it:
        it.see(b"\x1b[?1049l\x1b[?25h")
        code, said = it.end()
        assert code == 1 and said.count("\n") == 1 and "ZeroDivisionError" in said
        assert termios.tcgetattr(it.slave) == it.before


def test_without_a_terminal_it_says_why_it_cannot_show() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True)
    assert b"CannotShow: standard output is no terminal" in said.stderr and not said.stdout
