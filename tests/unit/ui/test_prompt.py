"""Asking for a password on a terminal made for the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import termios
from typing import TYPE_CHECKING

import pytest

from postboat.config.schema import Secret
from postboat.ui.prompt import Terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def line() -> Iterator[tuple[int, int, str]]:
    """Our end of a terminal, its other end and that one's name."""
    ours, theirs = pty.openpty()
    yield ours, theirs, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def echoes(fd: int) -> bool:
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


async def shown(fd: int, until: bytes) -> bytes:
    seen = b""
    while until not in seen:
        seen += await asyncio.to_thread(os.read, fd, 1000)
    return seen


async def test_a_password_is_read_and_not_shown(line: tuple[int, int, str]) -> None:
    ours, theirs, name = line
    asking = asyncio.create_task(Terminal(device=name)("refused: \x1b[2J\nPassword for me: "))
    question = await shown(ours, b"me: ")
    assert b"\x1b" not in question
    assert not echoes(theirs)
    os.write(ours, "geheim ü\n".encode())
    assert await asking == Secret("geheim ü")
    assert echoes(theirs)
    assert b"geheim" not in await shown(ours, b"\n")


async def test_end_of_file_is_no_answer(line: tuple[int, int, str]) -> None:
    ours, _, name = line
    asking = asyncio.create_task(Terminal(device=name)("Password: "))
    await shown(ours, b": ")
    os.write(ours, b"\x04")
    assert await asking is None


async def test_without_a_terminal_there_is_no_answer() -> None:
    assert await Terminal(device="/nonexistent/tty")("Password: ") is None


async def test_a_terminal_that_goes_away_gives_no_answer() -> None:
    ours, theirs = pty.openpty()
    asking = asyncio.create_task(Terminal(device=os.ttyname(theirs))("Password: "))
    await shown(ours, b": ")
    os.close(theirs)
    os.close(ours)
    assert await asking is None


async def test_a_cancelled_question_leaves_the_terminal_echoing(line: tuple[int, int, str]) -> None:
    ours, theirs, name = line
    asking = asyncio.create_task(Terminal(device=name)("Password: "))
    await shown(ours, b": ")
    assert not echoes(theirs)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert echoes(theirs)
    os.write(ours, b"\n")  # let the thread that was left behind end


async def test_the_display_rests_while_a_question_stands(line: tuple[int, int, str]) -> None:
    ours, _, name = line
    resting = False

    @contextlib.asynccontextmanager
    async def paused() -> AsyncIterator[None]:
        nonlocal resting
        resting = True
        yield
        resting = False

    asking = asyncio.create_task(Terminal(paused, name)("Password: "))
    await shown(ours, b": ")
    assert resting
    os.write(ours, b"x\n")
    await asking
    assert not resting
