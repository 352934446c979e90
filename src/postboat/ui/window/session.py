"""A run in a window: lines come in over the link, pictures of the board go out, wishes go back."""

from __future__ import annotations

from tkinter import READABLE
from typing import TYPE_CHECKING, cast

from postboat.ui.board import Board
from postboat.ui.link import Answered, Over, Question, Withdrawn
from postboat.ui.window import dialogs, words
from postboat.ui.window.presenter import Presenter
from postboat.ui.window.window import MainWindow

if TYPE_CHECKING:
    import tkinter

    from postboat.ui.link import Line, Link, Recorded
    from postboat.ui.window.dialogs import Dialog
    from postboat.ui.window.memory import Memory
    from postboat.ui.window.picture import Picture
    from postboat.ui.window.theme import Theme

PACE = 250
"""Milliseconds between two looks at the link, and so between two drawings."""
TICK = 1000
"""Milliseconds after which clocks are drawn though nothing happens."""
GRACE = 2000
"""Milliseconds that the run gets to say that it is over once it was asked to end."""


class Session:
    """Holds the board, and does what the user wants. `window.Orders`."""

    def __init__(self, root: tkinter.Tk, theme: Theme, link: Link, memory: Memory, *, dark: bool) -> None:
        self._root, self._theme, self._link, self._memory = root, theme, link, memory
        self.can_ask = link.goes_on and not link.replay
        self._dark = dark
        self._board = Board(link.manner, goes_on=link.goes_on, replay=link.replay)
        self._presenter = Presenter(self._board, link)
        self._picture: Picture | None = None
        self._questions: list[Question] = []
        self._dialog: Dialog | None = None
        self._asked: dict[int, str] = {}
        self._leaving = False
        self._selected = -1
        self._tick = ""
        self._window = MainWindow(root, theme, self)
        self._window.recolour(dark=dark)

    def begin(self) -> None:
        """Hear the link from now on."""
        self._bind()
        self._listen()
        self._draw()

    # ---- the link ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._root.createfilehandler(self._link.fileno(), READABLE, lambda *_: self._hear())

    def _hear(self) -> None:
        """Take what came and draw it, then look away for a moment: what comes in between is drawn together."""
        self._root.deletefilehandler(self._link.fileno())
        for line in self._link.take():
            if self._heed(line):
                self.end()
                return
        self._draw()
        self._root.after(PACE, self._listen)

    def _heed(self, line: Line) -> bool:
        """Learn a line; whether it is the last one."""
        match line:
            case Over():
                return True
            case Question():
                self._questions.append(line)
                self._ask_next()
            case Withdrawn(number=number):
                self._withdraw(number)
            case Answered():
                return self._learn_answer(line)
            case _:
                self._board.learn(line, self._link.now())
                self._presenter.note(line)
        return False

    def _learn_answer(self, answer: Answered) -> bool:
        asked = self._asked.pop(answer.number, "")
        if answer.refusal:
            self._leaving = False
            self._presenter.refused(answer.refusal)
        return asked == "leave" and not answer.refusal

    def _ask(self, do: str, **facts: object) -> None:
        self._presenter.refused("")
        self._asked[self._link.ask(do, **facts)] = do

    # ---- drawing ----------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        now = self._link.now()
        picture = self._presenter.picture(now)
        if picture != self._picture:
            self._picture = picture
            self._window.show(picture)
        lines, anew = self._presenter.new_lines()
        self._window.add_lines(lines, anew=anew)
        if self._tick:
            self._root.after_cancel(self._tick)
        self._tick = self._root.after(TICK, self._draw)

    def toggle_dark(self) -> None:
        """Change between light and dark, and remember it."""
        self._memory.dark = not self._dark
        self.follow_desktop(dark=not self._dark)

    def follow_desktop(self, *, dark: bool) -> None:
        """Change to light or dark."""
        if dark != self._dark:
            self._dark = dark
            self._window.recolour(dark=dark)

    def filter(self, text: str) -> None:
        """Show only accounts, folders and lines with the text in them."""
        self._presenter.filter(text)
        self._draw()

    # ---- wishes -----------------------------------------------------------------------------------------------

    def sync(self, account: str) -> None:
        """Sync an account now."""
        if self.can_ask:
            self._ask("now", targets=[account])

    def sync_all(self) -> None:
        """Sync all accounts now."""
        if self.can_ask:
            self._ask("now", targets=[])

    def rest(self, account: str, *, on: bool) -> None:
        """Let an account rest, or go on."""
        if self.can_ask:
            self._ask("pause" if on else "resume", accounts=[account])

    def rest_all(self) -> None:
        """Let all accounts rest, or go on when all do."""
        if self.can_ask and self._picture is not None:
            self._ask("resume" if self._picture.paused else "pause", accounts=[])

    def decide(self, plan: int) -> None:
        """Let the user decide on the picture's nth plan, which the dialog names."""
        if not self.can_ask or self._busy() or self._picture is None or plan >= len(self._picture.plans):
            return
        chosen = self._picture.plans[plan]

        def answer(verdict: str) -> None:
            if verdict:
                self._ask("confirm", targets=[chosen.target], verdict=verdict)
            self._ask_next()

        self._dialog = dialogs.ask_about_plan(self._root, self._theme, chosen, answer)

    def _decide_next(self) -> None:
        """Decide on the first plan of the account that is marked, or of all."""
        plans = self._picture.plans if self._picture is not None else ()
        marked = self._marked()
        own = (index for index, plan in enumerate(plans) if plan.target.partition(":")[0] == marked)
        self.decide(next(own, 0))

    # ---- questions --------------------------------------------------------------------------------------------

    def _busy(self) -> bool:
        return self._dialog is not None and self._dialog.is_open

    def _ask_next(self) -> None:
        """Ask the next question, unless the user is asked something."""
        if not self._questions or self._busy():
            return
        question = self._questions[0]

        def answer(text: str | None) -> None:
            self._questions.remove(question)
            self._link.answer(question.number, text)
            self._ask_next()

        self._dialog = dialogs.ask_password(self._root, self._theme, question.text, answer)

    def _withdraw(self, number: int) -> None:
        shown = bool(self._questions) and self._questions[0].number == number
        self._questions = [each for each in self._questions if each.number != number]
        if shown and self._dialog is not None:
            self._dialog.close()
        self._ask_next()

    # ---- the end ----------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """End, after asking what shall become of a run that goes on; asked again, end at once."""
        link = self._link
        if link.replay or self._leaving:
            return self.end()
        if not link.goes_on:
            return self._stop()
        if self._busy():
            return None
        ways = [("Stop syncing", self._stop), ("Go on without the window", self._let_go)]
        text = words.HOW_TO_LEAVE_OWN
        if not link.owned:
            ways = [("Leave, the service goes on", self.end), ("Stop the service too", self._stop)]
            text = words.HOW_TO_LEAVE
        self._dialog = dialogs.ask_how_to_leave(self._root, self._theme, text, ways)
        return None

    def _stop(self) -> None:
        """End the run; the window stays until that says that it is over, which takes as long as it needs."""
        self._leaving = True
        self._ask("stop")
        self._presenter.stopping()
        self._draw()

    def _let_go(self) -> None:
        self._ask("leave")
        self._root.after(GRACE, self.end)

    def end(self) -> None:
        """Close the window."""
        self._memory.geometry = self._root.geometry()
        self._root.quit()

    # ---- keys -------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        keys = {
            "s": self.sync_all,
            "p": self._rest_marked,
            "c": self._decide_next,
            "e": lambda: self._window.pages.turn_to(1),
            "l": lambda: self._window.pages.turn_to(0),
            "t": self.toggle_dark,
            "q": self.leave,
            "slash": self._window.search,
            "question": self._show_keys,
            "F1": self._show_keys,
            "Up": lambda: self._move(-1),
            "Down": lambda: self._move(1),
            "Escape": self._escape,
        }
        if self._link.replay:
            recorded = cast("Recorded", self._link)
            keys |= {"space": recorded.halt, "plus": recorded.faster, "minus": recorded.slower}
        for key, do in keys.items():
            self._root.bind(f"<Key-{key}>", lambda event, do=do: self._on_key(event, do))  # type: ignore[misc]
        for digit in range(10):
            nth = (digit - 1) % 10
            self._root.bind(f"<Key-{digit}>", lambda event, nth=nth: self._on_key(event, lambda: self._sync_nth(nth)))  # type: ignore[misc]
        self._root.bind("<Control-q>", lambda _: self.leave())
        self._root.bind("<Control-w>", lambda _: self.leave())

    def _on_key(self, event: tkinter.Event[tkinter.Misc], do: object) -> None:
        """Do what a key stands for, unless it is meant for another window or for the field where texts are typed."""
        plain = not int(event.state) & 0x4C  # Control, Alt and Super
        typing = event.widget is self._window.field and event.keysym != "Escape"
        if plain and not typing and event.widget.winfo_toplevel() is self._root and callable(do):
            do()

    def _sync_nth(self, nth: int) -> None:
        cards = {card.key: card.account for card in self._picture.cards} if self._picture else {}
        if account := cards.get(str((nth + 1) % 10)):
            self.sync(account)

    def _marked(self) -> str:
        cards = self._picture.cards if self._picture is not None else ()
        return cards[self._selected].account if 0 <= self._selected < len(cards) else ""

    def _move(self, step: int) -> None:
        many = len(self._picture.cards) if self._picture is not None else 0
        self._selected = max(0, min(many - 1, self._selected + step)) if many else -1
        self._window.cards.select(self._marked())

    def _rest_marked(self) -> None:
        """Let the account that is marked rest or go on; all when none is."""
        marked = self._marked()
        cards = self._picture.cards if self._picture is not None else ()
        card = next((card for card in cards if card.account == marked), None)
        if card is None:
            self.rest_all()
        else:
            self.rest(card.account, on=not card.paused)

    def _escape(self) -> None:
        self._selected = -1
        self._window.cards.select("")
        self._window.forget_search()

    def _show_keys(self) -> None:
        if not self._busy():
            keys = words.KEYS_OF_A_RECORDING if self._link.replay else words.KEYS
            self._dialog = dialogs.show_keys(self._root, self._theme, keys)
