"""Bodies of many folders over few connections: round trips are shared, and nothing else is."""

from __future__ import annotations

import asyncio
import imaplib
import math
import socket
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.bench.network import Network

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.pool import Pool
from postboat.model import Content

if TYPE_CHECKING:
    from tests.servers.process import Account

pytestmark = pytest.mark.real

FOLDERS, MESSAGES, CONNECTIONS = 30, 20, 3


def fill(account: Account) -> dict[str, dict[str, bytes]]:
    """Give the account its folders; the messages of each by UID, which are the same numbers in all of them."""
    phone = imaplib.IMAP4(account.host, account.port)
    phone.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if phone.state != "AUTH":
        phone.login(account.user, account.password)
    mail = {}
    for number in range(FOLDERS):
        folder = f"{account.prefix}F{number}"
        assert phone.create(folder)[0] == "OK"
        wires = [f"Subject: {n} of {folder}\r\n\r\n{'x' * 60}\r\n".encode() for n in range(MESSAGES)]
        for wire in wires:
            assert phone.append(folder, None, None, wire)[0] == "OK"
        phone.select(folder)
        mail[folder] = dict(zip(phone.uid("SEARCH", "ALL")[1][0].decode().split(), wires, strict=True))
    phone.logout()
    return mail


async def read(box: ImapMailbox, keys: list[str]) -> dict[str, bytes | None]:
    async with aclosing(box.read(keys)) as items:
        return {item.key: item.data async for item in items if isinstance(item, Content)}


async def sailed(network: Network, account: Account, mail: dict[str, dict[str, bytes]]) -> tuple[int, int]:
    """Open all connections and read the folders of `mail` at once; the longest chain of questions, and the width."""

    async def password(_: str | None) -> tuple[str, Secret]:
        return account.user, Secret(account.password)

    remote = ServerConfig(
        name="r", remotehost=network.host, remoteport=network.port, remoteuser=account.user, ssl=False, starttls=False
    )
    pool = Pool(lambda: connect(remote, password), CONNECTIONS)
    all_open = asyncio.Barrier(CONNECTIONS)

    async def open_one() -> None:
        async with pool.session() as session:
            await session.noop()
            await all_open.wait()

    await asyncio.gather(*(open_one() for _ in range(CONNECTIONS)))
    width = pool.width
    found = await asyncio.gather(*(read(ImapMailbox(pool, folder), list(keys)) for folder, keys in mail.items()))
    await pool.close()
    assert found == list(mail.values())
    traffic = await asyncio.to_thread(network.traffic)
    assert traffic.connections == CONNECTIONS
    return traffic.most_trips, width


@pytest.mark.parametrize("server", ["dovecot", "cyrus", "courier", "pymap"])
async def test_readers_of_many_folders_share_round_trips(server, request):
    """Each folder takes two flights here, one for sizes: without sharing, twenty trips on each connection.

    A connection begins a folder as soon as one before it is done, so that its chain may be a little longer than if
    all began together.
    """
    account = request.getfixturevalue(server).account()
    mail = await asyncio.to_thread(fill, account)
    with Network(account.host, account.port, delay=0.025) as network:
        connecting, _ = await sailed(network, account, {})
        trips, width = await sailed(network, account, mail)
    assert width >= 4 * CONNECTIONS
    assert trips - connecting <= math.ceil(2 * FOLDERS / width) + 3
