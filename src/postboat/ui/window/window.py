"""The main window: a headline, the accounts, and below them the log. It shows pictures and tells what is wanted."""

from __future__ import annotations

import tkinter
from tkinter import ttk
from typing import TYPE_CHECKING, Protocol

from postboat.ui.window.card import Wishes
from postboat.ui.window.cards import Cards
from postboat.ui.window.log import Pages
from postboat.ui.window.palette import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.window import picture
    from postboat.ui.window.theme import Theme

SIZE, SMALLEST = (560, 460), (260, 170)
"""Width and height in points, when nothing is remembered and at least."""
MARGIN = 9
"""Points between the window's edge and what is in it."""


class Orders(Wishes, Protocol):
    """What the window's own buttons and keys do."""

    def sync_all(self) -> None:
        """Sync all accounts now."""
        ...

    def rest_all(self) -> None:
        """Let all accounts rest, or go on."""
        ...

    def filter(self, text: str) -> None:
        """Show only what has the text in it."""
        ...

    def toggle_dark(self) -> None:
        """Change between light and dark."""
        ...

    def leave(self) -> None:
        """End, or ask whether to."""
        ...


class MainWindow:
    """All parts of the window."""

    def __init__(self, root: tkinter.Tk, theme: Theme, orders: Orders) -> None:
        self.root, self._theme, self._orders = root, theme, orders
        self._picture: picture.Picture | None = None
        root.minsize(*map(theme.px, SMALLEST))
        root.protocol("WM_DELETE_WINDOW", orders.leave)
        edge = theme.px(MARGIN)
        self._head = ttk.Frame(root, padding=(edge, edge, edge, theme.px(7)))
        self._head.pack(fill="x")
        self._build_head()
        self._banner = ttk.Label(root, style="Banner.TLabel", anchor="w")
        self._banner.bind("<Configure>", lambda event: self._banner.configure(wraplength=event.width - theme.px(12)))
        self._panes = ttk.PanedWindow(root, orient="vertical")
        self._panes.pack(fill="both", expand=True, padx=edge, pady=(0, edge))
        self.cards = Cards(self._panes, theme, orders)
        self.pages = Pages(self._panes, theme)
        self._panes.add(self.cards.frame, weight=3)
        self._panes.add(self.pages.book, weight=2)

    def _build_head(self) -> None:
        theme, orders, head = self._theme, self._orders, self._head
        words = ttk.Frame(head)
        self._headline = ttk.Label(words, style="Title.TLabel", anchor="w", width=1)
        self._traffic = ttk.Label(words, style="Dim.TLabel", anchor="w", width=1)
        self._headline.pack(fill="x")
        self._traffic.pack(fill="x")
        self._light = ttk.Button(head, command=orders.toggle_dark, takefocus=1)
        self._search = tkinter.StringVar(head)
        self.field = ttk.Entry(head, textvariable=self._search, width=10, font=theme.small)
        self._hint = ttk.Label(self.field, text="Filter", style="Dim.TLabel", background=theme.palette.card)
        self._search.trace_add("write", lambda *_: self._on_filter())
        self.field.bind("<FocusIn>", lambda _: self._hint.place_forget())
        self.field.bind("<FocusOut>", lambda _: self._show_hint())
        self._hint.bind("<Button-1>", lambda _: self.field.focus_set())
        self._all = ttk.Button(head, text="Sync all", style="Accent.TButton", command=orders.sync_all)
        self._rest = ttk.Button(head, text="Pause", command=orders.rest_all)
        gap = (theme.px(6), 0)
        parts: list[tkinter.Widget] = [self._all, self._rest] if orders.can_ask else []
        for part in reversed((self.field, *parts, self._light)):
            part.pack(side="right", padx=gap)
        words.pack(side="left", fill="x", expand=True)
        for part in (self.field, *parts, self._light):  # the order in which Tab goes through them
            part.lift()
        self._show_hint()

    # ---- what is shown ----------------------------------------------------------------------------------------

    def show(self, picture: picture.Picture) -> None:
        """Show a picture; what is in it as in the one before is not touched."""
        before, self._picture = self._picture, picture
        if before is None or before.title != picture.title:
            self.root.title(picture.title)
        if before is None or (before.headline, before.style) != (picture.headline, picture.style):
            self._headline.configure(text=picture.headline, foreground=self._theme.colour(picture.style))
        if before is None or before.traffic != picture.traffic:
            self._traffic.configure(text=picture.traffic)
        if before is None or before.paused != picture.paused:
            self._rest.configure(text="Resume" if picture.paused else "Pause")
        if before is None or before.banner != picture.banner:
            self._show_banner(picture.banner)
        self.cards.show(picture.cards)
        self.pages.show_troubles(picture.troubles)

    def add_lines(self, lines: Sequence[picture.Line], *, anew: bool = False) -> None:
        """Write lines of the log at its end, or in place of all that is there."""
        self.pages.add(lines, anew=anew)

    def recolour(self, *, dark: bool) -> None:
        """Change to light or dark."""
        theme = self._theme
        theme.apply(DARK if dark else LIGHT)
        self._light.configure(text="☀" if dark else "☾")
        self._hint.configure(background=theme.palette.card)
        self._headline.configure(foreground=theme.colour(self._picture.style if self._picture else "title"))
        self.cards.recolour()
        self.pages.recolour()

    def search(self) -> None:
        """Let the user type a filter."""
        self.field.focus_set()
        self.field.selection_range(0, "end")

    def forget_search(self) -> None:
        """Show all again."""
        self._search.set("")
        self.root.focus_set()

    def _show_banner(self, text: str) -> None:
        self._banner.configure(text=text)
        if text:
            edge = self._theme.px(MARGIN)
            self._banner.pack(fill="x", padx=edge, pady=(0, self._theme.px(6)), before=self._panes)
        else:
            self._banner.pack_forget()

    def _show_hint(self) -> None:
        if not self._search.get():
            self._hint.place(relx=0, rely=0.5, anchor="w", x=self._theme.px(5))

    def _on_filter(self) -> None:
        if self._search.get():
            self._hint.place_forget()
        self._orders.filter(self._search.get())
