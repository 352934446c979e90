"""Two servers, or two trees of Maildirs, that tell of their changes by themselves: each reaches the other, then all rests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.real.crossing import LOCAL, MUTATING, REMOTE, Crossing, Wires
from tests.real.ends import ServerEnd, TreeEnd
from tests.real.kept import Kept, kept
from tests.real.voyage import digest, message
from tests.servers.dovecot import DovecotServer

from postboat.events import (
    AccountFinished,
    AccountRecovered,
    AccountRests,
    AccountWaits,
    DiskWatched,
    FolderFailed,
    FolderStarted,
    FoldersUnchanged,
    MessageFailed,
    ServerWatched,
)
from postboat.service.machine.network import NetworkNews
from postboat.service.staying.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from postboat.model import Side

pytestmark = pytest.mark.real

IDLE_ONLY = "IMAP4rev1 ENABLE UIDPLUS CONDSTORE QRESYNC ESEARCH UNSELECT NAMESPACE MOVE IDLE"
QUIET = 0.6
"""Seconds without a command after which all is taken to be at rest: Dovecot tells of a change half a second later."""
LOOK = 0.05
WATCHING = ("IDLE", "NOTIFY", "EXAMINE", "UNSELECT")
"""What only keeps a watch going."""


@pytest.fixture(scope="module")
def idling() -> Iterator[DovecotServer]:
    """A server that tells of the mailbox that is selected, and of no other."""
    with DovecotServer(capability=IDLE_ONLY) as server:
        yield server


@pytest.fixture
def laptop() -> Iterator[DovecotServer]:
    """A server that a test may stop."""
    with DovecotServer() as server:
        yield server


def crossing(home: Path, remote: DovecotServer, local: DovecotServer, **options: object) -> Crossing:
    """Two users' mailboxes with a message in each of two folders."""
    ends = [ServerEnd(server.account()) for server in (remote, local)]
    for number, end in enumerate(ends):
        end.create("Work")
        end.deliver(message(number))
        end.deliver(message(10 + number), folder="Work")
    between = Crossing(home, *ends)
    for side in (REMOTE, LOCAL):
        between.vary(side, **options)
    return between


@asynccontextmanager
async def staying(
    patch: pytest.MonkeyPatch, between: Crossing, pace: Pace | None = None
) -> AsyncIterator[tuple[Kept, Wires]]:
    """The crossing kept in step, once it is."""
    async with between.recorded() as wires, kept(patch, [between], pace=pace) as postboat:
        await postboat.told(AccountRests)
        between.assert_same("INBOX", "Work")
        yield postboat, wires
        assert not [*postboat.of(FolderFailed), *postboat.of(MessageFailed)]


async def at_rest(wires: Wires) -> None:
    """Wait until nobody has said anything for a while."""
    said, looks = -1, 0
    async with asyncio.timeout(10):
        while looks * LOOK < QUIET:
            said, before = sum(wire.bytes_up for wire in wires.values()), said
            looks = looks + 1 if said == before else 0
            await asyncio.sleep(LOOK)


