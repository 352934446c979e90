"""Faults of every kind, one after the other, while people go on: a score in every run of the tests, hundreds by `make soak`."""

from __future__ import annotations

import os
import random

import pytest
from tests.soak.scene import Scene
from tests.soak.soak import soak
from tests.soak.vessel import Ferry

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

FAULTS = int(os.environ.get("POSTBOAT_FAULTS", "20"))
SEED = int(os.environ.get("POSTBOAT_SEED", random.randrange(1 << 32)))
NAMES = os.environ.get("POSTBOAT_FAULT", "").split()


async def test_single_runs_come_through_all_faults(tmp_path, capsys):
    with capsys.disabled():
        print(f"\nseed {SEED}")
    async with Scene(tmp_path, random.Random(SEED)) as scene:
        vessel = Ferry(scene)
        await vessel.start()
        log = await soak(scene, vessel, FAULTS, NAMES)
        await vessel.stop()
        with capsys.disabled():
            print(log, dict(scene.neighbours.facts))
