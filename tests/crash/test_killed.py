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
from typing import TYPE_CHECKING

import pytest
from tests.real.mixed import Census, assert_agreed, assert_recovers, change, prepare
from tests.real.program import run_program
from tests.real.voyage import Voyage

if TYPE_CHECKING:
    from subprocess import CompletedProcess

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
    done = run_program(voyage, program=(DYING, "SIGKILL", "0", str(counted)))
    assert done.returncode == 0, done
    return Unharmed(assert_agreed(voyage), int(counted.read_text()))


@pytest.mark.parametrize("part", range(SAMPLE))
async def test_whoever_dies_in_the_middle_loses_nothing_and_doubles_nothing(dovecot, tmp_path, unharmed, part):
    voyage = Voyage(tmp_path, dovecot.account())
    died, late = await signalled(voyage, unharmed, signal.SIGKILL, part)
    assert died.returncode == -signal.SIGKILL or late, died
    assert "Traceback" not in died.stderr
    await assert_recovers(voyage, unharmed.outcome)


@pytest.mark.parametrize("part", range(SAMPLE // 2))
async def test_whoever_is_stopped_in_the_middle_says_so_and_loses_nothing(dovecot, tmp_path, unharmed, part):
    voyage = Voyage(tmp_path, dovecot.account())
    stopped, late = await signalled(voyage, unharmed, signal.SIGTERM, part)
    assert stopped.returncode == 128 + signal.SIGTERM or late, stopped
    assert stopped.stderr == ("postboat: stopped by SIGTERM\n" if stopped.returncode else ""), stopped
    await assert_recovers(voyage, unharmed.outcome)


async def signalled(
    voyage: Voyage, unharmed: Unharmed, number: signal.Signals, part: int
) -> tuple[CompletedProcess[str], bool]:
    """Sail a mixed voyage on which a signal strikes.

    Also tells whether it was due so late that it may not have come: the order in which answers arrive adds to the
    moments or takes from them.
    """
    moment = chosen(part, unharmed.moments)
    await prepare(voyage)
    change(voyage)
    ended = run_program(voyage, program=(DYING, number.name, str(moment), os.devnull))
    return ended, moment > unharmed.moments * 0.9


def chosen(part: int, moments: int) -> int:
    """A moment out of one of `SAMPLE` equal parts of the voyage, always the same one."""
    width = moments / SAMPLE
    return 1 + int((part + random.Random(part).random()) * width) if width > 1 else part + 1
