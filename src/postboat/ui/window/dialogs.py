"""Questions to the user. Each is a window of its own that waits for an answer while all else goes on."""

from __future__ import annotations

import tkinter
from functools import partial
from tkinter import ttk
from typing import TYPE_CHECKING

from postboat.ui.words import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postboat.ui.window import picture
    from postboat.ui.window.theme import Theme

WIDE = 300
"""Points in which a dialog's text is wrapped."""


class Dialog:
    """A question in a window above the main one. Escape and the close button take the last of its answers."""

    def __init__(self, root: tkinter.Tk, theme: Theme, title: str) -> None:
        self.root, self.theme = root, theme
        palette = theme.palette
        self.top = tkinter.Toplevel(root, background=palette.ground, highlightthickness=1)
        self.top.configure(highlightbackground=palette.line, highlightcolor=palette.line)
        self.top.withdraw()
        self.top.title(title)
        self.top.transient(root)
        self.top.resizable(False, False)
        self.body = ttk.Frame(self.top, padding=theme.px(16))
        self.body.pack(fill="both", expand=True)
        self.is_open = True

    def say(self, text: str, style: str = "name", *, large: bool = False) -> None:
        """Write a paragraph."""
        label = ttk.Label(self.body, text=text, wraplength=self.theme.px(WIDE), justify="left")
        label.configure(font=self.theme.bold if large else self.theme.text, foreground=self.theme.colour(style))
        label.pack(anchor="w", fill="x", pady=(0, self.theme.px(8 if large else 6)))

    def choices(self, offered: Sequence[tuple[str, Callable[[], None]]], *, default: int) -> ttk.Button:
        """Offer answers from left to right; Return gives the default, Escape the last. Returns the default's button."""
        row = ttk.Frame(self.body)
        row.pack(anchor="e", pady=(self.theme.px(8), 0))
        buttons: list[ttk.Button] = []
        for index, (text, answer) in enumerate(offered):
            style = "Accent.TButton" if index == default else "TButton"
            button = ttk.Button(row, text=text, style=style, command=partial(self._take, answer))
            button.pack(side="left", padx=(self.theme.px(6) if index else 0, 0))
            button.bind("<Return>", lambda event: event.widget.invoke())
            buttons.append(button)
        last = offered[-1][1]
        self.top.bind("<Escape>", lambda _: self._take(last))
        self.top.protocol("WM_DELETE_WINDOW", lambda: self._take(last))
        return buttons[default]

    def open(self, focus: tkinter.Widget) -> None:
        """Show it in the middle of the main window."""
        self.top.update_idletasks()
        root, width, height = self.root, self.top.winfo_reqwidth(), self.top.winfo_reqheight()
        x = root.winfo_rootx() + (root.winfo_width() - width) // 2
        y = root.winfo_rooty() + (root.winfo_height() - height) // 3
        self.top.geometry(f"+{max(0, x)}+{max(0, y)}")
        self.top.bind("<Map>", lambda event: self._take_keyboard(focus) if event.widget is self.top else None)
        self.top.deiconify()

    def _take_keyboard(self, focus: tkinter.Widget) -> None:
        self.top.grab_set()
        focus.focus_force()

    def close(self) -> None:
        """Take it away without an answer."""
        if self.is_open:
            self.is_open = False
            self.top.grab_release()
            self.top.destroy()
            self.root.focus_force()  # where no window manager gives the keyboard back

    def _take(self, answer: Callable[[], None]) -> None:
        if self.is_open:
            self.close()
            answer()


def ask_password(root: tkinter.Tk, theme: Theme, text: str, answer: Callable[[str | None], None]) -> Dialog:
    """Ask for a line that is not shown; None is answered when the user does not want to."""
    dialog = Dialog(root, theme, "Postboat asks")
    *before, question = text.strip().splitlines() or [""]
    for line in before:
        dialog.say(clean(line), "attention")
    dialog.say(clean(question).rstrip(": ") + ":")
    typed = tkinter.StringVar(dialog.root)
    entry = ttk.Entry(dialog.body, textvariable=typed, show="•", width=36, font=theme.text)
    entry.pack(fill="x")

    def give() -> None:
        answer(typed.get())

    dialog.choices((("OK", give), ("Cancel", lambda: answer(None))), default=0)
    entry.bind("<Return>", lambda _: dialog._take(give))
    dialog.open(entry)
    return dialog


def ask_about_plan(root: tkinter.Tk, theme: Theme, plan: picture.Plan, answer: Callable[[str], None]) -> Dialog:
    """Ask whether held deletions are meant; the answer is a verdict as requests name it, or "" for not now."""
    dialog = Dialog(root, theme, "Are these deletions meant?")
    dialog.say(plan.heading, large=True)
    dialog.say(plan.reason)
    if plan.subjects:
        shown = "\n".join(f"•  {theme.fit(subject, theme.px(WIDE - 20), theme.text)}" for subject in plan.subjects)
        dialog.say(shown + (f"\n    and {plan.more:,} more" if plan.more else ""), "dim")
    dialog.say(f"Bring them back: {plan.bring_back}\nLet it pass: {plan.pass_on}", "log")
    focus = dialog.choices(
        (
            ("Let it pass", lambda: answer("confirm")),
            ("Bring them back", lambda: answer("restore")),
            ("Not now", lambda: answer("")),
        ),
        default=2,
    )
    dialog.open(focus)
    return dialog


def ask_how_to_leave(
    root: tkinter.Tk, theme: Theme, text: str, ways: Sequence[tuple[str, Callable[[], None]]]
) -> Dialog:
    """Ask what shall become of the run; to stay is offered last."""
    dialog = Dialog(root, theme, "Leave")
    dialog.say(text, large=True)
    focus = dialog.choices((*ways, ("Stay", lambda: None)), default=0)
    dialog.open(focus)
    return dialog


def show_keys(root: tkinter.Tk, theme: Theme, keys: Sequence[tuple[str, str]]) -> Dialog:
    """Tell what the keys do."""
    dialog = Dialog(root, theme, "Keys")
    table = ttk.Frame(dialog.body)
    table.pack(fill="x")
    for row, (key, what) in enumerate(keys):
        ttk.Label(table, text=key, font=theme.bold).grid(row=row, column=0, sticky="w", padx=(0, theme.px(14)))
        ttk.Label(table, text=what).grid(row=row, column=1, sticky="w", pady=theme.px(1))
    dialog.open(dialog.choices((("Close", lambda: None),), default=0))
    return dialog
