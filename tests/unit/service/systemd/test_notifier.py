"""What the service manager is told, read from a socket as it has one."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from postboat.service.systemd.notifier import LONGEST_STATUS, RETRY, Notifier, feed


class Manager:
    """The end of the socket that systemd reads."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self):
        """The next message as a list of lines; empty when there is none."""
        try:
            return self.socket.recv(4097).decode().split("\n")
        except BlockingIOError:
            return []


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    address = f"{tmp_path}/notify" if request.param == "path" else f"@postboat-test-{os.getpid()}"
    manager = Manager(address)
    yield manager
    manager.socket.close()


@pytest.fixture
def notifier(manager):
    return Notifier(manager.address, clock=lambda: 12.5)


def test_each_word_is_heard_as_it_is_said(manager, notifier):
    notifier.ready()
    assert manager.heard() == ["READY=1"]
    notifier.reloading()
    assert manager.heard() == ["RELOADING=1", "MONOTONIC_USEC=12500000"]
    notifier.watchdog()
    assert manager.heard() == ["WATCHDOG=1"]
    notifier.extend(2.5)
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=2500000"]
    notifier.stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_a_status_is_one_line_that_fits_and_is_said_once(manager, notifier):
    notifier.status("2 accounts\nin step")
    assert manager.heard() == ["STATUS=2 accounts in step"]
    notifier.status("2 accounts in  step")
    assert manager.heard() == []
    notifier.status("ü" * 5000)
    assert manager.heard() == ["STATUS=" + "ü" * LONGEST_STATUS]


def test_a_status_with_half_a_character_is_said_all_the_same(manager, notifier):
    notifier.status("folder \udcff")
    assert manager.heard() == ["STATUS=folder ?"]


def test_what_could_not_be_said_is_said_later_and_the_last_word_counts(manager, notifier):
    while not notifier._untold:  # until the queue is full
        notifier.ready()
    notifier.status("one")
    notifier.status("two")
    notifier.reloading()
    notifier.ready()
    while manager.heard():
        pass
    notifier.catch_up()
    assert manager.heard() == ["STATUS=two", "RELOADING=1", "MONOTONIC_USEC=12500000", "READY=1"]
    notifier.catch_up()
    assert manager.heard() == []


@pytest.mark.parametrize("address", ["/nowhere/at/all", "/" + "x" * 200, "/with\0nul"])
def test_a_manager_that_is_not_there_is_no_trouble(address):
    notifier = Notifier(address)
    notifier.ready()
    notifier.status("fine")


def test_the_manager_is_found_in_the_environment_which_is_not_handed_down(manager):
    env = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "7", "HOME": "/"}
    notifier = Notifier.from_environment(env, pid=7)
    assert notifier is not None and notifier.interval == 30
    notifier.ready()
    assert manager.heard() == ["READY=1"]
    assert env == {"HOME": "/"}


@pytest.mark.parametrize("address", ["", "/", "@", "vsock:2:1234", "relative"])
def test_without_a_socket_that_can_be_reached_nobody_asks(address):
    assert Notifier.from_environment({"NOTIFY_SOCKET": address}) is None
    assert Notifier.from_environment({}) is None


@pytest.mark.parametrize(
    "env",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "much"}, {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "8"}],
)
def test_a_watchdog_that_is_not_for_us_gets_nothing(env):
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": "/x"} | env, pid=7)
    assert notifier is not None and notifier.interval is None


class Sleeping:
    """Sleeps that are over when told."""

    def __init__(self):
        self.began = asyncio.Queue()
        self.over = asyncio.Queue()

    async def __call__(self, seconds):
        self.began.put_nowait(seconds)
        await self.over.get()

    async def another(self):
        self.over.put_nowait(None)
        return await self.began.get()


async def test_signs_of_life_are_given_while_all_is_well(manager):
    notifier = Notifier(manager.address, 30)
    well = True
    sleep = Sleeping()
    task = asyncio.create_task(feed(notifier, lambda: well, sleep=sleep))
    assert await sleep.began.get() == 30
    assert manager.heard() == ["WATCHDOG=1"]
    well = False
    assert await sleep.another() == 30
    assert manager.heard() == []
    well = True
    await sleep.another()
    assert manager.heard() == ["WATCHDOG=1"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_watchdog_only_what_was_not_heard_is_repeated(tmp_path):
    notifier = Notifier(f"{tmp_path}/late")
    notifier.ready()
    manager = Manager(f"{tmp_path}/late")
    sleep = Sleeping()
    task = asyncio.create_task(feed(notifier, lambda: True, sleep=sleep))
    assert await sleep.began.get() == RETRY
    assert manager.heard() == ["READY=1"]
    await sleep.another()
    assert manager.heard() == []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    manager.socket.close()
