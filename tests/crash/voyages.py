"""Voyages on which something strikes the program, and what an unharmed one comes to."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.program import MODULE, run_program

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence
    from subprocess import CompletedProcess

    from tests.real.crossing import Crossing
    from tests.real.mixed import Census
    from tests.real.voyage import Voyage

TRACING = str(Path(__file__).with_name("tracing.py"))


@dataclass(frozen=True)
class Unharmed:
    """What the voyage comes to when nobody dies, and at how many moments somebody could."""

    outcome: Census
    moments: int
    kinds: Counter[str]


def struck(
    voyage: Voyage | Crossing, moment: int, record: Path | str = "", *options: str, command: Sequence[str] = ()
) -> CompletedProcess[str]:
    """Run the program and kill it at a moment; 0: never."""
    under = (sys.executable, TRACING, f"{voyage.state.parent}/", str(moment), str(record))
    return run_program(voyage, *options, program=(*MODULE, *command), under=under)


class told:
    """Says in a failure what was done before."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            error.add_note(self.what)
