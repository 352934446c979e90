"""The window as a program of its own: shows the recording that is named, and writes what is asked for to its output."""

from __future__ import annotations

import sys

from tests.fakes.boards import lines_of, voyage
from tests.fakes.told_link import ToldLink

from postboat.ui.link import Answered, Over, Question
from postboat.ui.window import run


class TellingLink(ToldLink):
    """Writes down at once what it is asked, and does it."""

    def ask(self, do: str, **facts: object) -> int:
        number = super().ask(do, **facts)
        print("ask", do, facts, flush=True)
        self.say(*([Over()] if do == "stop" else []), Answered(number))
        return number

    def answer(self, number: int, text: str | None) -> None:
        print("answer", number, text, flush=True)
        self.say(Question(number + 1, "wrong\nPassword for anna: ")) if text == "wrong" else None


if __name__ == "__main__":
    name, *questions = sys.argv[1:]
    link = TellingLink(*lines_of(name), goes_on=name != "one_shot", owned=True)
    link.time = voyage(name)[1]
    link.say(*(Question(number, text) for number, text in enumerate(questions)))
    sys.exit(run(link))
