"""The whole program on a machine that goes to sleep: it takes leave of the server in time, and is back when it wakes."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.fakes.logind import FakeLogind
from tests.real.staying import Staying, configure
from tests.real.voyage import message
from tests.servers.private_bus import PrivateBus

pytestmark = pytest.mark.real


async def connections(dovecot, user: str) -> int:
    return await asyncio.to_thread(dovecot.connections, user)


async def test_it_leaves_the_server_before_the_machine_sleeps_and_is_in_step_at_once_when_it_wakes(tmp_path, dovecot):
    account = dovecot.account()
    config = configure(tmp_path, account.host, account.port, account.user, account.password)
    with PrivateBus() as bus:
        async with FakeLogind(bus.address) as logind:
            async with await Staying.start(config, DBUS_SYSTEM_BUS_ADDRESS=bus.address) as postboat:
                await postboat.wait_for("AccountRests")
                await postboat.wait_for("ServerWatched")
                lock = await logind.locks.get()
                assert await connections(dovecot, account.user) > 0

                began = time.monotonic()
                await logind.announce(True)
                await lock.released.wait()
                assert time.monotonic() - began < 4
                assert await connections(dovecot, account.user) == 0

                await asyncio.to_thread(dovecot.deliver, account.user, message(1))
                since, woken = len(postboat.events), time.monotonic()
                await logind.announce(False)
                await postboat.wait_for("MachineSlept", since)
                arrived = await postboat.wait_for("MessagesArrived", since)
                assert time.monotonic() - woken < 3
                assert len(arrived["paths"]) == 1
                await logind.locks.get()
                assert logind.open_locks == 1
                assert await postboat.stop() in (0, 143)
            assert logind.open_locks == 0
