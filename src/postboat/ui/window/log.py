"""What was said, line by line, and what is wrong now."""

from __future__ import annotations

import tkinter
from tkinter import ttk
from typing import TYPE_CHECKING

from postboat.ui.window.palette import LIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.window import picture
    from postboat.ui.window.theme import Theme

KEPT = 2000
"""Lines at most."""


class _Sheet:
    """Text to read and to copy from, in the palette's styles."""

    def __init__(self, parent: tkinter.Misc, theme: Theme, *, follows: bool) -> None:
        self._theme, self._follows, self._at_end = theme, follows, follows
        self._indent = theme.small.measure("00:00:00  " if follows else "    ")
        self.frame = ttk.Frame(parent)
        self.text = tkinter.Text(self.frame, font=theme.small, wrap="word", state="disabled", height=4, width=20)
        self.text.configure(relief="flat", borderwidth=0, highlightthickness=1, cursor="arrow", spacing1=theme.px(1.5))
        self.text.configure(padx=theme.px(8), pady=theme.px(4), tabs=(self._indent,))
        self._bar = ttk.Scrollbar(self.frame, command=self.text.yview)
        self._bar.pack(side="right", fill="y")
        self.text.pack(side="left", fill="both", expand=True)
        self.text.configure(yscrollcommand=self._bar.set)
        self.text.bind("<Configure>", lambda _: self._stay())
        self.recolour()

    def recolour(self) -> None:
        """Take the theme's present colours."""
        palette, theme = self._theme.palette, self._theme
        self.text.configure(background=palette.card, foreground=theme.colour("log"), highlightcolor=palette.accent)
        self.text.configure(highlightbackground=palette.line, selectbackground=palette.accent)
        self.text.configure(selectforeground=palette.on_accent, insertbackground=theme.colour("name"))
        for style in LIGHT.styles:
            self.text.tag_configure(style, foreground=theme.colour(style), lmargin2=self._indent)
        self.text.tag_configure("title", font=theme.bold)

    def change(self, parts: Sequence[str], *, anew: bool = False) -> None:
        """Write texts and their styles by turns at the end, on a new line; a log whose end is seen follows."""
        if self._follows and self.text.winfo_viewable():
            self._at_end = self.text.dlineinfo("end-1c") is not None  # yview is told late of what was written
        self.text.configure(state="normal")
        if anew:
            self.text.delete("1.0", "end")
        if parts:
            begin = () if self.text.index("end-1c") == "1.0" else ("\n", "log")
            self.text.insert("end", *begin, *parts[:-2], parts[-2].rstrip("\n"), parts[-1])
        surplus = int(self.text.index("end-1c").split(".")[0]) - KEPT
        if surplus > 0:
            self.text.delete("1.0", f"{surplus + 1}.0")
        self.text.configure(state="disabled")
        self._stay()

    def _stay(self) -> None:
        if self._at_end:
            self.text.see("end-1c")


class Pages:
    """The log and the troubles, on a page each."""

    def __init__(self, parent: tkinter.Misc, theme: Theme) -> None:
        self._theme = theme
        self.book = ttk.Notebook(parent)
        self.log, self.wrong = _Sheet(self.book, theme, follows=True), _Sheet(self.book, theme, follows=False)
        self.book.add(self.log.frame, text="Log")
        self.book.add(self.wrong.frame, text="Troubles")
        self._troubles: tuple[picture.Trouble, ...] | None = None
        self.show_troubles(())

    def recolour(self) -> None:
        """Take the theme's present colours."""
        for sheet in (self.log, self.wrong):
            sheet.recolour()

    def turn_to(self, page: int) -> None:
        """Show the log (0) or the troubles (1)."""
        self.book.select(page)  # type: ignore[no-untyped-call]

    def add(self, lines: Sequence[picture.Line], *, anew: bool = False) -> None:
        """Write lines of the log at its end, or in place of all that is there."""
        if not lines and not anew:
            return
        parts: list[str] = []
        for line in lines:
            parts += [f"{line.when.strip()}\t", "dim", f"{line.text}\n", line.style]
        self.log.change(parts, anew=anew)

    def show_troubles(self, troubles: tuple[picture.Trouble, ...]) -> None:
        """Show what is wrong now."""
        if troubles == self._troubles:
            return
        self._troubles = troubles
        self.book.tab(1, text=f"Troubles ({len(troubles)})" if troubles else "Troubles")  # type: ignore[no-untyped-call]
        parts = [] if troubles else ["Nothing is wrong.", "dim"]
        for trouble in troubles:
            often = f", {trouble.count} times" if trouble.count > 1 else ""
            parts += [trouble.text, trouble.style, f"  {trouble.age}{often}\n", "dim"]
            if trouble.advice:
                parts += [f"    {trouble.advice}\n", "dim"]
        self.wrong.change(parts, anew=True)
