"""Push from real servers: who tells what, how soon, and what becomes of it when the line fails."""

from __future__ import annotations

import asyncio
import imaplib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.fakes.watching import watching
from tests.servers.cyrus import CyrusServer
from tests.servers.dovecot import DovecotServer
from tests.servers.recorder import Recorder

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import ConnectionLost, ServerUnreachable
from postboat.imap import watchdog
from postboat.imap.dial import connect
from postboat.imap.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.servers.process import Account

    from postboat.imap.session import Session

pytestmark = pytest.mark.real

CAPABILITY = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE UIDPLUS CONDSTORE QRESYNC ESEARCH UNSELECT NAMESPACE"
MAIL = b"Subject: hello\r\n\r\nhello\r\n"
DELAY = 0.025


@pytest.fixture(scope="module")
def without_notify() -> Iterator[DovecotServer]:
    """Return a Dovecot that offers IDLE only."""
    with DovecotServer(capability=f"{CAPABILITY} IDLE") as server:
        yield server


@pytest.fixture(scope="module")
def without_push() -> Iterator[DovecotServer]:
    """Return a Dovecot that offers neither."""
    with DovecotServer(capability=CAPABILITY) as server:
        yield server


class Phone:
    """Another client of the account."""

    def __init__(self, account: Account) -> None:
        self._imap = imaplib.IMAP4(account.host, account.port)
        self._prefix = account.prefix
        if self._imap.state != "AUTH":
            self._imap.login(account.user, account.password)

    async def __call__(self, command: str, *arguments: object) -> None:
        """Say something, and have it granted."""
        status, answer = await asyncio.to_thread(getattr(self._imap, command), *arguments)
        assert status == "OK", answer

    async def deliver(self, folder: str = "INBOX") -> None:
        """Put a message into a folder."""
        await self("append", self.named(folder), None, None, MAIL)

    async def select(self, folder: str = "INBOX") -> None:
        """Select a folder."""
        await self("select", self.named(folder))

    def named(self, folder: str) -> str:
        """A folder's name on the wire."""
        return folder if folder == "INBOX" else self._prefix + folder

    def close(self) -> None:
        """Hang up."""
        self._imap.shutdown()


@asynccontextmanager
async def scene(
    account: Account, *folders: str, size: int = 2, timeout: float = 20
) -> AsyncIterator[tuple[Pool[Session], Phone, Recorder]]:
    """A pool behind a recorder, and another client of the same account."""
    phone = Phone(account)
    for folder in folders:
        await phone("create", phone.named(folder))
    await phone.select()

    async def password(_: str | None) -> tuple[str, Secret]:
        return account.user, Secret(account.password)

    try:
        async with Recorder(account.host, account.port, delay=DELAY) as wire:
            where = {"remotehost": wire.host, "remoteport": wire.port, "remoteuser": account.user}
            remote = ServerConfig(name="r", ssl=False, starttls=False, timeout=timeout, **where)
            pool: Pool[Session] = Pool(lambda: connect(remote, password), size)
            yield pool, phone, wire
            pool.cut("the test is over")
    finally:
        phone.close()


async def test_dovecot_tells_of_all_mailboxes_on_one_connection_while_another_works(dovecot):
    async with scene(dovecot.account(), "Work") as (pool, phone, wire), watching(pool, "INBOX") as (told, _):
        await told.until(("notify",))
        async with pool.session() as session:
            await session.select("INBOX")
            for folder in ("INBOX", "Work"):
                await phone.deliver(folder)
                await told.until({folder})
            await phone.select("Work")
            await phone("store", "1", "+FLAGS", "(\\Flagged)")
            await told.until({"Work"})
            await phone("store", "1", "+FLAGS", "(\\Deleted)")
            await told.until({"Work"})
            await phone("expunge")
            await told.until({"Work"})
            await phone("create", "New")
            await told.until("restructured")
            await phone("subscribe", "New")
            await told.until("restructured")
        assert wire.most == 2


