"""What goes to a server: that it arrives as it was meant on every server there is, and what it costs on the wire."""

from __future__ import annotations

import asyncio
import imaplib
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.bench.network import Network
from tests.servers.dovecot import DovecotServer

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.marking import change_flags, remove
from postboat.imap.moving import CANNOT
from postboat.imap.pool import Pool
from postboat.model import FLAGGED, NO_FLAGS, SEEN, Content, Gone, Intent, Reflagging, Refused, Side, Stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.servers.process import Account

    from postboat.imap.session import Session
    from postboat.model import Key

pytestmark = pytest.mark.real

DATE = 1_700_000_000.0
WITHOUT_MOVE = "IMAP4rev1 UIDPLUS LITERAL+ ESEARCH"
WITHOUT_UIDPLUS = "IMAP4rev1 MOVE LITERAL+"
WITH_LITERAL_MINUS = "IMAP4rev1 UIDPLUS MOVE LITERAL- MULTIAPPEND ESEARCH CONDSTORE"
WITH_NOTHING = "IMAP4rev1"
SERVERS = ["dovecot", "dovecot_sdbox", "cyrus", "courier", "pymap"]
MASKED = ["without_move", "without_uidplus", "with_literal_minus", "with_nothing"]


@pytest.fixture(scope="module")
def without_move() -> Iterator[DovecotServer]:
    with DovecotServer(capability=WITHOUT_MOVE) as server:
        yield server


@pytest.fixture(scope="module")
def without_uidplus() -> Iterator[DovecotServer]:
    with DovecotServer(capability=WITHOUT_UIDPLUS) as server:
        yield server


@pytest.fixture(scope="module")
def with_literal_minus() -> Iterator[DovecotServer]:
    with DovecotServer(capability=WITH_LITERAL_MINUS) as server:
        yield server


@pytest.fixture(scope="module")
def with_nothing() -> Iterator[DovecotServer]:
    with DovecotServer(capability=WITH_NOTHING) as server:
        yield server


@pytest.fixture(params=[*SERVERS, *MASKED])
def account(request: pytest.FixtureRequest) -> Account:
    account: Account = request.getfixturevalue(request.param).account()
    return account


class Phone:
    """Another program that uses the account."""

    def __init__(self, account: Account) -> None:
        self.imap = imaplib.IMAP4(account.host, account.port, timeout=30)
        self.imap.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not account.preauth:
            self.imap.login(account.user, account.password)

    def do(self, command: str, *words: str) -> list[bytes]:
        status, answer = getattr(self.imap, command)(*words)
        assert status == "OK", (command, words, answer)
        return answer  # type: ignore[no-any-return]

    def holds(self, folder: str) -> dict[Key, tuple[bytes, bool, str]]:
        """Bodies, whether they are flagged, and dates, by UID."""
        self.do("select", folder)
        held = {}
        for uid in self.do("uid", "SEARCH", "ALL")[0].decode().split():
            _, answer = self.imap.uid("FETCH", uid, "(FLAGS INTERNALDATE BODY.PEEK[])")
            (part,) = (part for part in answer if isinstance(part, tuple))
            told = b"".join(part if isinstance(part, bytes) else part[0] for part in answer)
            when = str(imaplib.Internaldate2tuple(told))
            held[uid] = (part[1], FLAGGED.encode() in told, when)
        return held


def wire(n: int, size: int = 0) -> bytes:
    head = f"From: a@example.org\r\nSubject: message {n}\r\nMessage-ID: <{n}@example.org>\r\n\r\n".encode()
    return head + b"x" * 60 + b"\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)


def content(n: int, size: int = 0) -> Content:
    octets = wire(n, size)
    return Content(f"l{n}", frozenset({FLAGGED}) if n % 2 else NO_FLAGS, DATE + 60 * n, len(octets), octets)


@asynccontextmanager
async def pool_of(account: Account, port: int | None = None) -> AsyncIterator[Pool[Session]]:
    async def password(_: str | None) -> tuple[str, Secret]:
        return account.user, Secret(account.password)

    remote = ServerConfig(
        name="r",
        remotehost=account.host,
        remoteport=port or account.port,
        remoteuser=account.user,
        ssl=False,
        starttls=False,
    )
    pool: Pool[Session] = Pool(lambda: connect(remote, password), 1)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
def phone(account: Account) -> Iterator[Phone]:
    phone = Phone(account)
    for folder in (here(account), there(account)):
        phone.do("create", folder)
    yield phone
    phone.imap.logout()


