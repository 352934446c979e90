"""A face in a process of its own that does what a test says: `python apart_face.py SCRIPT DESCRIPTOR`.

The script is Python that knows `link`, `lines()` (each line that comes, waited for) and `note(text)`, which the test
finds in the file NOTES.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from postboat.ui.apart.child import BROKE, show
from postboat.ui.apart.parent_link import ParentLink
from postboat.ui.link import CannotShow, Over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.ui.link import Line, Link


def note(text: object) -> None:
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(f"{text}\n")


def lines(link: Link) -> Iterator[Line]:
    while True:
        select.select([link], [], [])
        for line in link.take():
            yield line
            if isinstance(line, Over):
                return


def command(script: str) -> tuple[str, ...]:
    """What starts it."""
    return sys.executable, "-P", __file__, script


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

    def run(link: Link) -> int:
        exec(
            sys.argv[1],
            {
                "link": link,
                "lines": lambda: lines(link),
                "note": note,
                "time": time,
                "os": os,
                "CannotShow": CannotShow,
            },
        )
        return 0

    with socket.socket(fileno=int(sys.argv[2])) as line:
        try:
            code = show(run, ParentLink(line))
        except ConnectionError:
            code = BROKE
    os._exit(code)