@pytest.mark.parametrize("server", ["without_notify", "cyrus", "courier"])
async def test_an_idle_mailbox_tells_of_what_comes_goes_and_is_flagged(request, server):
    account = request.getfixturevalue(server).account()
    async with scene(account, "Work", size=3) as (pool, phone, _):
        names = ("INBOX", phone.named("Work"))
        async with watching(pool, *names) as (told, _):
            await told.until(("idle", *names))
            for name, folder in zip(names, ("INBOX", "Work"), strict=True):
                await phone.deliver(folder)
                await told.until({name})
            await phone.select("Work")
            await phone("store", "1", "+FLAGS", "(\\Flagged \\Deleted)")
            await told.until({names[1]})
            await phone("expunge")
            await told.until({names[1]})


async def test_pymap_tells_of_new_mail(pymap):
    async with scene(pymap.account()) as (pool, phone, _), watching(pool, "INBOX") as (told, _):
        await told.until(("idle", "INBOX"))
        await phone.deliver()
        await told.until({"INBOX"})


async def test_a_server_that_does_not_push_costs_no_connection(without_push):
    async with scene(without_push.account(), size=1) as (pool, _, wire), watching(pool, "INBOX") as (told, _):
        await told.until(("poll",))
        async with pool.session() as session:
            await session.noop()
        assert wire.total == 1
        assert not wire.commands_sent("IDLE", "NOTIFY", "EXAMINE")


@pytest.mark.parametrize(
    ("server", "armed", "again"), [("dovecot", ("notify",), 5), ("without_notify", ("idle", "INBOX"), 4)]
)
async def test_the_only_connection_is_shared_by_watch_and_work_and_nothing_is_missed(request, server, armed, again):
    account = request.getfixturevalue(server).account()
    async with scene(account, size=1) as (pool, phone, wire), watching(pool, "INBOX") as (told, _):
        await told.until(armed)
        for _ in range(2):
            before = wire.round_trips
            async with pool.session() as session:
                await session.select("INBOX")
                await phone.deliver()
            await told.until({"INBOX"})
            # DONE (and NOTIFY NONE), SELECT, UNSELECT and NOTIFY or EXAMINE, IDLE.
            assert wire.round_trips - before <= again + 1
        await phone.deliver()
        await told.until({"INBOX"})
        assert wire.total == 1


@pytest.mark.parametrize(("server", "trips"), [("dovecot", 2), ("without_notify", 2)])
async def test_a_watch_is_armed_two_round_trips_after_the_sign_in_and_then_says_nothing(request, server, trips):
    account = request.getfixturevalue(server).account()
    async with scene(account, size=2) as (pool, phone, wire):
        async with pool.session() as session:
            await session.noop()
        before = wire.round_trips
        async with watching(pool, "INBOX") as (told, _):
            while not told.all:
                await asyncio.sleep(0.005)
            assert wire.round_trips - before == trips
            up = wire.bytes_up
            await phone.deliver()
            await told.until({"INBOX"})
            assert wire.bytes_up == up


@pytest.mark.parametrize("server", ["dovecot", "without_notify"])
async def test_a_cut_line_ends_the_watch_and_the_next_one_begins_at_once(request, server):
    account = request.getfixturevalue(server).account()
    async with scene(account) as (pool, _, wire):
        for _ in range(2):
            async with watching(pool, "INBOX") as (told, watch):
                while not told.all:
                    await asyncio.sleep(0.005)
                wire.cut()
                with pytest.raises(ConnectionLost):
                    await asyncio.wait_for(watch, 5)
                assert told.all[-1] == "lost"
                assert pool.open_now == 0


async def test_a_line_that_carries_nothing_is_noticed_by_a_probe_and_after_it_another_is_found(dovecot, monkeypatch):
    monkeypatch.setattr("postboat.imap.pool.PROMPT", 0.2)
    async with scene(dovecot.account()) as (pool, phone, wire):
        async with pool.session() as resting, watching(pool, "INBOX") as (told, watch):
            await told.until(("notify",))
            await resting.noop()
            wire.stall()
            await pool.probe()
            with pytest.raises(ConnectionLost):
                await asyncio.wait_for(watch, 5)
            with pytest.raises(ConnectionLost):
                await asyncio.wait_for(resting.noop(), 5)
        wire.resume()
        async with watching(pool, "INBOX") as (told, _):
            await told.until(("notify",))
            await phone.deliver()
            await told.until({"INBOX"})


