"""Ten thousand messages, three hundred folders, two accounts: within the bound of connections, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.real.seeding import seed
from tests.real.voyage import Voyage, message, sail
from tests.servers.dovecot import DovecotServer

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

MESSAGES, FOLDERS = 10_000, 300


async def hung_up(server: DovecotServer, *users: str) -> None:
    """Return once the server counts no session; it takes one off some time after the client has closed it."""
    async with asyncio.timeout(20):
        while any(server.connections(user) for user in users):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("connections", "messages", "folders"), [(1, 2000, 100), (3, MESSAGES, FOLDERS), (8, 2000, 100)]
)
async def test_many_messages_and_folders_of_two_accounts_within_the_bound(tmp_path, connections, messages, folders):
    """The server itself counts: one connection more for any user, and it refuses it and says so in its log."""
    with DovecotServer(max_connections=connections) as server:
        voyages = [Voyage(tmp_path, server.account(), name=name, maxconnections=connections) for name in ("One", "Two")]
        big, wide = voyages
        seed(server, big.account.user, "INBOX", messages)
        for number in range(folders - 1):
            seed(server, wide.account.user, f"folder{number:03}", 3)
        tasks, threads = len(asyncio.all_tasks()), threading.active_count()

        sailed = await sail(voyages, maxsyncaccounts=2)

        sailed.assert_clean()
        assert sailed.done.down == messages + 3 * (folders - 1)
        assert len(asyncio.all_tasks()) == tasks, "a task was left behind"
        assert threading.active_count() <= threads + 8, "only the loop's own few threads remain"
        assert "Maximum number of connections" not in server.log(), "a connection over the bound"
        await hung_up(server, big.account.user, wide.account.user)
        assert len(big.files()) == messages
        assert len([path for path in wide.mail.iterdir() if path.is_dir()]) == folders

        again = await sail(voyages, maxsyncaccounts=2)
        again.assert_clean()
        assert again.done.changes == 0


async def test_two_thousand_messages_go_up(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    for number in range(2_000):
        voyage.drop(message(number), f"{1_600_000_000 + number}.up")
    (await voyage.sync()).assert_clean()
    with voyage.phone("INBOX") as phone:
        assert len(phone.uid("SEARCH", "ALL")[1][0].split()) == 2_000
    assert (await voyage.sync()).done.changes == 0
