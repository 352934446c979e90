"""Questions in boxes over the dashboard: each knows what it says and what its keys do. Pure.

`press` tells whether the box is done with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.ui import words as common
from postboat.ui.blinkenlights import words
from postboat.ui.board.spans import Row, Span, width_of, wrapped
from postboat.ui.sentences import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postboat.ui.blinkenlights.words import Keys
    from postboat.ui.board.spans import Look
    from postboat.ui.board.words import Held
    from postboat.ui.link import Question

LONGEST = 1024
"""Characters that an answer may have."""
LINES = 12
"""Lines that a text gets in a box at most."""


class Box(Protocol):
    """A question to the user."""

    title: str

    def body(self, columns: int, look: Look) -> list[Row]:
        """What it says."""
        ...

    def foot(self, columns: int, look: Look) -> list[Row]:
        """What must be seen of it however small the screen is: an entry, and what can be pressed."""
        ...

    def press(self, key: str, character: str) -> bool:
        """Take a key, by Textual's name of it and as a character if it is one."""
        ...


class Password:
    """Asks for a line that is not shown."""

    title = words.SIGN_IN

    def __init__(self, question: Question, answer: Callable[[int, str | None], None]) -> None:
        self.number = question.number
        self._text, self._answer = question.text, answer
        self._typed: list[str] = []

    def body(self, columns: int, look: Look) -> list[Row]:
        """The question, in as many lines as it has."""
        return [
            [Span(line)] for text in self._text.splitlines() for line in wrapped(common.clean(text), columns, LINES)
        ]

    def foot(self, columns: int, look: Look) -> list[Row]:
        """As many dots as were typed."""
        mark, dot, here = ("› ", "•", "▏") if look.unicode else ("> ", "*", "_")
        dots = dot * min(len(self._typed), max(0, columns - 3))
        return [[Span(mark, "key"), Span(dots, "name"), Span(here, "key")], [], *keys(words.ANSWER, columns)]

    def press(self, key: str, character: str) -> bool:
        """Edit the answer, give it, or give none."""
        match key:
            case "enter":
                self._give("".join(self._typed))
                return True
            case "escape":
                self._give(None)
                return True
            case "backspace" | "ctrl+h":
                del self._typed[-1:]
            case "ctrl+u" | "ctrl+w":
                self._typed.clear()
            case _ if character:
                self.paste(character)
        return False

    def paste(self, text: str) -> None:
        """Add what was pasted, but for what could not be typed: its line ends, mostly."""
        self._typed += [char for char in text if char.isprintable()][: LONGEST - len(self._typed)]

    def _give(self, answer: str | None) -> None:
        self._typed.clear()
        self._answer(self.number, answer)


class Confirm:
    """Shows held deletions, one at a time, and takes the user's word on one of them."""

    title = words.HELD

    def __init__(self, plans: Sequence[Held], decide: Callable[[Held, str], None], manner: common.Manner) -> None:
        self._plans, self._decide, self._manner = list(plans), decide, manner
        self._at = 0

    def body(self, columns: int, look: Look) -> list[Row]:
        """Which folder, how many, why, and some of the subjects."""
        plan = self._plans[self._at]
        where = common.clean(f"{plan.account}: {plan.folder}") if plan.folder else common.clean(plan.account)
        doubt = waiting.doubt(plan, self._manner)
        rows: list[Row] = [[Span(where, "name")]]
        rows += [[Span(line)] for line in wrapped(f"{doubt[:1].upper()}{doubt[1:]}.", columns, LINES)]
        subjects = [waiting.subject(each) for each in plan.subjects]
        rows += [[Span("· ", "dim"), Span(subject)] for subject in subjects]
        if subjects and (more := plan.count - len(subjects)) > 0:
            rows.append([Span(f"  and {common.number(more)} more", "dim")])
        if len(self._plans) > 1:
            rows += [[], [Span(words.one_of(self._at + 1, len(self._plans)), "dim")]]
        return [*rows, [], [Span(words.MEANT, "attention")]]

    def foot(self, columns: int, look: Look) -> list[Row]:
        """Both verdicts, or neither."""
        return keys((words.LET_PASS, words.BRING_BACK, words.LATER), columns)

    def press(self, key: str, character: str) -> bool:
        """Decide, look at another, or leave it."""
        match key:
            case "y" | "r":
                self._decide(self._plans[self._at], "confirm" if key == "y" else "restore")
                return True  # a key that is held down must not decide on the next one
            case "right" | "down" | "tab" | "n":
                self._at = (self._at + 1) % len(self._plans)
            case "left" | "up" | "shift+tab" | "p":
                self._at = (self._at - 1) % len(self._plans)
        return key in ("escape", "q", "ctrl+c")


class Choose:
    """Asks what shall become of the run when the dashboard is left."""

    title = words.QUIT

    def __init__(self, text: str, keys: Keys, choose: Callable[[str], None]) -> None:
        self._text, self._keys, self._choose = text, keys, choose

    def body(self, columns: int, look: Look) -> list[Row]:
        """What goes on now."""
        return [[Span(line)] for line in wrapped(self._text, columns, LINES)]

    def foot(self, columns: int, look: Look) -> list[Row]:
        """The ways."""
        return keys(self._keys, columns)

    def press(self, key: str, character: str) -> bool:
        """Choose one. Ctrl+C once more is the first of them, as for one in a hurry."""
        key = self._keys[0][0] if key == "ctrl+c" else key
        if key == "escape":
            return True
        if key in {known for known, _ in self._keys}:
            self._choose(key)
            return True
        return False


def keys(known: Keys, columns: int) -> list[Row]:
    """Lay out keys and what they do in as few lines as they take."""
    rows: list[Row] = []
    for key, does in known:
        span = [Span(f"[{key}]", "key"), Span(f" {does}")]
        if rows and width_of(rows[-1]) + 3 + width_of(span) <= columns:
            rows[-1] += [Span("   "), *span]
        else:
            rows.append(span)
    return rows
