"""A link whose lines a test says and whose clock a test sets."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from postboat.ui.words import Manner

if TYPE_CHECKING:
    from postboat.ui.link import Line

NOON = 1_700_000_000.0


class ToldLink:
    """Tells what it is told to, and keeps what it is asked."""

    def __init__(
        self, *lines: Line, goes_on: bool = True, owned: bool = False, replay: bool = False, many: bool = True
    ) -> None:
        self.goes_on, self.owned, self.replay = goes_on, owned, replay
        self.manner = Manner(many_accounts=many)
        self.time = NOON
        self.asked: list[tuple[str, dict[str, object]]] = []
        self.answers: list[tuple[int, str | None]] = []
        self.speed, self.halted, self.ended = 1.0, False, False
        self._lines: list[Line] = []
        self._out, self._in = os.pipe()
        os.set_blocking(self._in, False)
        self.say(*lines)

    def say(self, *lines: Line) -> None:
        if lines:
            self._lines += lines
            with contextlib.suppress(BlockingIOError):
                os.write(self._in, b".")

    def now(self) -> float:
        return self.time

    def fileno(self) -> int:
        return self._out

    def take(self) -> list[Line]:
        if self._lines:
            os.read(self._out, 65536)
        lines, self._lines = self._lines, []
        return lines

    def ask(self, do: str, **facts: object) -> int:
        self.asked.append((do, facts))
        return len(self.asked)

    def answer(self, number: int, text: str | None) -> None:
        self.answers.append((number, text))

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)

    def halt(self) -> None:
        self.halted = not self.halted

    def faster(self) -> None:
        self.speed *= 2

    def slower(self) -> None:
        self.speed /= 2
