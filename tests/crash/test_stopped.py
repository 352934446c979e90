"""The real program is told to stop in the middle of a mixed voyage: it says so, and the next run makes it good.

`make crash` tries every moment; a plain test run tries a seeded sample of them, spread over the whole voyage. What becomes
of a program that is killed is told by `test_struck`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.real.mixed import Census, assert_agreed, assert_recovers, change, prepare
from tests.real.program import run_program
from tests.real.voyage import Voyage

pytestmark = pytest.mark.real

SAMPLE = int(os.environ.get("POSTBOAT_CRASH_MOMENTS", "8"))
DYING = str(Path(__file__).with_name("dying.py"))


@dataclass(frozen=True)
class Unharmed:
    """What the voyage comes to when nobody dies, and in how many moments somebody could."""

    outcome: Census
    moments: int


@pytest.fixture(scope="session")
def unharmed(dovecot, tmp_path_factory) -> Unharmed:
    home = tmp_path_factory.mktemp("unharmed")
    voyage = Voyage(home, dovecot.account())
    asyncio.run(prepare(voyage))
    change(voyage)
    counted = home / "moments"
    done = run_program(voyage, program=(DYING, "SIGTERM", "0", str(counted)))
    assert done.returncode == 0, done
    return Unharmed(assert_agreed(voyage), int(counted.read_text()))


@pytest.mark.parametrize("part", range(SAMPLE))
async def test_whoever_is_stopped_in_the_middle_says_so_and_loses_nothing(dovecot, tmp_path, unharmed, part, tried):
    """The order in which answers arrive adds to the moments or takes from them: a late one may not come."""
    voyage = Voyage(tmp_path, dovecot.account())
    moment = chosen(part, unharmed.moments)
    await prepare(voyage)
    change(voyage)
    stopped = run_program(voyage, program=(DYING, "SIGTERM", str(moment), os.devnull))
    assert stopped.returncode == 128 + signal.SIGTERM or moment > unharmed.moments * 0.9, stopped
    assert stopped.stderr == ("postboat: stopped by SIGTERM\n" if stopped.returncode else ""), stopped
    await assert_recovers(voyage, unharmed.outcome)
    tried("moments stopped at", 1)


def chosen(part: int, moments: int) -> int:
    """A moment out of one of `SAMPLE` equal parts of the voyage, always the same one."""
    width = moments / SAMPLE
    return 1 + int((part + random.Random(part).random()) * width) if width > 1 else part + 1
