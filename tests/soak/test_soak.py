"""Faults of every kind, one after the other, while people go on: a score in every run of the tests, hundreds by `make soak`."""

from __future__ import annotations

import os
import random

import pytest
from tests.soak.holdings import holdings
from tests.soak.scene import Scene
from tests.soak.soak import nothing_more_than, soak
from tests.soak.vessel import Liner

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

FAULTS = int(os.environ.get("POSTBOAT_FAULTS", "20"))
SEED = int(os.environ.get("POSTBOAT_SEED", random.randrange(1 << 32)))
NAMES = os.environ.get("POSTBOAT_FAULT", "").split()


async def test_a_postboat_that_stays_is_in_step_after_every_fault_and_leaves_nothing_behind(
    tmp_path, monkeypatch, capsys
):
    with capsys.disabled():
        print(f"\nseed {SEED}")
    async with Scene(tmp_path, random.Random(SEED)) as scene:
        before = holdings(scene)
        vessel = Liner(scene, monkeypatch)
        await vessel.start()
        log = await soak(scene, vessel, FAULTS, NAMES)
        await vessel.stop()
        await nothing_more_than(scene, before)
        with capsys.disabled():
            print(log, dict(scene.neighbours.facts), dict(vessel.told), sep="\n")
