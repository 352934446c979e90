"""What a face that is gone leaves behind: the terminal as it was, and what was written over its head."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import threading
from typing import TYPE_CHECKING

import pytest

from postboat.ui.apart.stray import KEPT, Stray
from postboat.ui.apart.terminal import NORMAL_SCREEN, Kept

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(theirs)
    os.close(ours)


def test_a_terminal_is_set_as_before(ends: tuple[int, int]) -> None:
    ours, theirs = ends
    before = termios.tcgetattr(theirs)
    kept = Kept(theirs)
    raw = termios.tcgetattr(theirs)
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(theirs, termios.TCSANOW, raw)
    os.write(ours, b"\x1b[<35;10;10M")  # the mouse, moved after the death of the face
    kept.restore(screen=True)
    assert termios.tcgetattr(theirs) == before
    assert os.read(ours, 1000).decode() == NORMAL_SCREEN
    assert not select.select([theirs], [], [], 0)[0], "it would be typed into the shell"


def test_a_face_that_left_well_has_left_the_screen_itself(ends: tuple[int, int]) -> None:
    ours, theirs = ends
    Kept(theirs).restore(screen=False)
    assert not select.select([ours], [], [], 0)[0]


def test_where_there_is_no_terminal_nothing_is_done() -> None:
    with open(os.devnull, "w") as nothing:
        Kept(nothing.fileno()).restore(screen=True)


def test_a_terminal_that_went_away_is_left_alone() -> None:
    ours, theirs = pty.openpty()
    kept = Kept(theirs)
    os.close(ours)
    kept.restore(screen=True)
    os.close(theirs)


@pytest.fixture
def stderr() -> Iterator[tuple[int, int]]:
    """Where something in the place of standard error leads, and that itself."""
    ours, theirs = os.pipe()
    yield ours, theirs
    os.close(theirs)
    os.close(ours)


class Heard(list[str]):
    """Lines that were told, which can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._more:
            self.append(line)
            self._more.notify_all()

    def wait_for(self, count: int) -> list[str]:
        with self._more:
            assert self._more.wait_for(lambda: len(self) >= count, 10)
        return list(self)


def test_what_anybody_writes_is_told_at_once_and_again_in_the_end(stderr: tuple[int, int]) -> None:
    ours, theirs = stderr
    heard = Heard()
    stray = Stray(heard, theirs)
    stray.catch()
    os.write(theirs, b"one\n")
    subprocess.run(["sh", "-c", "echo two >&2"], stderr=theirs, check=True)
    assert heard.wait_for(2) == ["one", "two"]
    assert stray.release() == ["one", "two"]
    assert not select.select([ours], [], [], 0)[0], "it was not written over the screen"
    os.write(theirs, b"three\n")
    assert os.read(ours, 100) == b"three\n"


def test_a_program_that_outlives_the_face_still_reaches_standard_error(stderr: tuple[int, int]) -> None:
    ours, theirs = stderr
    stray = Stray(Heard(), theirs)
    stray.catch()
    late = subprocess.Popen(["sh", "-c", "read line; echo late >&2"], stdin=subprocess.PIPE, stderr=theirs)
    assert stray.release() == []
    late.communicate(b"go\n")
    assert select.select([ours], [], [], 10)[0]
    assert os.read(ours, 100) == b"late\n"


def test_of_very_much_the_end_is_kept_and_nobody_waits(stderr: tuple[int, int]) -> None:
    _, theirs = stderr
    heard = Heard()
    stray = Stray(heard, theirs)
    stray.catch()
    for number in range(5_000):
        os.write(theirs, f"{number} {'x' * 100}\n".encode())
    heard.wait_for(5_000)
    lines = stray.release()
    assert (len(lines), lines[-1][:5]) == (KEPT, "4999 ")


def test_what_never_began_has_no_end() -> None:
    assert Stray(Heard()).release() == []
