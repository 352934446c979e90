"""Whatever strikes a run between two servers, or two trees of Maildirs, the next one loses nothing and doubles nothing.

The program is killed at system calls; the line to either server breaks after replies and inside literals; a server does
what it is told and its answer is lost. The next undisturbed run brings the outcome of an unharmed one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import signal
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.crossings import about_to_cross, assert_mended, outcome
from tests.crash.shears import AppendsDone, Points, Shears, Tally
from tests.crash.trials import ALL, SEED, at_most, parts, points_of
from tests.crash.voyages import struck, told
from tests.real.mixed import reasons

from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.crossings import Outcome
    from tests.real.voyage import Sailed

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

KILLED = [("dovecot", "dovecot"), ("maildir", "maildir")]
CUT = [("dovecot", "dovecot"), ("dovecot", "cyrus"), ("cyrus", "courier")]
BLOWS, CUTS = parts(1, whole=20), parts(1, whole=20)
BLOWS_OF_EACH, CUTS_OF_EACH, CUTS_OF_OTHERS = 10, 5, 3
"""Points of each part: more between two servers of one kind than between others."""

Pair = tuple[str, str]
Line = tuple[Side, bool]
"""The line to the server of one side, and whether what goes up to it is meant."""

LINES: list[Line] = list(itertools.product(Side, (False, True)))


def sampled(of: list, *, most: int = 1) -> list[tuple]:
    """Pairs of servers, each with some of these, or with all; the seed says with which the first begins."""

    def some(number: int) -> list:
        return of if ALL else [of[(SEED + number + 3 * each) % len(of)] for each in range(1 if number else most)]

    return [(kinds, one) for number, kinds in enumerate(CUT) for one in some(number)]


def named(what: Pair | Line | Side) -> str:
    """What a test is called after."""
    if isinstance(what, Side):
        return what.value
    first, second = what
    return f"{first}-{second}" if isinstance(first, str) else f"{first.value}-{'up' if second else 'down'}"


@pytest.fixture
def ready(request, tmp_path):
    """Makes crossings before which lies a mixed run."""
    return lambda kinds, number: about_to_cross(kinds, tmp_path / str(number) / "home", request)


_UNHARMED: dict[tuple[Pair, Callable], tuple[Outcome, object]] = {}


async def undisturbed(ready, kinds: Pair, run: Callable):
    """What an unharmed crossing comes to, made once of each kind, and what was counted on it."""
    if (kinds, run) not in _UNHARMED:
        crossing = await ready(kinds, "calm")
        counted = await run(crossing)
        _UNHARMED[kinds, run] = outcome(crossing), counted
    return _UNHARMED[kinds, run]


# ---- killed --------------------------------------------------------------------------------------------------------


async def count_calls(crossing) -> int:
    record = crossing.home.parent / "record"
    done = await asyncio.to_thread(struck, crossing, 0, record)
    assert done.returncode == 0, done
    return int(record.with_name("record.moments").read_text())


@pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only")
@pytest.mark.parametrize("kinds", KILLED, ids="-".join)
@pytest.mark.parametrize("part", BLOWS)
async def test_who_is_killed_at_a_system_call_loses_nothing_and_doubles_nothing(ready, kinds, part, tried):
    unharmed, calls = await undisturbed(ready, kinds, count_calls)
    assert calls > 100
    for point in at_most(BLOWS_OF_EACH, points_of(part, BLOWS, calls)):
        crossing = await ready(kinds, point)
        died = await asyncio.to_thread(struck, crossing, point + 1)
        with told(f"killed at call {point + 1} of {calls}"):
            late = point > calls * 0.9
            assert died.returncode == 128 + signal.SIGKILL or (late and died.returncode == 0), died
            assert "Traceback" not in died.stderr, died
            await assert_mended(crossing, unharmed)
        tried("system calls struck between two shores of one kind", 1)
        shutil.rmtree(crossing.home.parent)


# ---- the line breaks -----------------------------------------------------------------------------------------------


async def count_points(crossing) -> Counter:
    """Points on both lines, each way, and answers to uploads on each."""
    async with AsyncExitStack() as open_:
        tallies = {side: Tally(end.account.host, end.account.port) for side, end in crossing.servers.items()}
        for side, tally in tallies.items():
            await open_.enter_async_context(tally)
            crossing.vary(side, remoteport=tally.port, maxconnections=1)
        await crossing.settle()
    for side, end in crossing.servers.items():
        crossing.vary(side, remoteport=end.account.port)
    return Counter({(side, *what): count for side, tally in tallies.items() for what, count in tally.counts.items()})


async def cut(crossing, side: Side, shears: Shears, timeout: float = 20) -> Sailed:
    """One run in which a side has one connection, with shears about, that is given up in time when it is silent."""
    before = crossing.config
    async with shears:
        crossing.vary(side, remoteport=shears.port, maxconnections=1, timeout=timeout)
        sailed = await crossing.sync()
    crossing.config = before
    assert sailed.code in (0, 3, 4), sailed.events
    assert "internal" not in reasons(sailed)
    return sailed


@pytest.mark.usefixtures("soon_dealt_with")
@pytest.mark.parametrize(("kinds", "line"), sampled(LINES, most=2), ids=named)
@pytest.mark.parametrize("part", CUTS)
async def test_a_line_that_breaks_on_either_side_loses_and_doubles_nothing(ready, kinds, line, part, tried):
    unharmed, counts = await undisturbed(ready, kinds, count_points)
    (side, up), points = line, counts[*line, Points]
    chosen = points_of(part, CUTS, points)
    for point in at_most(CUTS_OF_EACH if kinds == CUT[0] else CUTS_OF_OTHERS, chosen):
        how = random.Random(f"{SEED} {point}").choice(("closed", "reset", "mute") if ALL else ("closed", "reset"))
        crossing = await ready(kinds, point)
        account = crossing.servers[side].account
        shears = Shears(account.host, account.port, up=up, at=point + 1, how=how)
        with told(f"line {how} at point {point + 1} of {points}"):
            await cut(crossing, side, shears, timeout=0.5 if how == "mute" else 20)
            assert shears.was_cut or point > points * 0.8
            await assert_mended(crossing, unharmed)
        tried("points where the line between two shores broke", 1)
        shutil.rmtree(crossing.home.parent)


@pytest.mark.usefixtures("soon_dealt_with")
@pytest.mark.parametrize(("kinds", "side"), sampled(list(Side)), ids=named)
async def test_an_upload_whose_answer_is_lost_is_not_repeated(ready, kinds, side, tried):
    """On either side: the server stored the message, and the line broke before it said so."""
    unharmed, counts = await undisturbed(ready, kinds, count_points)
    answers = counts[side, False, AppendsDone]
    assert answers >= 2
    for point in range(answers) if ALL else [random.Random(f"{SEED} {kinds} {side}").randrange(answers)]:
        crossing = await ready(kinds, point)
        account = crossing.servers[side].account
        shears = Shears(account.host, account.port, up=False, at=point + 1, how="reset", points=AppendsDone())
        with told(f"answer {point + 1} of {answers} to an upload lost"):
            await cut(crossing, side, shears)
            assert shears.was_cut
            await assert_mended(crossing, unharmed)
        tried("uploads whose answer was lost", 1)
        shutil.rmtree(crossing.home.parent)
