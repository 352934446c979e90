"""What a run between two servers may cost on each wire: round trips, connections, commands and octets; no times.

As in `test_job_budget.py`, limits are what was measured and little more.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.real.budget import DELAY, Cost
from tests.real.crossing import MUTATING, Crossing, bodies_fetched
from tests.real.ends import ServerEnd
from tests.real.jobs import HUNDRED, THIRTY
from tests.real.voyage import append, message

from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.real.crossing import Wires
    from tests.real.voyage import Sailed
    from tests.servers.dovecot import DovecotServer
    from tests.servers.recorder import Recorder

pytestmark = pytest.mark.real

BODY = 4000
"""Octets of messages whose bodies would be seen to travel."""


class Scene:
    """Two accounts in step, and what is said to the server of each."""

    def __init__(self, crossing: Crossing, wires: Wires) -> None:
        self.crossing, self.wires = crossing, wires

    async def run(self) -> Sailed:
        """The run that is recorded."""
        for wire in self.wires.values():
            wire.forget()
            wire.delay = DELAY
        sailed = await self.crossing.sync()
        sailed.assert_clean()
        for wire in self.wires.values():
            wire.delay = 0.0
        return sailed

    @property
    def mutations(self) -> dict[Side, int]:
        """How many commands changed something on each server."""
        return {side: len(wire.commands_sent(*MUTATING)) for side, wire in self.wires.items()}

    def assert_within(self, limit: Cost) -> None:
        """Neither server was asked for more."""
        for side, wire in self.wires.items():
            cost = cost_of(wire)
            assert cost.over(limit) == {}, (side, cost, [each.flights for each in wire.connections])


def cost_of(wire: Recorder) -> Cost:
    """What one server was asked for."""
    up, down = (sum(len(getattr(each, way)) for each in wire.connections) for way in ("sent", "received"))
    return Cost(wire.round_trips, len(wire.connections), len(wire.commands_sent()), up, down)


@asynccontextmanager
async def in_step(home: Path, dovecot: DovecotServer, folders: Sequence[str], size: int = 0) -> AsyncIterator[Scene]:
    """Two accounts of which one had a message in each folder, and the other has the same by now."""
    remote, local = ServerEnd(dovecot.account()), ServerEnd(dovecot.account())
    crossing = Crossing(home, remote, local)
    with remote.phone() as phone:
        for number, folder in enumerate(folders):
            if folder != "INBOX":
                phone.create(folder)
            append(phone, folder, message(number, size=size))
    async with crossing.recorded() as wires:
        for _ in range(3):  # the servers become known well
            await crossing.settle()
        yield Scene(crossing, wires)


async def test_nothing_changed_in_a_hundred_folders_is_one_round_trip_to_each(
    tmp_path: Path, dovecot: DovecotServer
) -> None:
    async with in_step(tmp_path, dovecot, HUNDRED) as scene:
        sailed = await scene.run()
        assert sailed.done.changes == 0
        assert scene.mutations == {Side.REMOTE: 0, Side.LOCAL: 0}
        assert not any(wire.commands_sent("SELECT", "EXAMINE", "UID") for wire in scene.wires.values())
        scene.assert_within(Cost(1, 1, 6, 250, 12_500))


@pytest.mark.parametrize("at", Side)
async def test_one_new_message_in_one_of_thirty_folders_is_three_round_trips_to_each(
    tmp_path: Path, dovecot: DovecotServer, at: Side
) -> None:
    async with in_step(tmp_path, dovecot, THIRTY) as scene:
        scene.crossing.ends[at].deliver(message(1000, size=BODY), folder=THIRTY[7])
        sailed = await scene.run()
        assert sailed.done.down + sailed.done.up == 1
        assert scene.mutations == {at: 0, at.other: 1}
        assert {side: len(bodies_fetched(wire)) for side, wire in scene.wires.items()} == {at: 1, at.other: 0}
        scene.assert_within(Cost(3, 1, 10, 4_900, 9_100))
        scene.crossing.assert_same(THIRTY[7])


async def test_a_lost_ledger_costs_no_body_and_nothing_is_sent(tmp_path: Path, dovecot: DovecotServer) -> None:
    async with in_step(tmp_path, dovecot, THIRTY, BODY) as scene:
        scene.crossing.forget()
        sailed = await scene.run()
        assert sailed.done.adopted == len(THIRTY)
        assert scene.mutations == {Side.REMOTE: 0, Side.LOCAL: 0}
        assert all(bodies_fetched(wire) == [] for wire in scene.wires.values())
        scene.assert_within(Cost(30, 3, 140, 7_000, 39_000))
        scene.crossing.assert_same(*THIRTY[:2])
