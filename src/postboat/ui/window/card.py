"""One account in the window: its lights, how it is, its folders at work, and buttons."""

from __future__ import annotations

import tkinter
from tkinter import ttk
from typing import TYPE_CHECKING, Protocol

from postboat.ui.window.easel import Easel

if TYPE_CHECKING:
    from postboat.ui.window import picture
    from postboat.ui.window.theme import Theme

PAD, GAP = 10.0, 5.0
"""Points around a card's contents, and between its rows."""
MARK, LIGHT = 13.0, 9.5
"""Points that the account's mark and its connections' lights measure."""
NAME, TEXT = 120.0, 160.0
"""Points at most for a folder's name, and for what is told of it."""
SPARK = (90.0, 13.0)
"""Width and height of the traffic's picture, in points."""


class Wishes(Protocol):
    """What the buttons of an account do."""

    can_ask: bool
    """Whether there is anybody to ask: not in a recording, nor of a run that ends by itself."""

    def sync(self, account: str) -> None:
        """Sync it now."""
        ...

    def rest(self, account: str, *, on: bool) -> None:
        """Let it rest, or go on."""
        ...

    def decide(self, plan: int) -> None:
        """Let the user decide on the picture's nth plan."""
        ...


class CardView:
    """Draws an account; only what changed since the last time."""

    def __init__(self, parent: tkinter.Misc, theme: Theme, wishes: Wishes) -> None:
        self.canvas = tkinter.Canvas(parent, highlightthickness=1, borderwidth=0, height=10, takefocus=0)
        self._theme, self._wishes = theme, wishes
        self._easel = Easel(self.canvas)
        self._card: picture.Card | None = None
        self._width = 0
        self._height = 0
        self._selected = False
        self._sync = ttk.Button(self.canvas, text="Sync now", style="Card.TButton", command=self._ask_to_sync)
        self._pause = ttk.Button(self.canvas, style="Card.TButton", command=self._ask_to_rest)
        self._decide: list[ttk.Button] = []
        self.canvas.bind("<Configure>", self._on_width)
        self.recolour()

    def tip(self, item: int) -> str:
        """What to say of an item under the pointer."""
        return self._easel.tips.get(item, "")

    def recolour(self) -> None:
        """Draw all of it in the theme's present colours."""
        palette = self._theme.palette
        edge = palette.accent if self._selected else palette.line
        self.canvas.configure(background=palette.card, highlightbackground=edge)
        if self._card is not None:
            self._draw(self._card)

    def select(self, *, on: bool) -> None:
        """Mark it as the one that keys are about."""
        if on != self._selected:
            self._selected = on
            self.recolour()

    def show(self, card: picture.Card) -> None:
        """Show an account."""
        if card != self._card:
            self._card = card
            self._draw(card)

    def _on_width(self, event: tkinter.Event[tkinter.Canvas]) -> None:
        if event.width != self._width and self._card is not None:
            self._width = event.width
            self._draw(self._card)

    def _draw(self, card: picture.Card) -> None:
        if self._width < 50:  # not on the screen yet
            return
        px = self._theme.px
        y = self._draw_head(card, px(PAD))
        for index, folder in enumerate(card.folders):
            y = self._draw_folder(index, folder, y + px(GAP))
        for index, note in enumerate(card.notes):
            y = self._draw_note(index, note, y + px(GAP))
        self._easel.done()
        if (height := y + px(PAD)) != self._height:
            self._height = height
            self.canvas.configure(height=height)

    def _draw_head(self, card: picture.Card, y: int) -> int:
        theme, easel, px = self._theme, self._easel, self._theme.px
        left, right = px(PAD + MARK + 7), self._width - px(PAD)
        line = theme.bold.metrics("linespace")
        mark = theme.mark(card.mark.shape, card.mark.style, MARK)
        easel.image(("mark",), (px(PAD), y + (line - px(MARK)) // 2), mark, card.mark.tip)
        edge = self._draw_buttons(card, right, y, line) if self._wishes.can_ask else right
        lights = len(card.lights) * px(LIGHT + 3)
        title = theme.fit(card.title, max(0, edge - left - lights - px(12)), theme.bold)
        easel.text(("title",), (left, y), title, theme.colour("name"), theme.bold)
        self._draw_lights(card, left + theme.bold.measure(title) + px(9), y + (line - px(LIGHT)) // 2)
        y += line + px(4)
        self._draw_spark(card, right, y + px(2))
        room = right - left - px(SPARK[0] + 10) * bool(card.spark)
        state = theme.fit(card.state, room, theme.text)
        easel.text(("state",), (left, y), state, theme.colour(card.style), theme.text)
        used = theme.text.measure(state + "   ")
        facts = theme.fit(card.facts, room - used, theme.text) if room > used else ""
        easel.text(("facts",), (left + used, y), facts, theme.colour("dim"), theme.text)
        return y + theme.text.metrics("linespace")

    def _draw_buttons(self, card: picture.Card, right: int, y: int, line: int) -> int:
        """Place the buttons; return where they begin."""
        text = "Resume" if card.paused else "Pause"
        if self._pause.cget("text") != text:
            self._pause.configure(text=text)
        for name, button in (("pause", self._pause), ("sync", self._sync)):
            top = y + (line - button.winfo_reqheight()) // 2
            self._easel.widget((name,), (right, top), button)
            right -= button.winfo_reqwidth() + self._theme.px(5)
        if card.key:
            theme, px = self._theme, self._theme.px
            middle = y + line // 2
            half = theme.small.metrics("linespace") // 2 + px(1)
            corners = (right - px(14), middle - half, right - px(2), middle + half)
            self._easel.box(("cap",), corners, theme.palette.card, theme.palette.line)
            at = (right - px(8), middle)
            self._easel.text(("key",), at, card.key, theme.colour("key"), theme.small, anchor="center")
            right -= px(18)
        return right

    def _draw_lights(self, card: picture.Card, x: int, y: int) -> None:
        theme = self._theme
        for index, light in enumerate(card.lights):
            image = theme.mark(light.shape, light.style, LIGHT)
            self._easel.image(("light", index), (x + index * theme.px(LIGHT + 3), y), image, light.tip)

    def _draw_spark(self, card: picture.Card, right: int, y: int) -> None:
        if not card.spark:
            return
        px, samples = self._theme.px, card.spark
        width, height = px(SPARK[0]), px(SPARK[1])
        bottom, points = y + height, [right - width, y + height]
        for index, share in enumerate(samples):
            top = bottom - max(1, round(share * height))
            x0 = right - width + width * index // len(samples)
            points += [x0, top, right - width + width * (index + 1) // len(samples), top]
        self._easel.area(("spark",), (*points, right, bottom), self._theme.colour("spark"))

    def _draw_folder(self, index: int, folder: picture.FolderRow, y: int) -> int:
        theme, easel, px = self._theme, self._easel, self._theme.px
        left, right = px(PAD + MARK + 7), self._width - px(PAD)
        line = theme.small.metrics("linespace")
        column = min(px(NAME), (right - left) // 3)
        name = theme.fit(folder.name, column, theme.small)
        easel.text(("folder", index), (left, y), name, theme.colour("log"), theme.small)
        at = left + (column + px(8)) * bool(name)
        if folder.share is not None:
            told = min(px(TEXT), (right - left) // 2)
            end = right - told - px(8)
            middle, thick = y + line // 2, max(2, px(2.2))
            full = at + round((end - at) * min(1.0, max(0.0, folder.share)))
            easel.box(("rest", index), (at, middle - thick, end, middle + thick), theme.colour("bar-rest"))
            easel.box(("bar", index), (at, middle - thick, full, middle + thick), theme.colour("bar"))
            at = end + px(8)
        text = theme.fit(folder.text, right - at, theme.small)
        easel.text(("told", index), (at, y), text, theme.colour(folder.style), theme.small)
        return y + line

    def _draw_note(self, index: int, note: picture.Note, y: int) -> int:
        theme, easel, px = self._theme, self._easel, self._theme.px
        left, right = px(PAD + MARK + 7), self._width - px(PAD)
        if note.plan is not None and self._wishes.can_ask:
            button = self._decision(index, note.plan)
            easel.widget(("decide", index), (right, y), button)
            right -= button.winfo_reqwidth() + px(8)
        width = max(px(60), right - left)
        colour = theme.colour("log")
        bottom = easel.bottom(easel.text(("note", index), (left, y), note.text, colour, theme.text, width=width))
        if note.advice:
            dim = theme.colour("dim")
            at = (left, bottom + px(1))
            bottom = easel.bottom(easel.text(("advice", index), at, note.advice, dim, theme.small, width=width))
        return bottom

    def _decision(self, index: int, plan: int) -> ttk.Button:
        while len(self._decide) <= index:
            self._decide.append(ttk.Button(self.canvas, text="Decide…", style="Card.TButton"))
        self._decide[index].configure(command=lambda: self._wishes.decide(plan))
        return self._decide[index]

    def _ask_to_sync(self) -> None:
        if self._card is not None:
            self._wishes.sync(self._card.account)

    def _ask_to_rest(self) -> None:
        if self._card is not None:
            self._wishes.rest(self._card.account, on=not self._card.paused)