async def test_silence_is_questioned_and_a_living_server_stays_connected(dovecot, monkeypatch):
    monkeypatch.setattr("postboat.imap.pulse.SHORTEST", 0.1)
    async with scene(dovecot.account()) as (pool, phone, wire), watching(pool, keepalive=0.15) as (told, _):
        await told.until(("notify",))
        while len(wire.commands_sent("IDLE")) < 4:
            await asyncio.sleep(0.01)
        await phone.deliver()
        await told.until({"INBOX"})
        assert wire.total == 1 and "lost" not in told.all
        assert len(wire.commands_sent("NOTIFY")) == 1


async def test_silence_of_a_dead_line_is_not_borne_for_long(dovecot, monkeypatch):
    monkeypatch.setattr("postboat.imap.pulse.SHORTEST", 0.1)
    monkeypatch.setattr("postboat.imap.idle.PROMPT", 0.2)
    assert watchdog.PROMPT <= 10
    async with scene(dovecot.account()) as (pool, _, wire), watching(pool, keepalive=0.15) as (told, watch):
        await told.until(("notify",))
        wire.stall()
        with pytest.raises(ConnectionLost, match=r"no answer for 0\.2 s"):
            await asyncio.wait_for(watch, 5)


async def test_servers_beats_are_enough():
    server = DovecotServer(extra="imap_idle_notify_interval = 1s")
    with server:
        async with scene(server.account()) as (pool, _, wire), watching(pool, keepalive=60) as (told, _):
            await told.until(("notify",))
            beats = b"Still here"
            async with asyncio.timeout(10):
                while b"".join(wire.connections[0].heard).count(beats) < 3:
                    await asyncio.sleep(0.05)
            assert len(wire.commands_sent("IDLE")) == 1


async def test_a_server_that_restarts_is_watched_again():
    with DovecotServer() as server:
        account = server.account()
        async with scene(account) as (pool, _, _):
            async with watching(pool, "INBOX") as (told, watch):
                await told.until(("notify",))
                await asyncio.to_thread(server.restart)
                with pytest.raises((ConnectionLost, ServerUnreachable)):
                    await asyncio.wait_for(watch, 5)
            phone = Phone(account)
            async with watching(pool, "INBOX") as (told, _):
                await told.until(("notify",))
                await phone.deliver()
                await told.until({"INBOX"})
            phone.close()


async def test_a_server_that_allows_fewer_connections_than_are_wanted_is_watched_and_worked_on():
    with DovecotServer(capability=f"{CAPABILITY} IDLE", max_connections=3) as server:
        account = server.account()
        async with scene(account, "A", "B", size=4) as (pool, phone, _):  # the phone has one of the three
            async with watching(pool, "INBOX", "A", "B") as (told, _):
                await told.until(("idle", "INBOX"))
                async with pool.session() as session:
                    await session.select("INBOX")
                    await phone.deliver()
                    await told.until({"INBOX"})
                assert pool.size < 4  # two or three: Dovecot counts late those that come at once
                assert "lost" not in told.all


async def test_a_mailbox_that_is_not_there_hinders_no_other(without_notify):
    async with (
        scene(without_notify.account(), size=3) as (pool, phone, _),
        watching(pool, "Gone", "INBOX") as (told, _),
    ):
        await told.until(("idle", "INBOX"))
        await phone.deliver()
        await told.until({"INBOX"})


async def test_cyrus_says_all_that_happened_during_the_work():
    with CyrusServer() as server:
        async with scene(server.account(), size=1) as (pool, phone, _), watching(pool, "INBOX") as (told, _):
            await told.until(("idle", "INBOX"))
            async with pool.session() as session:
                await session.noop()
                await phone.deliver()
            await told.until({"INBOX"})
