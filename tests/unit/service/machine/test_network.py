"""Changes of the network: what is news, what is noise, and when it is told."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from contextlib import asynccontextmanager

import pytest
from tests.fakes.rtnetlink import recorded

from postboat.service.machine.netlink import HEADER, LINK, NEW_LINK, Address, Link, Route
from postboat.service.machine.network import Network, NetworkNews, NetworkWatch, compare, look, network

RECORDED = recorded()
ETH, WLAN, DOCKER = 2, 3, 4
HOME = Route((WLAN,), (2, 0, b"home"), usable=True)
OFFICE = Route((ETH,), (2, 0, b"office"), usable=True)
LINKS = [Link(ETH, usable=True), Link(WLAN, usable=True), Link(DOCKER, usable=True, kind="bridge")]


def machine(*addresses: str, routes: tuple[Route, ...] = (HOME,)) -> Network:
    return Network(frozenset(addresses), frozenset(routes))


def news(*, gone: tuple[str, ...] = (), came: tuple[str, ...] = (), route_changed: bool = False) -> NetworkNews:
    return NetworkNews(frozenset(gone), frozenset(came), route_changed)


def test_addresses_of_usable_links_count():
    told = [*LINKS, Address(WLAN, "192.0.2.7", usable=True), Address(9, "198.51.100.1", usable=True)]
    assert network([*told, HOME]) == machine("192.0.2.7")


def test_unusable_links_addresses_and_routes_do_not_count():
    told = [
        Link(ETH, usable=False),
        Link(WLAN, usable=True),
        Address(ETH, "192.0.2.7", usable=True),
        Address(WLAN, "2001:db8::7", usable=False),
        OFFICE._replace(usable=False),
    ]
    assert network(told) == machine(routes=())


def test_a_bridge_to_containers_does_not_count_but_one_that_leads_out_does():
    told = [*LINKS, Address(DOCKER, "172.17.0.1", usable=True)]
    assert network(told).addresses == frozenset()
    assert network([*told, HOME._replace(links=(DOCKER,))]).addresses == {"172.17.0.1"}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (machine("192.0.2.7"), machine("192.0.2.7"), None),
        (machine("192.0.2.7"), machine("198.51.100.7"), news(gone=("192.0.2.7",), came=("198.51.100.7",))),
        (machine("192.0.2.7"), machine(routes=()), news(gone=("192.0.2.7",), route_changed=True)),
        (machine("192.0.2.7"), machine("192.0.2.7", routes=(HOME, OFFICE)), news(route_changed=True)),
        (machine("192.0.2.7"), machine("192.0.2.7", routes=(OFFICE,)), news(route_changed=True)),
    ],
)
def test_what_differs_is_news_and_what_does_not_is_none(before, now, told):
    assert compare(before, now) == told


def test_an_address_that_was_away_for_a_moment_may_be_in_another_network_now():
    assert compare(machine("192.0.2.7"), machine("192.0.2.7"), {"192.0.2.7"}) == news(route_changed=True)
    assert compare(machine("192.0.2.7"), machine("192.0.2.7"), {"172.17.0.1"}) is None


class Kernel:
    """A kernel whose announcements and tables a test makes."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.theirs.setblocking(False)
        self.now = machine("192.0.2.7")
        self.looks = 0
        self.failure: OSError | None = None

    def announce(self, command: str) -> None:
        for datagram in RECORDED[command]:
            self._ours.send(datagram)

    def send(self, datagram: bytes) -> None:
        self._ours.send(datagram)

    def look(self) -> Network:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return self.now

    def close(self) -> None:
        self._ours.close()
        self.theirs.close()


@pytest.fixture
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.close()


RADIO = HEADER.pack(40, NEW_LINK, 0, 0, 0) + LINK.pack(0, 1, WLAN, 0x10041, 0) + struct.pack("=HH4s", 8, 11, b"scan")
ADDED, DELETED = "ip addr add 192.0.2.7/24 dev wlan0", "ip addr del 192.0.2.7/24 dev wlan0"


class Told:
    """What was told, and a way to wait for it."""

    def __init__(self) -> None:
        self.news: list[NetworkNews] = []
        self._came = asyncio.Event()

    def __call__(self, news: NetworkNews) -> None:
        self.news.append(news)
        self._came.set()

    async def next(self) -> NetworkNews:
        async with asyncio.timeout(5):
            await self._came.wait()
        self._came.clear()
        return self.news[-1]


