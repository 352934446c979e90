"""The real program dies of SIGKILL in the middle of a mixed voyage with a real server: the next run makes it good.

`make crash` tries every moment; a plain test run tries a seeded sample of them, spread over the whole voyage.
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

SAMPLE = int(os.environ.get("POSTBOAT_CRASH_MOMENTS", "16"))
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
    done = run_program(voyage, program=(DYING, "0", str(counted)))
    assert done.returncode == 0, done
    return Unharmed(assert_agreed(voyage), int(counted.read_text()))


@pytest.mark.parametrize("part", range(SAMPLE))
async def test_whoever_dies_in_the_middle_loses_nothing_and_doubles_nothing(dovecot, tmp_path, unharmed, part):
    moment = chosen(part, unharmed.moments)
    voyage = Voyage(tmp_path, dovecot.account())
    await prepare(voyage)
    change(voyage)
    died = run_program(voyage, program=(DYING, str(moment), os.devnull))
    # The last moments come and go with the order in which answers arrive, so that the very last may not be reached.
    assert died.returncode == -signal.SIGKILL or moment > unharmed.moments * 0.9, died
    assert "Traceback" not in died.stderr
    await assert_recovers(voyage, unharmed.outcome)


def chosen(part: int, moments: int) -> int:
    """A moment out of one of `SAMPLE` equal parts of the voyage, always the same one."""
    width = moments / SAMPLE
    return 1 + int((part + random.Random(part).random()) * width) if width > 1 else part + 1
