"""One random world, looked at in every way: each way tells the same, and all end in the same state.

The servers are Dovecot with its gifts hidden one after the other, and Cyrus. What a way tells is compared with a list
of all messages that is made at the same time.
"""

from __future__ import annotations

import functools
import inspect
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.contract.imap_world import ImapWorld
from tests.contract.worlds import Baseline
from tests.servers.dovecot import DovecotServer

from postboat.errors import KeysRenewed
from postboat.imap.checkpoint import read_checkpoint
from postboat.imap.dial import connect
from postboat.imap.looks import condstore, delta, esearch, look, qresync
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.pool import Pool
from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, Content, Reflagging, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tests.servers.cyrus import CyrusServer
    from tests.servers.process import Account

    from postboat.imap.session import Session
    from postboat.model import Changes, Flags, Key

pytestmark = pytest.mark.real

SEEDS = range(4)
ROUNDS = 12
COMMON = "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS UNSELECT NAMESPACE ENABLE"
WAYS = {
    "qresync": (f"{COMMON} ESEARCH CONDSTORE QRESYNC", {"qresync"}),
    "qresync without esearch": (f"{COMMON} CONDSTORE QRESYNC", {"qresync"}),
    "condstore": (f"{COMMON} ESEARCH CONDSTORE", {"condstore", "census"}),
    "condstore without esearch": (f"{COMMON} CONDSTORE", {"condstore", "census"}),
    "esearch": (f"{COMMON} ESEARCH", {"sets"}),
    "plain": (COMMON, set()),
}
"""Capabilities, and the ways that are to be taken by them."""
FLAGS = (SEEN, ANSWERED, FLAGGED, DRAFT, DELETED, "$Forwarded", "$MDNSent", "Work")
State = dict[str, "Flags"]


class Taken(set[str]):
    """The ways that were taken; `doubted` when an answer about changes was not believed."""

    def watch(self, patch: pytest.MonkeyPatch, place: ModuleType, name: str, way: str) -> None:
        """Note the way when the function of that name in a module gives a result."""
        inner = getattr(place, name)

        @functools.wraps(inner)
        async def watched(*words: object) -> object:
            result = await inner(*words)
            self.add(way if result is not None else f"{way} doubted")
            return result

        @functools.wraps(inner)
        def noted(*words: object) -> object:
            self.add(way)
            return inner(*words)

        patch.setattr(place, name, watched if inspect.iscoroutinefunction(inner) else noted)


@pytest.fixture(scope="module", params=WAYS)
def masked(request: pytest.FixtureRequest) -> Iterator[tuple[DovecotServer, set[str]]]:
    capability, ways = WAYS[request.param]
    with DovecotServer(capability=capability) as server:
        yield server, ways


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    """The ways taken in this test. Sets are asked for in mailboxes of a few messages, too."""
    taken = Taken()
    taken.watch(monkeypatch, qresync, "ask_for_changes", "qresync")
    taken.watch(monkeypatch, condstore, "ask_for_changes", "condstore")
    taken.watch(monkeypatch, delta, "take_census", "census")
    taken.watch(monkeypatch, look, "look_since", "delta")
    taken.watch(monkeypatch, esearch, "list_by_sets", "sets")
    monkeypatch.setattr(esearch, "FEW", 1)
    return taken


@dataclass
class Life:
    """What happens to a mailbox: on all servers the same, since UIDs are given out in the same order."""

    world: ImapWorld
    chance: random.Random
    known: Baseline = field(default_factory=Baseline)
    there: list[Key] = field(default_factory=list)
    number: int = 0

    def wires(self, most: int) -> list[bytes]:
        count = self.chance.randint(1, most)
        self.number += count
        return [b"Subject: message %d\r\n\r\nbody\r\n" % n for n in range(self.number - count, self.number)]

    def some(self) -> list[Key]:
        return self.chance.sample(self.there, self.chance.randint(0, min(5, len(self.there))))

    def flags(self) -> Flags:
        return frozenset(self.chance.sample(FLAGS, self.chance.randint(0, 3)))

    async def arrive(self) -> None:
        wires = self.wires(6)
        await self.world.deliver(wires, self.flags())
        self.born(len(wires))

    async def be_flagged(self) -> None:
        if keys := self.some():
            await self.world.set_flags(keys, self.flags())

    async def be_removed(self) -> None:
        if keys := self.some():
            await self.world.remove(keys)
            self.there = list(await self.world.held())

    async def come_and_go(self) -> None:
        """Messages come and are gone before anybody looks."""
        await self.arrive()
        await self.world.remove(self.there[-1:])
        self.there = list(await self.world.held())

    async def store(self) -> None:
        """We put messages there, and write that down."""
        replica, flags = self.world.replica(), self.flags() & {SEEN, FLAGGED}
        contents = [Content(str(n), flags, None, len(wire), wire) for n, wire in enumerate(self.wires(4))]
        for outcome in await replica.store(contents, await replica.intend(contents)):
            assert isinstance(outcome, Stored)
            self.known.agree_stored(outcome, flags)
        self.born(len(contents))

    async def reflag(self) -> None:
        """We change flags of messages that are there, and write that down."""
        keys = [key for key in self.some() if key in self.known.flags_by_key]
        add, remove = self.flags(), self.flags()
        await self.world.replica().reflag([Reflagging(key, add - remove, remove) for key in keys])
        for key in keys:
            # Flags that others changed before we looked are no agreement: these stay to be told.
            self.known.flags_by_key[key] = self.known.flags_by_key[key] - remove | (add - remove)

    async def delete(self) -> None:
        """We remove messages, and forget them."""
        keys = [key for key in self.some() if key in self.known.flags_by_key]
        assert not await self.world.replica().delete(keys, expunge=True)
        for key in keys:
            del self.known.flags_by_key[key]
        self.there = [key for key in self.there if key not in keys]

    async def pass_by(self) -> None:
        """Nothing happens."""

    def born(self, count: int) -> None:
        first = self.number - count + 1
        self.there += [str(uid) for uid in range(first, self.number + 1)]

    async def go_on(self) -> None:
        events = (self.arrive, self.be_flagged, self.be_removed, self.come_and_go)
        events += (self.store, self.reflag, self.delete, self.pass_by)
        for event in self.chance.choices(events, k=self.chance.randint(0, 4)):
            await event()

    async def look(self) -> None:
        """Look, compare with a list of everything, and agree."""
        expected = await self.listed()
        changes = await self.world.replica().changes(self.known)
        assert told(changes) == told(expected)
        assert changes.complete
        self.known.agree(changes)
        self.there = list(self.known.flags_by_key)

    async def listed(self) -> Changes:
        """What a plain list shows."""
        baseline = Baseline(self.known.flags_by_key)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(esearch, "FEW", 1 << 30)
            return await self.world.replica().changes(baseline)


