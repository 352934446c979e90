"""What a run that goes on makes of failures and of what happens to the machine in the middle of things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.real.kept import kept
from tests.real.voyage import Voyage, message
from tests.servers.proxy import Proxy

from postboat.events import AccountRests, AccountWaits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.real


@pytest.fixture
def voyage(tmp_path, dovecot) -> Voyage:
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(message(1))
    return voyage


@pytest.fixture
async def line(voyage) -> AsyncIterator[Proxy]:
    async with Proxy(voyage.account.host, voyage.account.port) as line:
        voyage.vary(remotehost=line.host, remoteport=line.port)
        yield line


async def test_waking_while_it_connects_is_no_failure(voyage, line, monkeypatch):
    line.stall()
    async with kept(monkeypatch, [voyage]) as postboat:
        await postboat.until(lambda: line.now)
        line.resume()
        postboat.daemon._woke(100.0)
        await postboat.told(AccountRests)
        assert not postboat.of(AccountWaits)
    voyage.assert_same()
