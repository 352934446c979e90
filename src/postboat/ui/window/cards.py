"""The accounts, one below the other, scrolled when there are many."""

from __future__ import annotations

import tkinter
from tkinter import ttk
from typing import TYPE_CHECKING

from postboat.ui.window.card import CardView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.window import picture
    from postboat.ui.window.card import Wishes
    from postboat.ui.window.theme import Theme

BETWEEN = 5
"""Points between two cards."""
SIGHT = (280, 230)
"""Width and height in points of what is in sight, while the window has its first size."""
REST = 500
"""Milliseconds that the pointer rests before a tip is shown."""


class Cards:
    """Shows cards; those that stay keep their widgets."""

    def __init__(self, parent: tkinter.Misc, theme: Theme, wishes: Wishes) -> None:
        self._theme, self._wishes = theme, wishes
        self.frame = ttk.Frame(parent)
        self._port = tkinter.Canvas(self.frame, highlightthickness=0, borderwidth=0, takefocus=0)
        self._bar = ttk.Scrollbar(self.frame, command=self._port.yview)
        self._inner = ttk.Frame(self._port)
        self._port.configure(width=theme.px(SIGHT[0]), height=theme.px(SIGHT[1]))
        self._port.configure(yscrollcommand=self._on_scroll, yscrollincrement=theme.px(12))
        self._port.pack(side="left", fill="both", expand=True)
        self._window = self._port.create_window(0, 0, window=self._inner, anchor="nw")
        self._views: dict[str, CardView] = {}
        self._order: list[str] = []
        self._tip = _Tip(self.frame, theme)
        self._inner.bind("<Configure>", self._on_contents)
        self._port.bind("<Configure>", self._on_size)
        for button, step in (("<Button-4>", -3), ("<Button-5>", 3)):
            self.frame.bind_all(button, lambda event, step=step: self._on_wheel(event, step))  # type: ignore[misc]
        self.recolour()

    def recolour(self) -> None:
        """Take the theme's present colours."""
        self._port.configure(background=self._theme.palette.ground)
        self._tip.hide()
        for view in self._views.values():
            view.recolour()

    def show(self, cards: Sequence[picture.Card]) -> None:
        """Show these accounts in this order."""
        wanted = [card.account for card in cards]
        for card in cards:
            if card.account not in self._views:
                self._views[card.account] = self._made()
        if wanted != self._order:
            self._arrange(wanted)
        for card in cards:
            self._views[card.account].show(card)

    def select(self, account: str) -> None:
        """Mark an account, and bring it into sight; "" marks none."""
        for name, view in self._views.items():
            view.select(on=name == account)
        if account in self._views:
            self._bring_into_sight(self._views[account].canvas)

    def _made(self) -> CardView:
        view = CardView(self._inner, self._theme, self._wishes)
        view.canvas.bind("<Motion>", lambda event: self._on_motion(view, event))
        view.canvas.bind("<Leave>", lambda _: self._tip.hide())
        return view

    def _arrange(self, wanted: list[str]) -> None:
        for name in self._views.keys() - set(wanted):
            self._views.pop(name).canvas.destroy()
        for name in wanted:
            canvas = self._views[name].canvas
            canvas.pack_forget()
            canvas.pack(fill="x", pady=(0, self._theme.px(BETWEEN)))
            tkinter.Misc.tkraise(canvas)  # the order in which Tab goes through them
        self._order = wanted

    def _bring_into_sight(self, canvas: tkinter.Canvas) -> None:
        self._inner.update_idletasks()
        top, height = canvas.winfo_y(), canvas.winfo_height()
        whole, seen = max(1, self._inner.winfo_height()), self._port.winfo_height()
        first = self._port.canvasy(0)
        if top < first:
            self._port.yview_moveto(top / whole)
        elif top + height > first + seen:
            self._port.yview_moveto((top + height - seen) / whole)

    def _on_contents(self, event: tkinter.Event[ttk.Frame]) -> None:
        self._port.configure(scrollregion=(0, 0, event.width, event.height))

    def _on_size(self, event: tkinter.Event[tkinter.Canvas]) -> None:
        self._port.itemconfigure(self._window, width=event.width)

    def _on_scroll(self, first: float, last: float) -> None:
        self._bar.set(first, last)
        needed = float(first) > 0 or float(last) < 1
        if needed and not self._bar.winfo_ismapped():
            self._bar.pack(side="right", fill="y", padx=(self._theme.px(3), 0))
        elif not needed and self._bar.winfo_ismapped():
            self._bar.pack_forget()

    def _on_wheel(self, event: tkinter.Event[tkinter.Misc], step: int) -> None:
        if str(event.widget).startswith(str(self.frame)) and self._bar.winfo_ismapped():
            self._tip.hide()
            self._port.yview_scroll(step, "units")

    def _on_motion(self, view: CardView, event: tkinter.Event[tkinter.Canvas]) -> None:
        under = view.canvas.find_overlapping(event.x, event.y, event.x, event.y)
        text = next((told for item in reversed(under) if (told := view.tip(item))), "")
        self._tip.about(text, event.x_root, event.y_root)


class _Tip:
    """A few words beside the pointer."""

    def __init__(self, parent: tkinter.Misc, theme: Theme) -> None:
        self._parent, self._theme = parent, theme
        self._text = ""
        self._waiting = ""
        self._shown: tkinter.Toplevel | None = None

    def about(self, text: str, x: int, y: int) -> None:
        """Show a text once the pointer rests; "" shows none."""
        if text == self._text:
            return
        self.hide()
        self._text = text
        if text:
            self._waiting = self._parent.after(REST, lambda: self._show(x, y))

    def hide(self) -> None:
        """Show none."""
        self._text = ""
        if self._waiting:
            self._parent.after_cancel(self._waiting)
            self._waiting = ""
        if self._shown is not None:
            self._shown.destroy()
            self._shown = None

    def _show(self, x: int, y: int) -> None:
        theme, palette = self._theme, self._theme.palette
        self._shown = tip = tkinter.Toplevel(self._parent, background=palette.line, padx=1, pady=1)
        tip.wm_overrideredirect(True)
        tip.wm_geometry(f"+{x + theme.px(8)}+{y + theme.px(12)}")
        text = theme.colour("name")
        words = tkinter.Label(tip, text=self._text, font=theme.small, background=palette.card, foreground=text)
        words.configure(padx=theme.px(4), pady=theme.px(2))
        words.pack()
