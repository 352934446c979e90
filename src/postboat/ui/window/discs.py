"""Round marks as small pictures with soft edges, since Tk draws its ovals without. Pure.

Each is a disc or a ring with a sign made of strokes, so that it is told without its colour, too.
"""

from __future__ import annotations

import zlib
from struct import pack
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Stroke = tuple[float, float, float, float]
"""From (x, y) to (x, y), where the disc is that around (0, 0) with radius 1 and y points down."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a mark looks like but for its colour."""

    strokes: tuple[Stroke, ...] = ()
    hollow: bool = False
    """A ring, whose sign has the ring's colour; otherwise a disc, whose sign is cut out of it."""
    width: float = 0.26
    """Of the strokes."""


_STEM = (0.0, -0.5, 0.0, 0.5)
SHAPES: Mapping[str, Shape] = {
    # connections
    "free": Shape(hollow=True),
    "connecting": Shape(((-0.36, 0, -0.36, 0), (0.36, 0, 0.36, 0)), hollow=True, width=0.34),
    "waiting": Shape(((0, 0, 0, 0),), hollow=True, width=0.72),
    "folders": Shape(((-0.4, -0.28, 0.4, -0.28), (-0.4, 0.28, 0.4, 0.28))),
    "opening": Shape(((0, 0, 0, 0),), width=0.7),
    "listing": Shape(((-0.45, -0.4, 0.45, -0.4), (-0.45, 0, 0.45, 0), (-0.45, 0.4, 0.45, 0.4)), width=0.2),
    "copying": Shape((_STEM, (-0.42, 0.1, 0, 0.52), (0.42, 0.1, 0, 0.52))),
    "sending": Shape((_STEM, (-0.42, -0.1, 0, -0.52), (0.42, -0.1, 0, -0.52))),
    "flagging": Shape(((-0.3, -0.5, -0.3, 0.55), (-0.3, -0.42, 0.4, -0.16), (0.4, -0.16, -0.3, 0.1))),
    "deleting": Shape(((-0.45, 0, 0.45, 0),), width=0.34),
    # accounts
    "ok": Shape(((-0.45, 0.02, -0.12, 0.36), (-0.12, 0.36, 0.46, -0.32))),
    "busy": Shape(((-0.45, 0, -0.45, 0), (0, 0, 0, 0), (0.45, 0, 0.45, 0)), width=0.3),
    "starting": Shape(((-0.45, 0, -0.45, 0), (0, 0, 0, 0), (0.45, 0, 0.45, 0)), hollow=True, width=0.28),
    "away": Shape(((-0.36, 0.36, 0.36, -0.36),), hollow=True, width=0.2),
    "paused": Shape(((-0.24, -0.38, -0.24, 0.38), (0.24, -0.38, 0.24, 0.38))),
    "attention": Shape(((0, -0.52, 0, 0.1), (0, 0.52, 0, 0.52))),
    "error": Shape(((-0.34, -0.34, 0.34, 0.34), (-0.34, 0.34, 0.34, -0.34))),
}
RING = 0.2
"""Width of a ring."""


def disc(shape: str, colour: str, size: int) -> bytes:
    """Draw a mark of `size` pixels each way, in a colour such as "#15803d", as a PNG with transparency."""
    red, green, blue = bytes.fromhex(colour[1:])
    drawn = SHAPES.get(shape, SHAPES["free"])
    rows = (b"\0" + b"".join(bytes((red, green, blue, each)) for each in row) for row in _alphas(drawn, size))
    return _png(size, b"".join(rows))


def _alphas(shape: Shape, size: int) -> Iterator[list[int]]:
    radius = size / 2
    for row in range(size):
        y = (row + 0.5) / radius - 1
        yield [round(255 * _cover(shape, (column + 0.5) / radius - 1, y, radius)) for column in range(size)]


def _cover(shape: Shape, x: float, y: float, radius: float) -> float:
    """How much of a pixel is covered, from its distance to the edges; `radius` turns that into pixels."""
    away = (x * x + y * y) ** 0.5
    inside = _soft((1 - away) * radius)
    if not inside:
        return 0.0
    sign = max((_soft((shape.width / 2 - _distance(x, y, each)) * radius) for each in shape.strokes), default=0.0)
    if not shape.hollow:
        return inside * (1 - sign)
    return max(inside * _soft((away - 1 + RING) * radius), sign)


def _soft(pixels: float) -> float:
    return min(1.0, max(0.0, pixels + 0.5))


def _distance(x: float, y: float, stroke: Stroke) -> float:
    x0, y0, x1, y1 = stroke
    dx, dy = x1 - x0, y1 - y0
    along = max(0.0, min(1.0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy))) if dx or dy else 0.0
    return float(((x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2) ** 0.5)


def _png(size: int, rows: bytes) -> bytes:
    """Wrap rows of RGBA pixels, each after a filter octet (PNG, ISO/IEC 15948)."""
    header = pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