def here(account: Account) -> str:
    return f"{account.prefix}Here"


def there(account: Account) -> str:
    return f"{account.prefix}There"


async def store(box: ImapMailbox, contents: Sequence[Content]) -> list[Key]:
    await box.validity()
    outcomes = await box.store(contents, await box.intend(contents))
    assert [type(outcome) for outcome in outcomes] == [Stored] * len(contents)
    return [outcome.key for outcome in outcomes]


async def test_a_batch_arrives_whole_and_every_key_is_its_messages_own(account: Account, phone: Phone) -> None:
    """Some are too large for LITERAL-, and some for a group."""
    contents = [content(n, 9000 if n % 9 == 4 else 300_000 if n == 70 else 0) for n in range(90)]
    async with pool_of(account) as pool:
        keys = await store(ImapMailbox(pool, here(account)), contents)
    held = await asyncio.to_thread(phone.holds, here(account))
    assert [held[key][:2] for key in keys] == [(c.data, FLAGGED in c.flags) for c in contents]
    assert len(held) == len(contents)


async def test_moved_messages_keep_their_octets_flags_and_dates(account: Account, phone: Phone) -> None:
    contents = [content(n) for n in range(6)]
    async with pool_of(account) as pool:
        box, to = ImapMailbox(pool, here(account)), ImapMailbox(pool, there(account))
        keys = await store(box, contents)
        await store(to, [content(77)])
        before = await asyncio.to_thread(phone.holds, here(account))
        wanted = [keys[4], keys[1], "9999", keys[2]]
        outcomes = await box.move(wanted, to, await to.intend([contents[n] for n in (4, 1, 5, 2)]))
        can = any(not isinstance(outcome, Refused) for outcome in outcomes)
        twice = [outcome.origin for outcome in outcomes if isinstance(outcome, Stored) and outcome.copied]
        between = await asyncio.to_thread(phone.holds, here(account))
        left = await box.delete(twice, expunge=True)
    stays, went = (
        await asyncio.to_thread(phone.holds, here(account)),
        await asyncio.to_thread(phone.holds, there(account)),
    )
    if not can:
        assert outcomes == [Refused(key, CANNOT) for key in wanted]
        assert (stays, len(went)) == (before, 1)
        return
    assert outcomes[2] == Gone(wanted[2])
    assert between == {key: one for key, one in before.items() if key not in wanted or key in twice}
    assert not left
    moved = {outcome.origin: went[outcome.key] for outcome in outcomes if isinstance(outcome, Stored)}
    assert moved == {key: before[key] for key in wanted if key in before}
    assert stays == {key: one for key, one in before.items() if key not in wanted}
    assert len(went) == 4


async def test_a_server_that_can_only_copy_leaves_deleting_to_the_caller(without_move: DovecotServer) -> None:
    account = without_move.account()
    phone = Phone(account)
    phone.do("create", there(account))
    async with pool_of(account) as pool:
        box, to = ImapMailbox(pool, "INBOX"), ImapMailbox(pool, there(account))
        keys = await store(box, [content(n) for n in range(3)])
        await asyncio.to_thread(phone.do, "select", "INBOX")
        await asyncio.to_thread(phone.do, "uid", "STORE", keys[2], "+FLAGS", r"(\Deleted)")
        await to.validity()
        outcomes = await box.move(keys[:2], to, await to.intend([content(n) for n in range(2)]))
    assert [isinstance(outcome, Stored) and outcome.copied for outcome in outcomes] == [True, True]
    assert list(await asyncio.to_thread(phone.holds, "INBOX")) == keys
    assert len(await asyncio.to_thread(phone.holds, there(account))) == 2
    phone.do("select", "INBOX")
    assert phone.do("uid", "SEARCH", "DELETED") == [keys[2].encode()]
    phone.imap.logout()


async def test_a_move_whose_answer_was_lost_is_found(account: Account, phone: Phone) -> None:
    """By tokens made of the local files, whose times another program may have changed."""
    contents = [content(n) for n in range(3)]
    async with pool_of(account) as pool:
        keys = await store(ImapMailbox(pool, here(account)), contents)
        to = ImapMailbox(pool, there(account))
        await to.validity()
        touched = [Content(c.key, c.flags, DATE + 99, c.size, c.data) for c in contents]
        tokens = [*await to.intend(contents[:1]), *await to.intend(touched[1:])]
        await ImapMailbox(pool, here(account)).move(keys, to, tokens)
        intents = [Intent(Side.REMOTE, c.key, token, c.flags) for c, token in zip(contents, tokens, strict=True)]
        found = await ImapMailbox(pool, there(account)).find(intents)
    went = await asyncio.to_thread(phone.holds, there(account))
    if went:
        assert {key: went[outcome.key][0] for key, outcome in found.items()} == {c.key: c.data for c in contents}
    else:
        assert not found


