"""Connections are looked at only while somebody wants to see them, and told of only when something changed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.events import ConnectionsSeen, Light, Warned
from postboat.imap.wire.doing import CONNECTING
from postboat.service import lights as module
from postboat.service.bus import Bus
from postboat.service.lights import seated


class Lamp:
    """A connection that does what the test says, and notes how often it is looked at."""

    def __init__(self, doing: str = "free", folder: str = "") -> None:
        self.now = Light(doing, folder)
        self.looks = 0

    def light(self) -> Light:
        self.looks += 1
        return self.now


class Harbour:
    """An account's connections."""

    def __init__(self, *lamps: Lamp) -> None:
        self.sessions, self.dialling, self.octets = lamps, 0, (0, 0)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUICK", 0.002)
    monkeypatch.setattr(module, "SLOW", 60.0)


def watched(*lamps: Lamp) -> tuple[Bus, Harbour]:
    bus, harbour = Bus(), Harbour(*lamps)
    bus.watch("A", harbour, str.lower)
    return bus, harbour


async def told(events) -> ConnectionsSeen:
    async with asyncio.timeout(5):
        return await anext(aiter(events))


async def until_still(lamp: Lamp) -> int:
    """Wait until the lamp is looked at no longer; returns how often it was."""
    looks = -1
    async with asyncio.timeout(5):
        while looks != lamp.looks:
            looks = lamp.looks
            await asyncio.sleep(0.05)
    return looks


async def test_nobody_looks_when_nobody_wants_to_see() -> None:
    bus, _ = watched(lamp := Lamp())
    plain = bus.subscribe()
    bus.publish(Warned("x"))
    await asyncio.sleep(0.02)
    assert lamp.looks == 0
    assert plain.read_now() == [Warned("x")]


async def test_who_wants_to_see_is_told_what_connections_do() -> None:
    bus, harbour = watched(Lamp("copying", "INBOX"), Lamp())
    harbour.dialling, harbour.octets = 1, (10, 20)
    lights = (Light("copying", "inbox"), Light("free"), Light("connecting"))
    assert await told(bus.subscribe(lights=True)) == ConnectionsSeen("A", lights, 10, 20)
    bus.close()


async def test_others_are_told_nothing_of_it() -> None:
    bus, _ = watched(Lamp())
    plain, curious = bus.subscribe(), bus.subscribe(lights=True)
    await told(curious)
    assert plain.read_now() == []
    bus.close()


async def test_only_what_changed_is_told() -> None:
    bus, harbour = watched(lamp := Lamp())
    bus.watch("B", Harbour(), str)
    curious = bus.subscribe(lights=True)
    await until_still(lamp)
    assert [event.account for event in curious.read_now() if isinstance(event, ConnectionsSeen)] == ["A", "B"]
    harbour.octets = (5, 0)
    bus.publish(Warned("something happens"))
    await until_still(lamp)
    assert curious.read_now() == [Warned("something happens"), ConnectionsSeen("A", (Light("free"),), 5, 0)]
    bus.close()


async def test_connections_at_rest_are_left_alone_until_something_happens() -> None:
    bus, _ = watched(lamp := Lamp())
    bus.subscribe(lights=True)
    at_rest = await until_still(lamp)
    assert at_rest < 20
    bus.publish(Warned("something happens"))
    assert await until_still(lamp) > at_rest
    bus.close()


async def test_connections_are_left_alone_when_the_last_one_who_looked_is_gone() -> None:
    bus, harbour = watched(lamp := Lamp())
    first, second = bus.subscribe(lights=True), bus.subscribe(lights=True)
    bus.unsubscribe(first)
    await told(second)
    bus.unsubscribe(second)
    looks = lamp.looks
    harbour.octets = (1, 1)
    bus.publish(Warned("x"))
    await asyncio.sleep(0.02)
    assert lamp.looks == looks
    assert all(task is asyncio.current_task() for task in asyncio.all_tasks())


async def test_connections_are_left_alone_when_the_last_one_who_looked_looks_away() -> None:
    bus, harbour = watched(lamp := Lamp())
    reader = bus.subscribe(lights=True)
    await told(reader)
    reader.look_away()
    looks, harbour.octets = lamp.looks, (1, 1)
    bus.publish(Warned("x"))
    await asyncio.sleep(0.02)
    assert lamp.looks == looks
    assert Warned("x") in reader.read_now()


async def test_who_comes_later_sees_what_was_seen_last() -> None:
    bus, _ = watched(lamp := Lamp("waiting", "INBOX"))
    bus.subscribe(lights=True)
    await until_still(lamp)
    late = bus.subscribe(lights=True)
    assert late.read_now() == [ConnectionsSeen("A", (Light("waiting", "inbox"),), 0, 0)]
    bus.close()


async def test_an_account_that_is_gone_is_seen_no_longer() -> None:
    bus, harbour = watched(Lamp())
    curious = bus.subscribe(lights=True)
    bus.forget("A")
    await asyncio.sleep(0.02)
    assert curious.read_now() == []
    bus.watch("A", harbour, str)
    bus.publish(Warned("x"))
    assert await told(curious) == Warned("x")
    assert isinstance(await told(curious), ConnectionsSeen)
    bus.close()


async def test_the_end_is_seen() -> None:
    bus, harbour = watched(Lamp("copying"))
    curious = bus.subscribe(lights=True)
    await told(curious)
    harbour.sessions = ()
    bus.close()
    assert [event.lights async for event in curious] == [()]


def test_a_new_connection_comes_where_it_was_being_made() -> None:
    assert seated(["a", CONNECTING, "c"], ["a", "c", "b"], 0) == ["a", "b", "c"]
    assert seated(["a", CONNECTING, CONNECTING], ["a", "b"], 1) == ["a", "b", CONNECTING]


def test_a_place_that_is_left_stays_free_while_there_are_others_behind_it() -> None:
    assert seated(["a", "b", "c"], ["a", "c"], 0) == ["a", None, "c"]
    assert seated(["a", None, "c"], ["a", "c", "d"], 0) == ["a", "d", "c"]
    assert seated(["a", "b"], ["a"], 0) == ["a"]


SESSIONS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


@given(st.lists(st.tuples(SESSIONS, st.integers(0, 3)), max_size=8))
def test_everyone_has_one_place_and_keeps_it(times: list[tuple[list[str], int]]) -> None:
    before: list[object] = []
    for sessions, dialling in times:
        places = seated(before, sessions, dialling)
        assert sorted(each for each in places if each is not None and each != CONNECTING) == sorted(sessions)
        assert places.count(CONNECTING) == dialling
        assert all(places[at] == each for at, each in enumerate(before) if each in sessions)
        before = places
