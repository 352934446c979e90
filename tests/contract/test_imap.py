"""A mailbox keeps the contract of replicas on every server that runs here, and on a Dovecot with its gifts hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.imap_world import ImapWorld
from tests.contract.replica_contract import ReplicaContract
from tests.servers.dovecot import DovecotServer

from postboat.model import FolderName
from postboat.service.shores.server_shelf import ServerQuarantine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.servers.courier import CourierServer
    from tests.servers.cyrus import CyrusServer
    from tests.servers.process import Account
    from tests.servers.pymap_server import PymapServer

pytestmark = pytest.mark.real
PLAIN = "IMAP4rev1 UNSELECT NAMESPACE"


@pytest.fixture(scope="session")
def plain_dovecot() -> Iterator[DovecotServer]:
    with DovecotServer(capability=PLAIN) as server:
        yield server


class ImapContract(ReplicaContract):
    """Subclasses give a fixture `account`."""

    @pytest.fixture
    async def world(self, account: Account) -> AsyncIterator[ImapWorld]:
        world = ImapWorld(account)
        await world.open()
        yield world
        await world.close()


class TestDovecot(ImapContract):
    @pytest.fixture
    def account(self, dovecot: DovecotServer) -> Account:
        return dovecot.account()


class TestDovecotSdbox(ImapContract):
    """And as between two servers: large messages are spooled, and what is removed is kept first."""

    @pytest.fixture
    def account(self, dovecot_sdbox: DovecotServer) -> Account:
        return dovecot_sdbox.account()

    @pytest.fixture
    async def world(self, account: Account, tmp_path: Path) -> AsyncIterator[ImapWorld]:
        shelf = ServerQuarantine(tmp_path / "quarantine", 30).shelf(FolderName(("Contract",)))
        world = ImapWorld(account, spool=tmp_path / "spool", shelf=shelf)
        await world.open()
        yield world
        await world.close()


class TestDovecotWithoutExtensions(ImapContract):
    """No CONDSTORE, UIDPLUS, LITERAL+ or ESEARCH is told: every fallback is taken."""

    @pytest.fixture
    def account(self, plain_dovecot: DovecotServer) -> Account:
        return plain_dovecot.account()


class TestCyrus(ImapContract):
    @pytest.fixture
    def account(self, cyrus: CyrusServer) -> Account:
        return cyrus.account()


class TestCourier(ImapContract):
    @pytest.fixture
    def account(self, courier: CourierServer) -> Account:
        return courier.account()


class TestPymap(ImapContract):
    @pytest.fixture
    def account(self, pymap: PymapServer) -> Account:
        return pymap.account()
