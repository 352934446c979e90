"""Draws recorded voyages as SVG: `python -m tests.pictures DIRECTORY [VOYAGE …]`, for eyes, and one for the README."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fakes.boards import VOYAGES, WAITS, lines_of
from tests.fakes.told_link import ToldLink

from postboat.ui.blinkenlights.app import Dashboard
from postboat.ui.blinkenlights.colours import palette
from postboat.ui.board.spans import Look
from postboat.ui.link import Happened, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.link import Line

SIZES = ((80, 24), (120, 40), (200, 60))
QUESTION = Question(1, "anna@example.org at imap.example.org: the server refused the password\n(Invalid credentials)")
BOXES = {
    "held-confirm": ("held", ("c",), ()),
    "in_step-leave": ("in_step", ("q",), ()),
    "sign_in-password": ("sign_in", ("h", "u", "s", "h"), (QUESTION,)),
    "ten_accounts-help": ("ten_accounts", ("question_mark",), ()),
    "error-errors": ("error", ("e",), ()),
}
README = "ten_accounts", (100, 28)


def sail(link: ToldLink, app: Dashboard, name: str) -> None:
    """Let a dashboard learn of a recording, each line at its time."""
    moment = 0.0
    for line in lines_of(name):
        moment = line.when if isinstance(line, Happened) else moment
        link.time = moment
        app.helm.hear([line])
    link.time = moment + WAITS.get(name, 0.25)


async def picture(
    name: str, size: tuple[int, int], keys: Sequence[str] = (), more: Sequence[Line] = (), **how: bool
) -> str:
    """Draw one."""
    link = ToldLink(goes_on=name != "one_shot", owned=True)
    app = Dashboard(link, Look(how.get("unicode", True)))
    sail(link, app, name)
    app.helm.hear(more)
    async with app.run_test(size=size) as pilot:
        app.canvas.palette = palette(
            "standard" if how.get("few") else "truecolor", colour=True, light=how.get("light", False)
        )
        await pilot.press(*keys)
        app.draw_anew()
        await pilot.pause()
        told = portable(app.export_screenshot(title="postboat"))
    link.close()
    return told


CELL = 12.2
"""Columns of the picture that a character takes."""
BLANK = "&#160;"
TEXT = re.compile(r'(<text class="[^"]*-r\d+") x="([\d.]+)" (y="[\d.]+") textLength="([\d.]+)"([^>]*)>(.*?)</text>')


def portable(svg: str) -> str:
    """Let a picture need no font from elsewhere, and no blanks at the edges of texts, which some drawers leave out."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "DejaVu Sans Mono, Menlo, Consolas, monospace")
    return TEXT.sub(_without_edges, svg)


def _without_edges(found: re.Match[str]) -> str:
    head, x, y, length, more, text = found.groups()
    before = (len(text) - len(inner := re.sub(f"^({BLANK})+", "", text))) // len(BLANK)
    after = (len(inner) - len(kept := re.sub(f"({BLANK})+$", "", inner))) // len(BLANK)
    wide = float(length) - CELL * (before + after)
    return f'{head} x="{float(x) + CELL * before:.1f}" {y} textLength="{wide:.1f}"{more}>{kept}</text>' if kept else ""


async def main(directory: Path, names: Sequence[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in sorted(VOYAGES.glob("*.ndjson")):
        for size in SIZES:
            if not names or path.stem in names:
                (directory / f"{path.stem}-{size[0]}.svg").write_text(await picture(path.stem, size))
    for title, (name, keys, more) in BOXES.items():
        if not names or name in names:
            for size in ((80, 24), (40, 10), (20, 5)):
                (directory / f"{title}-{size[0]}.svg").write_text(await picture(name, size, keys, more))
    (directory / "few.svg").write_text(await picture("ten_accounts", (100, 30), few=True))
    (directory / "light.svg").write_text(await picture("ten_accounts", (100, 30), light=True))
    (directory / "ascii.svg").write_text(await picture("first_sync", (100, 30), unicode=False))
    (directory / "blinkenlights.svg").write_text(await picture(*README))


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