@pytest.mark.parametrize("expunge", [True, False])
async def test_what_vanished_after_the_select_is_told_and_what_we_removed_is_not(
    account: Account, phone: Phone, expunge: bool
) -> None:
    """All commands go out in one flight, of which some servers apply the effects only at its end."""
    async with pool_of(account) as pool:
        keys = await store(ImapMailbox(pool, here(account)), [content(n) for n in range(6)])
        async with pool.session() as session:
            selected = await session.select(here(account))
            await asyncio.to_thread(phone.do, "select", here(account))
            await asyncio.to_thread(phone.do, "uid", "STORE", keys[1], "+FLAGS", r"(\Deleted)")
            await asyncio.to_thread(phone.do, "expunge")
            work = [Reflagging(key, add=frozenset({SEEN})) for key in keys]
            assert await change_flags(session, selected, work) == [Gone(keys[1])]
            left = await remove(
                session, await session.select(here(account)), [int(keys[0]), int(keys[3])], expunge=expunge
            )
            assert [outcome.key for outcome in left] == ([] if expunge else [keys[0], keys[3]])


# What it costs


@asynccontextmanager
async def network_of(account: Account) -> AsyncIterator[Network]:
    network = await asyncio.to_thread(Network, account.host, account.port, delay=0.025)
    try:
        yield network
    finally:
        await asyncio.to_thread(network.close)


async def cost(network: Network, pool: Pool[Session], connecting: int) -> tuple[int, int, int]:
    """Round trips beyond those of the connection, octets up and octets down; ends the connections."""
    await pool.close()
    traffic = await asyncio.to_thread(network.traffic)
    assert traffic.connections == 1
    return traffic.trips - connecting, traffic.up, traffic.down


async def connected(network: Network, account: Account) -> int:
    """Round trips of a connection that does nothing but open a mailbox."""
    async with pool_of(account, network.port) as pool:
        await ImapMailbox(pool, "INBOX").validity()
    return (await asyncio.to_thread(network.traffic)).trips


@pytest.mark.parametrize("account", ["dovecot", "cyrus"], indirect=True)
async def test_a_thousand_messages_are_sent_in_few_round_trips(account: Account) -> None:
    contents = [content(n) for n in range(1000)]
    async with network_of(account) as network:
        connecting = await connected(network, account)
        async with pool_of(account, network.port) as pool:
            await store(ImapMailbox(pool, "INBOX"), contents)
            trips, up, _ = await cost(network, pool, connecting)
    octets = sum(c.size for c in contents)
    assert trips <= 20  # 5 to 7; while a slow server works off a full window, each refill counts as one
    assert up - octets < 70 * 1000


@pytest.mark.parametrize("account", ["dovecot", "cyrus"], indirect=True)
async def test_flags_deletions_and_moves_take_two_flights_each(account: Account, phone: Phone) -> None:
    contents = [content(n) for n in range(2000)]
    async with pool_of(account) as pool:
        keys = await store(ImapMailbox(pool, "INBOX"), contents)
    async with network_of(account) as network:
        connecting = await connected(network, account)
        async with pool_of(account, network.port) as pool:
            add = [Reflagging(key, add=frozenset({SEEN})) for key in keys[:1500]]
            take = [Reflagging(key, remove=frozenset({FLAGGED})) for key in keys[1500:]]
            assert not await ImapMailbox(pool, "INBOX").reflag(add + take)
            flags = await cost(network, pool, connecting)
        async with pool_of(account, network.port) as pool:
            assert not await ImapMailbox(pool, "INBOX").delete(keys[::2], expunge=True)
            deletes = await cost(network, pool, connecting)
        async with pool_of(account, network.port) as pool:
            to = ImapMailbox(pool, there(account))
            await to.validity()
            tokens = await to.intend(contents[1:200:2])
            assert all(isinstance(o, Stored) for o in await ImapMailbox(pool, "INBOX").move(keys[1:200:2], to, tokens))
            moves = await cost(network, pool, connecting)
    assert max(flags[0], deletes[0]) <= 1
    assert moves[0] <= 2
    assert flags[1] < 2000
    assert flags[2] < 200_000
    assert deletes[1] < 20_000
    assert moves[1] < 3000
