"""How the window's parts look: fonts, sizes and colours for ttk, and the marks as Tk's images."""

from __future__ import annotations

import tkinter
from tkinter import font, ttk
from typing import TYPE_CHECKING, Any

from postboat.ui.window.discs import disc

if TYPE_CHECKING:
    from typing import Literal

    from postboat.ui.window.palette import Palette

    Weight = Literal["normal", "bold"]

POINTS = 72
"""How many make an inch."""
FONTS = ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont", "TkCaptionFont", "TkTooltipFont", "TkFixedFont")
CUTS = 2000
"""Of how many texts it is remembered where they are cut, before that is forgotten."""

WITHOUT_ARROWS: Any = [
    ("Vertical.Scrollbar.trough", {"sticky": "ns", "children": [("Vertical.Scrollbar.thumb", {"expand": 1})]})
]
"""Parts of a scrollbar, as `ttk.Style.layout` takes them."""


class Theme:
    """Sizes and colours in use. All lengths are points until `px` makes pixels of them."""

    def __init__(self, root: tkinter.Tk, palette: Palette, dpi: float) -> None:
        self.palette, self._root = palette, root
        self._pixels = dpi / POINTS
        self._marks: dict[tuple[str, str, int], tkinter.PhotoImage] = {}
        self._cuts: dict[tuple[str, int, str], str] = {}
        root.tk.call("tk", "scaling", self._pixels)
        base = font.nametofont("TkDefaultFont", root)
        points = abs(base.actual("size")) or 10
        for name in FONTS:  # in pixels, as Tk's fonts and lengths do not agree on how large a point is
            font.nametofont(name, root).configure(size=-self.px(points))
        self.text = base
        self.bold = self._font(base, points, "bold")
        self.title = self._font(base, points * 1.3, "bold")
        self.small = self._font(base, points * 0.88, "normal")

    def _font(self, base: font.Font, points: float, weight: Weight) -> font.Font:
        made = base.copy()
        made.configure(size=-self.px(points), weight=weight)
        return made

    def px(self, points: float) -> int:
        """Pixels for a length; at least one."""
        return max(1, round(points * self._pixels))

    def colour(self, style: str) -> str:
        """The colour of a style."""
        return self.palette.colour(style)

    def mark(self, shape: str, style: str, points: float) -> tkinter.PhotoImage:
        """A mark as an image; drawn once."""
        key = (shape, self.colour(style), self.px(points))
        if key not in self._marks:
            self._marks[key] = tkinter.PhotoImage(master=self._root, data=disc(*key))
        return self._marks[key]

    def fit(self, text: str, width: int, face: font.Font) -> str:
        """Cut a text to a width in pixels; what is cut is marked."""
        key = (text, width, face.name)
        if key not in self._cuts:
            if len(self._cuts) >= CUTS:
                self._cuts.clear()
            self._cuts[key] = _cut(text, width, face)
        return self._cuts[key]

    def apply(self, palette: Palette) -> None:
        """Give ttk's parts the colours of a palette."""
        self.palette = palette
        style = ttk.Style(self._root)
        style.theme_use("clam")
        text, dim = self.colour("name"), self.colour("dim")
        style.configure(
            ".",
            background=palette.ground,
            foreground=text,
            bordercolor=palette.line,
            lightcolor=palette.field,
            darkcolor=palette.field,
            troughcolor=palette.ground,
            focuscolor=palette.accent,
            selectbackground=palette.accent,
            selectforeground=palette.on_accent,
            insertcolor=text,
        )
        style.map(".", foreground=[("disabled", dim)])
        self._apply_buttons(style)
        self._apply_fields(style)
        self._root.configure(background=palette.ground)

    def _apply_buttons(self, style: ttk.Style) -> None:
        palette, pad = self.palette, (self.px(9), self.px(3))
        for name, ground, text, hover in (
            ("TButton", palette.field, self.colour("name"), palette.hover),
            ("Card.TButton", palette.field, self.colour("name"), palette.hover),
            ("Accent.TButton", palette.accent, palette.on_accent, palette.accent),
        ):
            border = palette.accent if name == "Accent.TButton" else palette.line
            style.configure(name, background=ground, foreground=text, padding=pad, relief="raised", borderwidth=1)
            style.configure(name, bordercolor=border, lightcolor=ground, darkcolor=ground, width=0, anchor="center")
            style.map(
                name,
                background=[("active", hover)],
                lightcolor=[("active", hover)],
                darkcolor=[("active", hover)],
                bordercolor=[("focus", palette.accent)],
            )
        style.configure("Card.TButton", font=self.small, padding=(self.px(7), self.px(2)))

    def _apply_fields(self, style: ttk.Style) -> None:
        palette, card = self.palette, self.palette.card
        style.configure("TEntry", fieldbackground=card, padding=self.px(3), lightcolor=card, darkcolor=card)
        style.map("TEntry", bordercolor=[("focus", palette.accent)], lightcolor=[("focus", palette.accent)])
        style.configure("Dim.TLabel", foreground=self.colour("dim"), font=self.small)
        style.configure("Title.TLabel", font=self.title)
        style.configure("Banner.TLabel", foreground=self.colour("attention"), background=card, padding=self.px(6))
        style.configure("TNotebook", borderwidth=0, tabmargins=0, background=palette.ground)
        style.configure("TNotebook.Tab", padding=(self.px(9), self.px(3)), borderwidth=1, background=palette.ground)
        style.configure("TNotebook.Tab", foreground=self.colour("dim"), lightcolor=palette.ground)
        style.map(
            "TNotebook.Tab",
            background=[("selected", card)],
            foreground=[("selected", self.colour("name"))],
            lightcolor=[("selected", card)],
            padding=[("selected", (self.px(9), self.px(3)))],
            expand=[("selected", 0)],
        )
        thumb = palette.hover if palette.dark else "#c9d0da"
        style.configure("Vertical.TScrollbar", gripcount=0, relief="flat", arrowsize=self.px(9), borderwidth=0)
        style.configure("Vertical.TScrollbar", background=thumb, lightcolor=thumb, darkcolor=thumb)
        style.configure("Vertical.TScrollbar", bordercolor=palette.ground, arrowcolor=self.colour("dim"))
        style.map("Vertical.TScrollbar", background=[("disabled", palette.ground)])
        style.map("Vertical.TScrollbar", lightcolor=[("disabled", palette.ground)])
        style.map("Vertical.TScrollbar", darkcolor=[("disabled", palette.ground)])
        style.layout("Vertical.TScrollbar", WITHOUT_ARROWS)
        style.configure("Sash", sashthickness=self.px(6), gripcount=0)
        style.configure("TPanedwindow", background=palette.ground)


def _cut(text: str, width: int, face: font.Font) -> str:
    if face.measure(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if face.measure(text[:middle].rstrip() + "…") <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""
