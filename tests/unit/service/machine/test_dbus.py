"""Connecting to a bus, calling, hearing signals; and what is left when there is none."""

from __future__ import annotations

import asyncio
import builtins
import os
import socket
from pathlib import Path

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus
from tests.fakes.logind import LOGIN1, MANAGER, PATH, FakeLogind
from tests.servers.private_bus import PrivateBus

from postboat.service.machine import dbus
from postboat.service.machine.dbus import DBus, DBusFailed, NoBus, session_bus, system_bus

BROKER = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


@pytest.fixture(scope="module")
def bus():
    with PrivateBus() as bus:
        yield bus


@pytest.fixture
def environment(bus):
    return {"DBUS_SYSTEM_BUS_ADDRESS": bus.address}


async def connected(environment) -> DBus:
    made = await system_bus(environment)
    assert isinstance(made, DBus)
    return made


def open_files() -> set[str]:
    """What this process has open, but for the directory that tells it."""
    return {f"{link.name} {os.readlink(link)}" for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_call_returns_what_it_is_answered(environment):
    async with await connected(environment) as made:
        (names,) = (await made.call(*BROKER, "ListNames")).body
    assert "org.freedesktop.DBus" in names


async def test_a_refused_call_says_which_and_why(environment):
    async with await connected(environment) as made:
        with pytest.raises(DBusFailed, match=r"org\.nobody\.Iface\.Do: .*org\.nobody") as caught:
            await made.call("org.nobody", "/", "org.nobody.Iface", "Do")
    assert caught.value.name == "org.freedesktop.DBus.Error.ServiceUnknown"


async def test_a_call_that_is_not_answered_ends_in_time_and_what_comes_later_is_closed(environment, bus):
    async with FakeLogind(bus.address) as logind, await connected(environment) as made:
        begin = open_files()
        slow = logind.answers_after = asyncio.Event()
        with pytest.raises(DBusFailed, match=r"Inhibit: no answer in 0\.05 s"):
            await made.call(LOGIN1, PATH, MANAGER, "Inhibit", "ssss", *["sleep", "we", "why", "delay"], within=0.05)
        slow.set()
        lock = await logind.locks.get()
        async with asyncio.timeout(5):
            await lock.released.wait()
        await until(lambda: open_files() == begin)


async def test_a_cancelled_call_leaves_nothing_open(environment, bus):
    async with FakeLogind(bus.address) as logind, await connected(environment) as made:
        asking = asyncio.create_task(
            made.call(LOGIN1, PATH, MANAGER, "Inhibit", "ssss", *["sleep", "we", "why", "delay"])
        )
        lock = await logind.locks.get()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(5):
            await lock.released.wait()


async def test_calls_fail_at_once_when_the_bus_ends_and_ever_after():
    with PrivateBus() as own:
        made = await connected({"DBUS_SYSTEM_BUS_ADDRESS": own.address})
        async with FakeLogind(own.address) as logind:
            logind.answers_after = asyncio.Event()
            asking = asyncio.create_task(
                made.call(LOGIN1, PATH, MANAGER, "Inhibit", "ssss", "a", "b", "c", "delay", within=60)
            )
            await logind.asked.wait()
            await asyncio.to_thread(own.stop)
            with pytest.raises(DBusFailed):
                async with asyncio.timeout(5):
                    await asking
    with pytest.raises(DBusFailed, match="the connection to the bus ended"):
        await made.lasting()
    with pytest.raises(DBusFailed, match="the connection to the bus ended"):
        await made.call(*BROKER, "ListNames")
    await made.close()


async def test_the_owner_of_a_name_is_told_now_and_when_it_changes(environment, bus):
    owners: list[str] = []
    async with await connected(environment) as made:
        await made.on_owner(LOGIN1, owners.append)
        assert owners == [""]
        async with FakeLogind(bus.address):
            await until(lambda: len(owners) == 2)
            assert owners[1].startswith(":")
        await until(lambda: owners[2:] == [""])


async def test_a_signal_counts_only_from_whom_it_was_asked(environment, bus):
    """Everyone on a bus may send to everyone what looks like anyone's signal."""
    heard: list[bool] = []
    async with FakeLogind(bus.address) as logind, await connected(environment) as made:
        await made.on_signal(LOGIN1, PATH, MANAGER, "PrepareForSleep", lambda values: heard.append(values[0]))
        impostor = await MessageBus(bus.address).connect()
        (names,) = (await made.call(*BROKER, "ListNames")).body
        for name in names:
            if name.startswith(":"):
                await impostor.send(Message(
                    destination=name, path=PATH, interface=MANAGER, member="PrepareForSleep", signature="b", body=[False],
                    message_type=dbus_signal(),
                ))  # fmt: skip
        await logind.announce(True)
        await until(lambda: heard)
        assert heard == [True]
        impostor.disconnect()
        await impostor.wait_for_disconnect()


def dbus_signal():
    from dbus_fast import MessageType

    return MessageType.SIGNAL


async def test_files_that_strangers_send_are_closed(environment, bus):
    async with await connected(environment) as made:
        stranger = await MessageBus(bus.address, negotiate_unix_fd=True).connect()
        reading, writing = os.pipe()
        (names,) = (await made.call(*BROKER, "ListNames")).body
        begin = open_files()
        for name in names:
            if name.startswith(":") and name != stranger.unique_name:
                await stranger.send(Message(
                    destination=name, path="/", interface="a.b", member="C", signature="h", body=[0], unix_fds=[writing],
                    message_type=dbus_signal(),
                ))  # fmt: skip
        await made.call(*BROKER, "ListNames")
        await until(lambda: open_files() == begin)
        os.close(reading)
        os.close(writing)
        stranger.disconnect()
        await stranger.wait_for_disconnect()


async def test_nothing_stays_open_after_a_connection(environment):
    async with await connected(environment):
        pass  # what is imported and opened once
    begin = open_files()
    async with await connected(environment) as made:
        await made.on_owner(LOGIN1, lambda _: None)
        assert open_files() != begin
    assert open_files() == begin


async def test_no_bus_is_told_with_the_place_where_it_was_looked_for(tmp_path):
    made = await system_bus({"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"})
    assert isinstance(made, NoBus)
    assert made.reason.startswith("no system bus: ") and f"{tmp_path}/none" in made.reason


async def test_a_session_without_any_address_is_told():
    assert await session_bus({}) == NoBus("no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")


async def test_the_session_bus_is_looked_for_in_the_runtime_directory(bus, tmp_path):
    runtime = tmp_path / "run, with ünusual letters"
    runtime.mkdir()
    (runtime / "bus").symlink_to(bus.socket)
    made = await session_bus({"XDG_RUNTIME_DIR": str(runtime)})
    assert isinstance(made, DBus)
    await made.close()


@pytest.mark.parametrize(
    "address", ["", "nonsense", "unix:path", "smoke:signal=1", "tcp:host=,port=", "unix:path=/a b"]
)
async def test_a_strange_address_is_no_error(address, monkeypatch):
    monkeypatch.setattr(dbus, "SYSTEM_BUS", "unix:path=/nowhere")
    assert isinstance(await system_bus({"DBUS_SYSTEM_BUS_ADDRESS": address}), NoBus)


async def test_a_bus_that_says_nothing_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(dbus, "CONNECT_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        made = await system_bus({"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/bus"})
    assert isinstance(made, NoBus)
    assert "does not answer" in made.reason


async def test_without_dbus_fast_there_is_no_bus_and_its_name_is_told(environment, monkeypatch):
    genuine = builtins.__import__

    def missing(name, *rest):
        if name.startswith("dbus_fast"):
            raise ImportError(f"No module named {name!r}")
        return genuine(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    made = await system_bus(environment)
    assert isinstance(made, NoBus)
    assert "dbus-fast is not installed" in made.reason
