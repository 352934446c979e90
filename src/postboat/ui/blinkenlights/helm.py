"""What the user sees and wants: keys become a focus, a question to the run, or an answer; lines of the link come in.

It knows nothing of Textual, of terminals or of time but for what it is told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from postboat.ui import words as common
from postboat.ui.blinkenlights import words
from postboat.ui.blinkenlights.boxes import Choose, Confirm, Password
from postboat.ui.blinkenlights.overlay import boxed, inside, over
from postboat.ui.board import draw
from postboat.ui.board.board import Board
from postboat.ui.board.focus import Focus, moved, opened
from postboat.ui.board.spans import Row, Span, fitted
from postboat.ui.link import Answered, Over, Question, Withdrawn
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from postboat.ui.blinkenlights.boxes import Box
    from postboat.ui.board.spans import Look
    from postboat.ui.board.words import Held
    from postboat.ui.link import Line, Link, Recorded

ASKED = 2.0
"""Seconds for which it is told that something was asked for."""
NOTICE = 8.0
"""Seconds for which a notice stands; a key ends it sooner."""
PAGE = 10
"""Lines that Page Up and Page Down scroll."""
PANELS: Mapping[str, str] = {"e": "errors", "l": "log", "question_mark": "help", "enter": "detail", "f1": "help"}
STEPS: Mapping[str, int] = {"up": -1, "down": 1, "k": -1, "j": 1, "pageup": -PAGE, "pagedown": PAGE, "space": PAGE}
ENDS: Mapping[str, int] = {"home": -(10**6), "end": 10**6, "g": -(10**6), "G": 10**6}


@dataclass(slots=True)
class Notice:
    """Something said in the last line for a while."""

    text: str
    until: float


class Helm:
    """Stands between the keys, the board and the link. `done` says that it is time to leave."""

    def __init__(self, link: Link, look: Look) -> None:
        self.link, self.look = link, look
        self.board = Board(link.manner, goes_on=link.goes_on, replay=link.replay)
        self.focus = Focus()
        self.done = False
        self.size = (80, 24)
        self._box: Box | None = None
        """What the user opened; questions of the run wait until that is closed."""
        self._questions: list[Password] = []
        self._asked: set[int] = set()
        self._notice: Notice | None = None

    @property
    def box(self) -> Box | None:
        """The box that is shown and takes the keys."""
        return self._box or (self._questions[0] if self._questions else None)

    # --- what the link tells ------------------------------------------------------------------------------------

    def hear(self, lines: Iterable[Line]) -> None:
        """Learn of what came."""
        now = self.link.now()
        for line in lines:
            match line:
                case Question():
                    self._questions.append(Password(line, self.link.answer))
                case Withdrawn(number=number):
                    self._questions = [known for known in self._questions if known.number != number]
                case Answered(number=number, refusal=refusal):
                    if number in self._asked and refusal:
                        self.say(words.REFUSED.format(reason=common.clean(refusal)))
                    self._asked.discard(number)
                case Over():
                    self.done = True
            self.board.learn(line, now)

    # --- what is seen -------------------------------------------------------------------------------------------

    def screen(self, columns: int, lines: int) -> list[Row]:
        """Draw all of it, now."""
        self.size = columns, lines
        now = self.link.now()
        rows = draw.screen(self.board, self.focus, now, columns, lines, self.look)
        if columns < 1 or lines < 1:
            return rows
        if box := self.box:
            room = inside(columns, lines)
            body, foot = box.body(room, self.look), box.foot(room, self.look)
            rows = over(rows, boxed(box.title, body, foot, columns, lines, self.look), columns, lines)
        if self._notice and now < self._notice.until:
            rows[-1] = fitted([Span(f" {self._notice.text}", "attention")], columns, self.look)
        return rows

    def say(self, text: str, seconds: float = NOTICE) -> None:
        """Say something in the last line for a while."""
        self._notice = Notice(text, self.link.now() + seconds)

    # --- what is pressed ----------------------------------------------------------------------------------------

    def press(self, key: str, character: str = "") -> None:
        """Take a key, by Textual's name of it and as a character if it is one."""
        self._notice = None
        if self._box is not None:
            box = self._box
            if box.press(key, character) and self._box is box:
                self._box = None
        elif self._questions and key != "ctrl+c":
            if self._questions[0].press(key, character):
                del self._questions[0]
        elif key == "ctrl+c":
            self._leave()
        elif self.focus.typing:
            self._type(key, character)
        else:
            self._press(key, character)

    def paste(self, text: str) -> None:
        """Take a text that was pasted, where one is asked for; elsewhere it is no row of keys."""
        if isinstance(box := self.box, Password):
            box.paste(text)
        elif self.focus.typing and box is None:
            kept = "".join(char for char in text if char.isprintable())
            self.focus = replace(self.focus, filter=self.focus.filter + kept)

    def choose(self, account: str) -> None:
        """Put the cursor on an account."""
        if self.box is None and not self.focus.panel:
            self.focus = replace(self.focus, account=account)

    def _type(self, key: str, character: str) -> None:
        text = self.focus.filter
        match key:
            case "enter":
                self.focus = replace(self.focus, typing=False)
                return
            case "escape":
                self.focus = replace(self.focus, typing=False, filter="")
                return
            case "backspace" | "ctrl+h":
                text = text[:-1]
            case "ctrl+u" | "ctrl+w":
                text = ""
            case _ if character.isprintable():
                text += character
        self.focus = replace(self.focus, filter=text, scroll=0)

    def _press(self, key: str, character: str) -> None:
        if key == "q":
            self._leave()
        elif self.link.replay and self._steer(key):
            return
        elif key in PANELS:
            self._open(PANELS[key])
        elif key in ("slash", "/"):
            self.focus = replace(self.focus, typing=True)
        elif key == "escape":
            self._back()
        elif key in STEPS or key in ENDS:
            self._move(STEPS.get(key) or ENDS[key])
        elif character and character in "0123456789spc":
            self._command(character)

    def _open(self, panel: str) -> None:
        if panel == "detail" and self.board.accounts:
            self.focus = replace(self.focus, account=self._under_cursor())
        self.focus = opened(self.focus, panel)

    def _back(self) -> None:
        if self.focus.panel:
            self.focus = opened(self.focus, "")
        else:
            self.focus = replace(self.focus, filter="")

    def _move(self, by: int) -> None:
        if not self.focus.panel:
            self.focus = moved(self.focus, draw.names(self.board, self.focus), by)
            return
        by = -by if self.focus.panel == "log" else by  # it is scrolled up from its newest line
        columns, lines = self.size
        most = draw.furthest(self.board, self.focus, self.link.now(), columns, lines, self.look)
        self.focus = replace(self.focus, scroll=max(0, min(most, self.focus.scroll + by)))

    def _under_cursor(self) -> str:
        shown = draw.names(self.board, self.focus)
        return self.focus.account if self.focus.account in shown or not shown else shown[0]

    # --- what is asked of the run -------------------------------------------------------------------------------

    def _command(self, key: str) -> None:
        if self.link.replay:
            self.say(words.REPLAY_ONLY)
        elif key == "s":
            self._ask("now", targets=[])
            self.say(words.SYNC_ALL, ASKED)
        elif key == "p":
            self._pause()
        elif key == "c":
            self._confirm()
        elif (nth := (int(key) - 1) % 10) < len(names := self.board.accounts):
            self._ask("now", targets=[names[nth]])
            self.say(words.SYNC.format(account=common.clean(names[nth])), ASKED)

    def _pause(self) -> None:
        """Pause or resume all; where the detail of an account is open, that one."""
        known = self.board.status.accounts
        names = [self.focus.account] if self.focus.panel == "detail" and self.focus.account in known else list(known)
        paused = bool(names) and all(known[name].paused for name in names)
        self._ask("resume" if paused else "pause", targets=names if self.focus.panel == "detail" else [])

    def _confirm(self) -> None:
        first = self._under_cursor()
        plans = sorted(self.board.plans(), key=lambda plan: plan.account != first)
        if plans:
            self._box = Confirm(plans, self._decide, self.board.manner)
        else:
            self.say(words.NOTHING_HELD)

    def _decide(self, plan: Held, verdict: str) -> None:
        target = f"{plan.account}:{plan.folder}" if plan.folder else plan.account
        self._ask("confirm", targets=[target], verdict=verdict)
        more = sum((each.account, each.folder) != (plan.account, plan.folder) for each in self.board.plans())
        self.say(words.decided(plan.account, plan.folder, verdict, more))

    def _ask(self, do: str, **facts: object) -> None:
        self._asked.add(self.link.ask(do, **facts))

    def _steer(self, key: str) -> bool:
        """Stop the recording, let it go on, change its speed; False when the key does none of that."""
        recorded = cast("Recorded", self.link)
        steer: Mapping[str, Callable[[], None]] = {
            "space": recorded.halt,
            "plus": recorded.faster,
            "minus": recorded.slower,
        }
        if key not in steer:
            return False
        steer[key]()
        self.say(words.HALTED if recorded.halted else words.speed(recorded.speed))
        return True

    # --- the end ------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        link, over = self.link, self.board.exit_code is not None
        if link.replay:
            self.done = True
        elif not link.goes_on:
            self._stop()
            self.done = self.done or over
        elif link.owned:
            self._box = Choose(words.STOP_OR_GO_ON, words.QUIT_OWNED, self._leave_owned)
        else:
            self._box = Choose(words.SERVICE_GOES_ON, words.QUIT_ATTACHED, self._leave_service)

    def _stop(self) -> None:
        self._ask("stop")
        self.say(words.STOPPING)

    def _leave_owned(self, key: str) -> None:
        if key == "q":
            self._stop()
        else:
            self._ask("leave")

    def _leave_service(self, key: str) -> None:
        if key == "s":
            self._ask("stop")
        self.done = True
