"""Faults of every kind, one after the other, while people go on.

Some befall a server with NOTIFY in every run of the tests; `make soak` has hundreds, on servers of every kind.
"""

from __future__ import annotations

import os
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.bench.latency import WITHOUT_NOTIFY
from tests.soak.holdings import holdings
from tests.soak.scene import Scene
from tests.soak.servers import FrailCyrus, FrailDovecot
from tests.soak.soak import in_step, nothing_more_than, soak
from tests.soak.vessel import Liner

from postboat.imap import pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.soak.servers import FrailServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

FAULTS = int(os.environ.get("POSTBOAT_FAULTS", "8"))
LONGEST = float(os.environ.get("POSTBOAT_LONGEST", "0.4"))
"""Seconds that a fault lasts at most."""
SEED = int(os.environ.get("POSTBOAT_SEED", random.randrange(1 << 32)))
NAMES = os.environ.get("POSTBOAT_FAULT", "").split()
OFTEN = {"autorefresh": 1 / 120}
"""Where the server does not tell of all folders, all are looked at each half second."""
KINDS: dict[str, tuple[Callable[[], FrailServer], dict[str, Any]]] = {
    "notify": (FrailDovecot, {}),
    "notify on the only connection": (FrailDovecot, {"maxconnections": 1}),
    "idle": (partial(FrailDovecot, capability=WITHOUT_NOTIFY), {"idlefolders": ("INBOX", "Lists"), **OFTEN}),
    "poll": (partial(FrailDovecot, capability="IMAP4rev1 UIDPLUS MOVE LITERAL+"), OFTEN),
    "cyrus": (FrailCyrus, OFTEN),
}
WANTED = os.environ.get("POSTBOAT_KINDS", "notify").split(",")


@pytest.mark.parametrize("kind", KINDS if WANTED == ["all"] else WANTED)
async def test_a_postboat_that_stays_is_in_step_after_every_fault_and_leaves_nothing_behind(
    kind, tmp_path, monkeypatch, tell
):
    server, options = KINDS[kind]
    tell(f"{kind}: seed {SEED}, {FAULTS} faults")
    async with Scene(tmp_path, random.Random(SEED), server) as scene:
        before = holdings(scene)
        vessel = Liner(scene, monkeypatch, **options)
        await vessel.start()
        log = await soak(scene, vessel, FAULTS, NAMES, LONGEST)
        await vessel.stop()
        await nothing_more_than(scene, before)
        tell(f"{kind}: {scene.neighbours.facts['deeds']} deeds\n{log}")


async def test_on_another_network_nobody_waits_for_answers_to_the_address_before(tmp_path, monkeypatch):
    async with Scene(tmp_path, random.Random(SEED), FrailDovecot) as scene:
        vessel = Liner(scene, monkeypatch, timeout=60, keepalive=240)
        await vessel.start()
        await in_step(scene, vessel)
        scene.line.abandon()
        vessel.roam()
        await scene.do(scene.neighbours.write)
        assert await in_step(scene, vessel) < 3
        await vessel.stop()


async def test_a_connection_that_died_in_silence_puts_the_watch_of_the_server_in_doubt(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "PROMPT", 0.5)
    async with Scene(tmp_path, random.Random(SEED), FrailDovecot) as scene:
        vessel = Liner(scene, monkeypatch, timeout=1, keepalive=240)
        await vessel.start()
        await in_step(scene, vessel)
        scene.line.abandon()
        await scene.do(scene.neighbours.arrive_local, "Lists")
        await scene.do(scene.neighbours.arrive_remote, "Sent")
        assert await in_step(scene, vessel) < 6
        await vessel.stop()
