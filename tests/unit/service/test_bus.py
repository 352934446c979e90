"""Publishing never waits; progress replaces progress; facts keep their order; what is dropped is counted."""

from __future__ import annotations

import asyncio

from postboat.events import (
    ConnectionsSeen,
    Counts,
    FolderFinished,
    FolderProgressed,
    FolderScanned,
    FolderStarted,
    Warned,
)
from postboat.service import bus as module
from postboat.service.bus import Bus


def progress(folder: str, down: int) -> FolderProgressed:
    return FolderProgressed("a", folder, Counts(down=down))


async def test_every_subscription_gets_every_fact_in_order():
    bus = Bus()
    readers = [bus.subscribe(), bus.subscribe()]
    told = [FolderStarted("a", "x"), Warned("careful"), FolderFinished("a", "x", Counts())]
    for event in told:
        bus.publish(event)
    bus.close()
    for reader in readers:
        assert [event async for event in reader] == told


async def test_progress_of_a_folder_replaces_its_earlier_progress_only():
    reader = (bus := Bus()).subscribe()
    for event in (progress("x", 1), progress("y", 1), Warned("w"), progress("x", 2), progress("x", 3)):
        bus.publish(event)
    assert reader.read_now() == [progress("x", 3), progress("y", 1), Warned("w")]
    bus.publish(progress("x", 4))
    assert reader.read_now() == [progress("x", 4)]


async def test_a_reader_that_waits_is_woken_and_one_that_is_closed_ends():
    bus = Bus()
    reader = bus.subscribe()

    async def read() -> list:
        return [event async for event in reader]

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    bus.publish(Warned("now"))
    bus.close()
    assert await task == [Warned("now")]


async def test_a_reader_too_far_behind_loses_the_oldest_and_learns_how_many(monkeypatch):
    monkeypatch.setattr(module, "FACTS_KEPT", 3)
    reader = (bus := Bus()).subscribe()
    for number in range(5):
        bus.publish(Warned(str(number)))
    assert reader.read_now() == [Warned("2"), Warned("3"), Warned("4")]
    assert reader.dropped == 2


async def test_a_reader_that_gives_up_still_sees_what_connections_do(monkeypatch):
    monkeypatch.setattr(module, "FACTS_KEPT", 3)
    reader = (bus := Bus()).subscribe(lights=True)
    for event in (Warned("0"), Warned("1"), ConnectionsSeen("a", (), 1, 1), progress("x", 1)):
        bus.publish(event)
    reader.give_up()
    assert reader.dropped == 3
    bus.publish(progress("x", 2))
    bus.publish(ConnectionsSeen("a", (), 2, 2))
    assert reader.read_now() == [ConnectionsSeen("a", (), 2, 2), progress("x", 2)]


async def test_what_passes_replaces_only_what_it_makes_void():
    reader = (bus := Bus()).subscribe(lights=True)
    first = [FolderScanned("a", "x", "local", 1, 9), progress("x", 1), ConnectionsSeen("a", (), 1, 1)]
    others = [FolderScanned("a", "y", "local", 1, 9), FolderScanned("a", "x", "remote", 1, 9)]
    later = [FolderScanned("a", "x", "local", 2, 9), progress("x", 2), ConnectionsSeen("a", (), 2, 2)]
    for event in (*first, *others, ConnectionsSeen("b", (), 1, 1), *later):
        bus.publish(event)
    assert reader.read_now() == [*later, *others, ConnectionsSeen("b", (), 1, 1)]
    bus.close()


async def test_connections_are_for_those_who_want_to_see_them():
    reader = (bus := Bus()).subscribe()
    bus.publish(ConnectionsSeen("a", (), 1, 1))
    assert reader.read_now() == []
