"""A canvas that is told what to show and touches only what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Sequence
    from tkinter import font

Role = tuple[object, ...]
"""What an item is for; the same from one drawing to the next."""


class Easel:
    """Items on a canvas by their roles. A drawing names all that shall be there; `done` takes away the rest."""

    def __init__(self, canvas: tkinter.Canvas) -> None:
        self.canvas = canvas
        self._items: dict[Role, int] = {}
        self._drawn: dict[Role, tuple[Any, ...]] = {}
        self._used: set[Role] = set()
        self.tips: dict[int, str] = {}

    def text(
        self,
        role: Role,
        at: tuple[int, int],
        text: str,
        colour: str,
        face: font.Font,
        *,
        anchor: str = "nw",
        width: int = 0,
    ) -> int:
        """Show a text, wrapped when a width is given."""
        return self._put(
            role, "text", at, {"text": text, "fill": colour, "font": face.name, "anchor": anchor, "width": width}
        )

    def box(self, role: Role, corners: Sequence[int], fill: str, outline: str = "") -> int:
        """Show a rectangle."""
        return self._put(role, "rectangle", corners, {"fill": fill, "outline": outline, "width": 1 if outline else 0})

    def area(self, role: Role, points: Sequence[int], fill: str) -> int:
        """Show a filled polygon."""
        return self._put(role, "polygon", points, {"fill": fill})

    def image(self, role: Role, at: tuple[int, int], image: tkinter.PhotoImage, tip: str = "") -> int:
        """Show an image, and a tip when the pointer rests on it."""
        item = self._put(role, "image", at, {"image": str(image), "anchor": "nw"})
        self.tips[item] = tip
        return item

    def widget(self, role: Role, at: tuple[int, int], widget: tkinter.Widget) -> int:
        """Show a widget, by its right upper corner."""
        return self._put(role, "window", at, {"window": str(widget), "anchor": "ne"})

    def _put(self, role: Role, kind: str, place: Sequence[int], facts: dict[str, Any]) -> int:
        self._used.add(role)
        wanted, item = (kind, tuple(place), facts), self._items.get(role)
        if item is None:
            item = self._items[role] = int(getattr(self.canvas, f"create_{kind}")(*place, **facts))
        elif (drawn := self._drawn[role]) != wanted:
            if drawn[1] != wanted[1]:
                self.canvas.coords(item, *place)
            if changed := {name: value for name, value in facts.items() if drawn[2][name] != value}:
                self.canvas.itemconfigure(item, **changed)
        self._drawn[role] = wanted
        return item

    def bottom(self, item: int) -> int:
        """The lower end of an item."""
        box = self.canvas.bbox(item)
        return int(box[3]) if box else 0

    def done(self) -> None:
        """Take away what this drawing did not name."""
        for role in self._items.keys() - self._used:
            item = self._items.pop(role)
            self.canvas.delete(item)
            self.tips.pop(item, None)
            del self._drawn[role]
        self._used.clear()
