"""A program that was stopped for long, as a laptop's are while it sleeps, while its connections died without a word."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from tests.real.staying import Staying, configure
from tests.real.voyage import Voyage, message
from tests.servers.proxy import Proxy

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

SECONDS = float(os.environ.get("POSTBOAT_STOPPED", "0"))
IN_STEP = 3.0


async def in_step(voyage: Voyage) -> float:
    began = time.monotonic()
    while await asyncio.to_thread(voyage.on_server) != voyage.on_disk():
        assert time.monotonic() - began < 10 * IN_STEP
        await asyncio.sleep(0.01)
    return time.monotonic() - began


if SECONDS:

    async def test_both_sides_are_in_step_seconds_after_a_sleep(tmp_path, dovecot):
        account = dovecot.account()
        voyage = Voyage(tmp_path, account)
        await asyncio.to_thread(voyage.deliver, *map(message, range(5)))
        async with Proxy(account.host, account.port) as line:
            config = configure(tmp_path, line.host, line.port, account.user, account.password)
            async with await Staying.start(config) as postboat:
                for name in ("ServerWatched", "DiskWatched", "AccountRests"):
                    await postboat.wait_for(name)
                postboat.signal(signal.SIGSTOP)
                await asyncio.to_thread(voyage.deliver, message(10))
                voyage.drop(message(11))
                await asyncio.sleep(SECONDS)
                line.abandon()
                postboat.signal(signal.SIGCONT)
                assert await in_step(voyage) < IN_STEP
                assert await postboat.stop() == 128 + signal.SIGTERM
