"""Messages go from one real server to another and back, as they are."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.data.odd_messages import digest, odd_messages, small_odd_messages
from tests.real.ferry import ferry
from tests.real.voyage import message
from tests.servers.dovecot import DovecotServer
from tests.servers.recorder import Recorder

from postboat.model import ANSWERED, FLAGGED, SEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.imap_world import ImapWorld

pytestmark = pytest.mark.real

MANY = 600


@pytest.fixture(scope="module")
def laptop() -> Iterator[DovecotServer]:
    """The second server of two."""
    with DovecotServer() as server:
        yield server


async def digests(world: ImapWorld) -> dict[str, str]:
    """Digests of the messages in a folder, by their keys."""
    return {key: digest(held.wire) for key, held in (await world.held()).items()}


def fate(name: str, server: str) -> str:
    """What becomes of an odd message on a server: "refused: …", "changed: …" or ""."""
    return next(each.known.get(server, "") for each in odd_messages() if each.name == name)


@pytest.mark.parametrize(("origin", "goal"), [("dovecot", "laptop"), ("dovecot", "cyrus"), ("cyrus", "courier")])
async def test_odd_messages_arrive_octet_for_octet_or_are_refused_by_name(request, tmp_path, origin, goal):
    """Only what a server is known to change itself is another one there."""
    source, target = (request.getfixturevalue(server).account() for server in (origin, goal))
    kept = [each for each in small_odd_messages() if not each.known.get(origin)]
    if goal == "courier":  # which takes its time for each
        kept = [each for number, each in enumerate(kept) if each.known or number % 6 == 0]
    names = {digest(each.wire): each.name for each in kept}
    async with ferry(source, target, tmp_path) as sea:
        await sea.remote.deliver([each.wire for each in kept])
        came = {key: names[found] for key, found in (await digests(sea.remote)).items()}
        finished = await sea.sync()
        refused = {came[what.split()[2]] for what in sea.failures}
        arrived = await digests(sea.local)
        assert refused == {name for name in came.values() if fate(name, goal).startswith("refused")}
        changed = {name for name in came.values() if fate(name, goal).startswith("changed")}
        assert len(arrived) == finished.down == len(kept) - len(refused)
        assert set(names.values()) - {names.get(found) for found in arrived.values()} == refused | changed
        again = await sea.sync()
        assert (again.up, again.down, again.changes) == (0, 0, 0)


async def test_flags_keywords_and_dates_arrive_as_they_are(dovecot, laptop, tmp_path):
    flags = frozenset({SEEN, FLAGGED, ANSWERED, "$Forwarded", "$MDNSent", "Junk", "work-2026"})
    async with ferry(dovecot.account(), laptop.account(), tmp_path) as sea:
        await sea.remote.deliver([message(1)], flags, date=86_399.0)
        await sea.local.deliver([message(2)], flags, date=1_700_000_001.0)
        await sea.sync()
        remote, local = [sorted((await world.held()).values(), key=lambda held: held.wire) for world in sea.both]
        assert remote == local and {held.flags for held in local} == {flags}
        assert {held.date for held in local} == {86_399.0, 1_700_000_001.0}
        (first, *_) = await sea.local.held()
        await sea.local.set_flags([first], frozenset({"NonJunk"}))
        assert (await sea.sync()).reflagged == 1
        assert sorted(map(len, (held.flags for held in (await sea.remote.held()).values()))) == [1, len(flags)]
        assert (await sea.sync()).changes == 0


async def test_keywords_that_one_server_cannot_keep_stay_on_the_other(dovecot, courier, tmp_path):
    async with ferry(dovecot.account(), courier.account(), tmp_path) as sea:
        await sea.remote.deliver([message(1)], frozenset({SEEN, "work"}))
        await sea.sync()
        (key,) = await sea.local.held()
        await sea.local.set_flags([key], frozenset({SEEN, FLAGGED}))
        await sea.sync()
        (held,) = (await sea.remote.held()).values()
        assert {SEEN, FLAGGED, "work"} >= held.flags >= {SEEN, FLAGGED}
        assert (await sea.sync()).changes == 0


async def test_a_large_message_is_never_whole_in_memory(dovecot, laptop, tmp_path):
    large = message(1, size=30 << 20)
    async with ferry(dovecot.account(), laptop.account(), tmp_path / "spool") as sea:
        await sea.remote.deliver([large])
        tracemalloc.start()
        try:
            assert (await sea.sync()).down == 1
            assert tracemalloc.get_traced_memory()[1] < 12 << 20
        finally:
            tracemalloc.stop()
        assert set((await digests(sea.local)).values()) == {digest(large)}
        assert not list((tmp_path / "spool").iterdir())


async def test_batches_are_on_their_way_from_one_server_while_others_are_to_the_other(dovecot, laptop, tmp_path):
    """So many messages cost each server few round trips, and the two do not take turns."""
    accounts = [dovecot.account(), laptop.account()]
    async with (
        Recorder(accounts[0].host, accounts[0].port) as here,
        Recorder(accounts[1].host, accounts[1].port) as there,
    ):
        near = [replace(one, host=wire.host, port=wire.port) for one, wire in zip(accounts, (here, there), strict=True)]
        async with ferry(*near, tmp_path) as sea:
            await sea.remote.deliver_many(MANY)
            count = len(await sea.remote.held())
            here.delay = there.delay = 0.025
            here.forget()
            there.forget()
            assert (await sea.sync()).down == count == MANY
            assert 3 <= here.round_trips <= 8 and 3 <= there.round_trips <= 10
            assert len(here.commands_sent("UID FETCH")) <= 5


async def test_a_large_message_for_which_there_is_no_room_waits_and_the_others_arrive(dovecot, laptop, tmp_path):
    (tmp_path / "spool").touch()  # in the way of the directory
    async with ferry(dovecot.account(), laptop.account(), tmp_path / "spool") as sea:
        await sea.remote.deliver([message(1), message(2, size=2 << 20)])
        done = await sea.sync()
        assert (done.down, done.failed) == (1, 1)
        assert all("it cannot wait in" in reason for reason in sea.failures.values())
        (tmp_path / "spool").unlink()
        assert (await sea.sync()).down == 1, "tried again by the next run"
        assert len(await sea.local.held()) == 2


async def test_a_nul_octet_that_one_server_keeps_is_refused_by_name_for_the_other(pymap, laptop, tmp_path):
    async with ferry(pymap.account(), laptop.account(), tmp_path) as sea:
        await sea.remote.deliver([message(1), b"Subject: nul\r\n\r\na\0b\r\n"])
        assert (await sea.sync()).down == 1
        ((what, reason),) = sea.failures.items()
        assert what.startswith("putting message ") and "NUL" in reason
        assert len(await sea.remote.held()) == 2
