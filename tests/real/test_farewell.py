"""Leaving a server: it is told, and nobody waits for its answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop
from tests.servers.proxy import Proxy

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.dovecot import DovecotServer
    from tests.servers.process import Account

pytestmark = pytest.mark.real

DELAY = 0.15
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


async def leaves(account: Account, port: int, ca: Path | None) -> float:
    """Sign in over a slow line and leave; the seconds that leaving took."""
    async with Proxy(account.host, port, delay=DELAY) as line:
        remote = ServerConfig(
            name="R",
            remotehost="localhost",
            remoteport=line.port,
            remoteuser=account.user,
            ssl=ca is not None,
            starttls=False,
            sslcacertfile=ca,
            timeout=20,
        )

        async def password(_refusal: str | None) -> tuple[str, Secret]:
            return account.user, Secret(account.password)

        session = await connect(remote, password)
        clock = asyncio.get_running_loop().time
        began = clock()
        await session.logout()
        taken = clock() - began
        while line.now:
            await asyncio.sleep(0.02)
        return taken


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", [False, True], ids=["plain text", "TLS"])
def test_the_server_is_told_and_not_waited_for(dovecot: DovecotServer, loop: str, tls: bool) -> None:
    account = dovecot.account()
    port, ca = (dovecot.tls_port, dovecot.ca) if tls else (account.port, None)
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        assert runner.run(leaves(account, port, ca)) < DELAY
    mine = [line for line in dovecot.log().splitlines() if f"imap({account.user})" in line]
    assert sum("Logged out" in line for line in mine) == 1
    assert not any("Disconnected: Connection closed" in line for line in mine)
