"""DEFLATE with real servers: a mailbox keeps the contract of replicas over it, and what is carried shrinks."""

from __future__ import annotations

import imaplib
import random
import socket
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.contract.imap_world import ImapWorld
from tests.contract.replica_contract import ReplicaContract
from tests.servers.proxy import Proxy

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.connection import Connection
from postboat.imap.dial import connect
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.pool import Pool
from postboat.model import NO_FLAGS, Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers.dovecot import DovecotServer
    from tests.servers.process import Account

    from postboat.imap.session import Session

pytestmark = pytest.mark.real


class CompressedWorld(ImapWorld):
    """Every session is compressed from the first command on."""

    async def open(self) -> None:
        await super().open()

        async def dial() -> Session:
            session = await connect(self.remote, self._password)
            assert await session.compress()
            return session

        self.pool = Pool(dial, self._connections)


class CompressedContract(ReplicaContract):
    @pytest.fixture
    async def world(self, account: Account) -> AsyncIterator[ImapWorld]:
        world = CompressedWorld(account)
        await world.open()
        yield world
        await world.close()


class TestDovecot(CompressedContract):
    @pytest.fixture
    def account(self, dovecot: DovecotServer) -> Account:
        return dovecot.account()


def letters(count: int) -> list[bytes]:
    """Messages of some 20 kB, of words as they occur in mail."""
    chance = random.Random(4)
    words = ["harbour", "tide", "the", "a", "boat", "mail", "wind", "of", "and", "to", "sail", "rope", "we", "you"]
    return [
        f"Subject: {n}\r\n\r\n".encode()
        + b"".join(" ".join(chance.choices(words, k=12)).encode() + b"\r\n" for _ in range(350))
        for n in range(count)
    ]


@pytest.fixture(params=["dovecot", "cyrus"])
def account(request: pytest.FixtureRequest) -> Account:
    return request.getfixturevalue(request.param).account()  # type: ignore[no-any-return]


async def test_bodies_are_compressed_where_it_pays(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    wires = letters(40)
    phone = imaplib.IMAP4(account.host, account.port)
    phone.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    phone.login(account.user, account.password)
    for wire in wires:
        phone.append("INBOX", None, None, wire)
    phone.logout()

    async def password(_: str | None) -> tuple[str, Secret]:
        return account.user, Secret(account.password)

    carried = {}
    for far in (False, True):
        monkeypatch.setattr(Connection, "is_compressible", far)
        async with Proxy(account.host, account.port) as proxy:
            remote = ServerConfig(
                name="r", remotehost=proxy.host, remoteport=proxy.port, remoteuser=account.user, ssl=False
            )
            pool: Pool[Session] = Pool(lambda remote=remote: connect(remote, password), 1)
            box = ImapMailbox(pool, "INBOX")
            await box.validity()
            keys = [str(uid) for uid in range(1, len(wires) + 1)]
            async with aclosing(box.read(keys)) as items:
                found = [item.data async for item in items if isinstance(item, Content)]
            assert found == wires
            contents = [Content(str(n), NO_FLAGS, None, len(wire), wire) for n, wire in enumerate(wires)]
            outcomes = await box.store(contents, await box.intend(contents))
            assert len(outcomes) == len(wires)
            await pool.close()
            carried[far] = proxy.bytes_down, proxy.bytes_up
    assert carried[True][0] < carried[False][0] / 2
    assert carried[True][1] < carried[False][1] / 2
    print(f"down {carried[False][0]} -> {carried[True][0]}, up {carried[False][1]} -> {carried[True][1]}")