def told(changes: Changes) -> object:
    appeared = {key: (message.flags, message.size, message.mark) for key, message in changes.appeared.items()}
    return appeared, dict(changes.reflagged), changes.vanished


async def live(account: Account, seed: int) -> State:
    world = ImapWorld(account)
    await world.open()
    try:
        life = Life(world, random.Random(seed))
        await life.look()
        for _ in range(ROUNDS):
            await life.go_on()
            await life.look()
        held = {key: held.flags for key, held in (await world.held()).items()}
        assert life.known.flags_by_key == held
        return held
    finally:
        await world.close()


states: dict[int, State] = {}


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_way_on_dovecot(masked: tuple[DovecotServer, set[str]], seed: int, taken: Taken) -> None:
    server, ways = masked
    state = await live(server.account(), seed)
    assert states.setdefault(seed, state) == state
    assert taken - {"delta"} == ways


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_way_of_cyrus(cyrus: CyrusServer, seed: int, taken: Taken) -> None:
    state = await live(cyrus.account(), seed)
    assert states.setdefault(seed, state) == state
    assert taken - {"delta"} == {"qresync"}


async def test_a_mod_sequence_that_went_back_with_the_index_is_noticed(dovecot: DovecotServer, taken: Taken) -> None:
    """Dovecot rebuilds a lost index under the old UIDVALIDITY, and would tell of no change since the higher number.

    A restored backup looks the same, so that the keys are doubted first.
    """
    account = dovecot.account()
    world = ImapWorld(account)
    await world.open()
    try:
        life = Life(world, random.Random(0))
        await world.deliver([b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(9)])
        await world.set_flags(["1", "4"], frozenset({SEEN}))
        await life.look()
        await world.remove(["3"])
        await world.set_flags(["5"], frozenset({FLAGGED}))
    finally:
        await world.close()
    for file in dovecot.maildir_path(account.user).glob(".Contract/dovecot.index*"):
        file.unlink()
    pool: Pool[Session] = Pool(lambda: connect(world.remote, world._password), 1)
    try:
        before = read_checkpoint(life.known.checkpoint)
        with pytest.raises(KeysRenewed):
            await ImapMailbox(pool, "Contract").changes(life.known)
        life.known.checkpoint = None
        changes = await ImapMailbox(pool, "Contract").changes(life.known)
    finally:
        await pool.close()
    after = read_checkpoint(changes.checkpoint)
    assert before is not None
    assert after is not None
    assert after.highestmodseq < before.highestmodseq
    assert (changes.vanished, changes.reflagged) == ({"3"}, {"5": {FLAGGED}})
    assert "delta doubted" in taken


@pytest.mark.parametrize("kind", ["dovecot", "cyrus"])
async def test_changes_of_folders_in_turn_over_one_connection_are_believed(
    kind: str, request: pytest.FixtureRequest, taken: Taken
) -> None:
    """The servers say where the last mailbox ends, so that nothing of it is taken for the next."""
    account = request.getfixturevalue(kind).account()
    worlds = [ImapWorld(account, folder, connections=1) for folder in ("One", "Two")]
    for world in worlds:
        await world.open()
    try:
        for world in worlds:
            await world.deliver([b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(3)])
        worlds[1].pool, own = worlds[0].pool, worlds[1].pool
        lives = [Life(world, random.Random(0)) for world in worlds]
        for life in lives:
            life.known.agree(await life.world.replica().changes(life.known))
        taken.clear()
        for flags in ({SEEN}, {FLAGGED}):
            for life in lives:
                await life.world.set_flags(["1"], frozenset(flags))
                await life.world.deliver([b"Subject: new\r\n\r\nbody\r\n"])
                changes = await life.world.replica().changes(life.known)
                assert (changes.reflagged, len(changes.appeared)) == ({"1": flags}, 1)
                life.known.agree(changes)
        assert worlds[0].pool.opened == 1
        worlds[1].pool = own
    finally:
        for world in worlds:
            await world.close()
    assert taken == {"qresync", "delta"}