class Said:
    """What is said to both servers from now on, but for what only keeps the watches going."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._before = {side: [len(each.commands()) for each in wire.connections] for side, wire in wires.items()}

    def to(self, side: Side, *verbs: str) -> list[str]:
        """The commands to one of them; with `verbs` those that begin with one of them."""
        connections, before = self._wires[side].connections, self._before[side]
        known = [*before, *[0] * (len(connections) - len(before))]
        pairs = zip(connections, known, strict=True)
        said = [command for each, count in pairs for command in each.commands()[count:]]
        return [c for c in said if not c.startswith(WATCHING) and (not verbs or c.startswith(verbs))]


@pytest.mark.parametrize(("server", "how"), [("dovecot", "notify"), ("idling", "idle")])
async def test_what_happens_on_either_server_reaches_the_other_and_then_both_rest(
    request, tmp_path, monkeypatch, server, how
):
    server = request.getfixturevalue(server)
    between = Crossing(tmp_path, *(ServerEnd(server.account()) for _ in range(2)))
    between.remote.deliver(message(1))
    between.local.deliver(message(1))
    async with staying(monkeypatch, between) as (postboat, wires):
        assert {(told.side, told.how) for told in postboat.of(ServerWatched)} == {("remote", how), ("local", how)}
        since, news, cycles = len(postboat.events), Said(wires), len(postboat.of(AccountFinished))
        between.remote.deliver(message(2))
        await postboat.until(lambda: len(between.local.holds()) == 2)
        await at_rest(wires)
        assert len(postboat.of(AccountFinished)) - cycles <= 2, "what it did itself costs one look, and that is all"
        assert [command.split()[0] for command in news.to(LOCAL, *MUTATING)] == ["APPEND"]
        assert not news.to(REMOTE, *MUTATING)
        for side in (REMOTE, LOCAL):
            assert not news.to(side, "LIST", "STATUS")
            assert len(news.to(side)) <= 5, news.to(side)
        before = Said(wires)
        postboat.daemon.now([])
        await postboat.told(FoldersUnchanged, since)
        assert not [*before.to(REMOTE, "SELECT"), *before.to(LOCAL, "SELECT")], "all that was looked at is known"
        between.local.flag(message(1), add="\\Flagged")
        between.remote.delete(message(2))
        between.local.deliver(message(3))
        last = {digest(message(1)): {"\\Flagged"}, digest(message(3)): set()}
        for end in between.ends.values():
            await postboat.until(lambda end=end: end.holds() == last)
    between.assert_same("INBOX")


@pytest.mark.parametrize("server", ["dovecot", "idling"])
async def test_one_connection_to_each_server_is_enough_to_watch_and_to_work(request, tmp_path, monkeypatch, server):
    server = request.getfixturevalue(server)
    between = crossing(tmp_path, server, server, maxconnections=1)
    async with staying(monkeypatch, between) as (postboat, wires):
        between.remote.deliver(message(2))
        between.local.deliver(message(3))
        between.local.flag(message(0), add="\\Flagged")
        await postboat.until(lambda: len(between.local.holds()) == 4)
        await postboat.until(lambda: between.remote.census() == between.local.census())
        assert {wire.most for wire in wires.values()} == {1}
    between.assert_same("INBOX", "Work")


async def test_a_message_moved_where_the_local_server_tells_nothing_of_is_moved_on_the_remote_one(
    idling, tmp_path, monkeypatch
):
    between = crossing(tmp_path, idling, idling)
    async with staying(monkeypatch, between) as (postboat, wires):
        news = Said(wires)
        between.local.move(message(0), to="Work")
        await postboat.until(lambda: len(between.remote.holds("Work")) == 3)
        moved = [command.split()[:2] for command in news.to(REMOTE, *MUTATING)]
        assert ["UID", "MOVE"] in moved and "APPEND" not in {verb for verb, *_ in moved}
    between.assert_same("INBOX", "Work")


async def test_before_the_machine_sleeps_both_servers_are_left_and_when_it_wakes_all_is_looked_at(
    dovecot, tmp_path, monkeypatch
):
    between = crossing(tmp_path, dovecot, dovecot)
    async with staying(monkeypatch, between) as (postboat, _):
        await postboat.daemon._doze()
        servers = postboat.daemon._keepers["Test"].parts.servers.values()
        assert [server.pool.open_now for server in servers] == [0, 0]
        between.local.deliver(message(2))
        postboat.daemon._woke(100.0)
        await postboat.until(lambda: len(between.remote.holds()) == 3)
        assert not postboat.of(AccountWaits)


async def test_only_the_connections_from_an_address_that_is_gone_are_made_anew(dovecot, tmp_path, monkeypatch):
    between = crossing(tmp_path, dovecot, dovecot)
    async with staying(monkeypatch, between) as (postboat, wires):
        before = {side: wire.total for side, wire in wires.items()}
        pools = {side: server.pool for side, server in postboat.daemon._keepers["Test"].parts.servers.items()}
        monkeypatch.setattr(pools[REMOTE], "has_any_from", bool)
        between.local.deliver(message(2))
        postboat.daemon._network_changed(NetworkNews(frozenset({"192.0.2.7"}), frozenset(), False))
        await postboat.until(lambda: len(between.remote.holds()) == 3)
        assert wires[REMOTE].total > before[REMOTE] and wires[LOCAL].total == before[LOCAL]
        assert not postboat.of(AccountWaits)


async def test_while_one_server_is_down_the_other_stays_connected_and_after_it_all_is_in_step(
    dovecot, laptop, tmp_path, monkeypatch
):
    between = crossing(tmp_path, dovecot, laptop)
    async with staying(monkeypatch, between, Pace(first_retry=0.2, longest_retry=0.2)) as (postboat, wires):
        connections = wires[REMOTE].total
        wires[LOCAL].shut()
        laptop.restart()
        waits = await postboat.told(AccountWaits, times=2)
        assert "TestLocal" in waits.reason and "TestRemote" not in waits.reason
        between.remote.deliver(message(2))
        between.remote.flag(message(0), add="\\Flagged")
        assert not postboat.of(AccountRecovered)
        await wires[LOCAL].open()
        await postboat.told(AccountRecovered)
        await postboat.until(lambda: len(between.local.holds()) == 3)
        between.local.deliver(message(3))
        await postboat.until(lambda: between.remote.census() == between.local.census())
        assert wires[REMOTE].total == connections, "nothing was wrong with that one"
    between.assert_same("INBOX", "Work")


async def test_when_the_line_to_both_breaks_at_once_that_is_one_failure(dovecot, tmp_path, monkeypatch):
    between = crossing(tmp_path, dovecot, dovecot)
    async with staying(monkeypatch, between, Pace(first_retry=0.05)) as (postboat, wires):
        for wire in wires.values():
            wire.cut()
        between.remote.deliver(message(2))
        await postboat.until(lambda: len(between.local.holds()) == 3)
        assert [told.passing for told in postboat.of(AccountWaits)] == [True]


async def test_when_the_lines_break_in_the_middle_of_a_sync_that_is_one_failure(dovecot, tmp_path, monkeypatch):
    between = crossing(tmp_path, dovecot, dovecot)
    async with staying(monkeypatch, between, Pace(first_retry=0.05)) as (postboat, wires):
        wires[LOCAL].stall()
        between.remote.deliver(message(2))
        since = len(postboat.events)
        await postboat.told(FolderStarted, since)
        for wire in wires.values():
            wire.cut()
        wires[LOCAL].resume()
        await postboat.until(lambda: len(between.local.holds()) == 3)
        waits = postboat.events.index(await postboat.told(AccountWaits))
        await postboat.told(AccountFinished, waits)
        assert [told.passing for told in postboat.of(AccountWaits)] == [True]


async def test_two_trees_of_maildirs_tell_each_other(tmp_path, monkeypatch):
    ends = [TreeEnd(tmp_path / name) for name in ("here", "there")]
    for end in ends:
        end.create("INBOX", "Work")
    between = Crossing(tmp_path, *ends)
    async with kept(monkeypatch, [between], pace=Pace(settle_disk=0.02)) as postboat:
        await postboat.told(AccountRests)
        assert {told.side for told in postboat.of(DiskWatched)} == {"remote", "local"}
        for number, (one, other) in enumerate((ends, ends[::-1])):
            one.deliver(message(number))
            await postboat.until(lambda place=other.root, many=number + 1: len([*place.glob("INBOX/[nc]*/*")]) == many)
            other.flag(message(number), add="\\Flagged")
            await postboat.until(lambda place=one.root, many=number + 1: len([*place.glob("INBOX/*/*:2,F")]) == many)
        await asyncio.sleep(0.3)
        assert len(postboat.of(AccountFinished)) <= 5, "what it did itself is no news"
    between.assert_same("INBOX", "Work")