@asynccontextmanager
async def watching(kernel: Kernel, *, debounce: float = 0.02):
    told = Told()
    watch = NetworkWatch(told, debounce=debounce, subscribe=lambda: kernel.theirs, look=kernel.look)
    task = asyncio.create_task(watch.run())
    while not kernel.looks:
        await asyncio.sleep(0.001)
    try:
        yield told
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_change_is_told_when_it_has_settled_and_once(kernel):
    async with watching(kernel, debounce=0.1) as told:
        for _ in range(5):
            kernel.announce(ADDED)
            await asyncio.sleep(0.02)
            assert told.news == []
        kernel.now = machine("192.0.2.7", "2001:db8::7")
        assert await told.next() == news(came=("2001:db8::7",))
        await asyncio.sleep(0.15)
        assert len(told.news) == 1
    assert kernel.looks == 2


async def test_each_change_is_told_against_the_one_before(kernel):
    async with watching(kernel) as told:
        kernel.now = machine(routes=())
        kernel.announce(DELETED)
        assert await told.next() == news(gone=("192.0.2.7",), route_changed=True)
        kernel.now = machine("192.0.2.7")
        kernel.announce(ADDED)
        assert await told.next() == news(came=("192.0.2.7",), route_changed=True)


async def test_a_network_that_never_settles_is_told_of_nevertheless(kernel):
    async def restless() -> None:
        while True:
            kernel.announce(ADDED)
            await asyncio.sleep(0.01)

    async with watching(kernel, debounce=0.05) as told:
        kernel.now = machine()
        noise = asyncio.create_task(restless())
        assert await told.next() == news(gone=("192.0.2.7",))
        noise.cancel()


async def test_what_does_not_concern_us_is_neither_told_nor_looked_after(kernel):
    async with watching(kernel) as told:
        kernel.announce("ip route add 198.51.100.0/24 via 192.0.2.3")
        kernel.announce("ip link set outer master docker0")
        kernel.send(RADIO)
        await asyncio.sleep(0.1)
        assert kernel.looks == 1
        kernel.announce("ip link set docker0 up")
        while kernel.looks == 1:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
    assert told.news == []


async def test_an_address_that_left_for_a_moment_has_connections_tried(kernel):
    async with watching(kernel) as told:
        kernel.announce(DELETED)
        kernel.announce(ADDED)
        assert await told.next() == news(route_changed=True)
        kernel.announce(ADDED)
        while kernel.looks < 3:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        assert len(told.news) == 1


async def test_more_announcements_than_there_is_room_for_have_us_look(kernel, monkeypatch):
    async with watching(kernel) as told:
        loop, genuine = asyncio.get_running_loop(), asyncio.get_running_loop().sock_recv
        failures = [OSError(errno.ENOBUFS, "No buffer space available")]

        async def overrun(*arguments):
            data = await genuine(*arguments)
            if failures:
                raise failures.pop()
            return data

        kernel.announce("ip link set outer master docker0")
        await asyncio.sleep(0.02)
        monkeypatch.setattr(loop, "sock_recv", overrun)
        kernel.announce("ip link set outer master docker0")  # read as before
        kernel.now = machine("198.51.100.7")
        kernel.announce("ip link set outer master docker0")
        assert await told.next() == news(gone=("192.0.2.7",), came=("198.51.100.7",))


async def test_tables_that_cannot_be_read_mean_that_anything_may_have_changed(kernel):
    async with watching(kernel) as told:
        kernel.failure = OSError(errno.EAGAIN, "the network changes faster than it can be read")
        kernel.announce(ADDED)
        assert await told.next() == news(route_changed=True)
        kernel.failure = None
        kernel.now = machine("198.51.100.7")
        kernel.announce(ADDED)
        assert await told.next() == news(gone=("192.0.2.7",), came=("198.51.100.7",))


async def test_where_it_is_not_allowed_the_reason_is_returned():
    def forbidden() -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    reason = await NetworkWatch(lambda _: None, subscribe=forbidden).run()
    assert reason == "changes of the network are not told: [Errno 13] Permission denied"


async def test_where_there_is_no_rtnetlink_the_reason_is_returned(monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    assert await NetworkWatch(lambda _: None).run() == "changes of the network are told on Linux only"


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="rtnetlink is Linux's")
def test_the_network_of_this_machine_can_be_read():
    before, after = look(), look()
    assert before == after
    assert not any(address.startswith(("127.", "fe80:")) or address == "::1" for address in before.addresses)
