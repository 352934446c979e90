"""The line breaks on a mixed voyage: after any reply, inside any literal, going either way; closed, reset, or just mute.

What the program does about it in the same run is its own affair; the next undisturbed one brings the outcome of an
unharmed voyage. Of a line that only falls silent the program learns by its own patience.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time

import pytest
from tests.crash.shears import Points, Shears
from tests.crash.trials import SEED, parts, points_of
from tests.crash.voyages import told
from tests.real.mixed import assert_recovers, change, prepare, reasons
from tests.real.voyage import Voyage

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

CUTS, SILENCES = parts(12), parts(4, whole=12)
WAYS = ("down", "up")
SILENCES_OF_EACH_WAY = 36


@pytest.fixture(scope="session")
def points(dovecot, tmp_path_factory) -> dict[str, int]:
    """How many points pass each way on the one connection of an unharmed voyage."""
    return {way: asyncio.run(_count(dovecot, tmp_path_factory.mktemp(way), way)) for way in WAYS}


async def _count(dovecot, home, way) -> int:
    voyage = Voyage(home, dovecot.account(), maxconnections=1)
    await prepare(voyage)
    change(voyage)
    async with Shears(voyage.account.host, voyage.account.port, up=way == "up", at=None) as shears:
        voyage.vary(remoteport=shears.port)
        (await voyage.sync()).assert_clean()
    assert shears.total == 1
    return shears.count


def test_points_are_ends_of_lines_and_places_inside_literals():
    said = b"* OK hi\r\nA BODY {10}\r\n0\n2345\r\n89 FLAGS\r\nB {1+}\r\nx\r\n"
    at_once, piecemeal = list(Points().feed(said)), []
    points = Points()
    for octet in range(len(said)):
        piecemeal += points.feed(said[octet : octet + 1])
    assert piecemeal == at_once
    assert [said[:end][-2:] for end in at_once[:5]] == [b"\r\n", b"\r\n", b"\n0", b"34", b"\n8"]
    assert len(at_once) == 9 and at_once[-1] == len(said)


@pytest.mark.usefixtures("soon_dealt_with")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", CUTS)
async def test_a_line_that_breaks_at_any_reply_or_in_any_literal_loses_and_doubles_nothing(
    ready, calm, points, way, part, tried
):
    for point in points_of(part, CUTS, points[way]):
        how = random.Random(f"{SEED} {point}").choice(("closed", "reset"))
        voyage = await ready()
        async with Shears(voyage.account.host, voyage.account.port, up=way == "up", at=point + 1, how=how) as shears:
            voyage.vary(remoteport=shears.port, maxconnections=1)
            cut = await voyage.sync()
        with told(f"line {how} at point {point + 1} of {points[way]} {way}, which then said: {reasons(cut)}"):
            assert cut.code in (0, 3, 4), cut.events
            assert "internal" not in reasons(cut)
            assert shears.was_cut or point > points[way] * 0.8
            voyage.vary(remoteport=voyage.account.port)
            await assert_recovers(voyage, calm.outcome)
        tried("points where the line broke", 1)
        shutil.rmtree(voyage.mail.parents[1])


@pytest.mark.parametrize("part", SILENCES)
async def test_a_line_that_falls_silent_is_given_up_in_time_and_nothing_is_lost(ready, calm, points, part, tried):
    for number in points_of(part, SILENCES, 2 * SILENCES_OF_EACH_WAY):
        way = WAYS[number % 2]
        point = random.Random(f"{SEED} {number}").randrange(points[way])
        voyage = await ready()
        async with Shears(voyage.account.host, voyage.account.port, up=way == "up", at=point + 1, how="mute") as shears:
            voyage.vary(remoteport=shears.port, maxconnections=1, timeout=0.5)
            began = time.monotonic()
            silent = await voyage.sync()
        with told(f"line mute at point {point + 1} of {points[way]} {way}, which then said: {reasons(silent)}"):
            assert silent.code in (3, 4) or point > points[way] * 0.8, silent.events
            assert time.monotonic() - began < 15
            voyage.vary(remoteport=voyage.account.port, timeout=20)
            await assert_recovers(voyage, calm.outcome)
        tried("points where the line fell silent", 1)
        shutil.rmtree(voyage.mail.parents[1])
