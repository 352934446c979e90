"""Changes of this machine's addresses and of its ways out, as they happen: what to connect anew for, and what not."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import TYPE_CHECKING

from postboat.service.machine.netlink import (
    DONE,
    GET_ADDRESS,
    GET_LINK,
    GET_ROUTE,
    Address,
    Interrupted,
    Link,
    Route,
    facts,
    messages,
    request,
)
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postboat.service.machine.netlink import Fact

log = logging.getLogger("postboat.service")
DEBOUNCE = 1.0
"""Seconds of quiet that end a change: a network comes up in a dozen steps."""
LONGEST_DEBOUNCE = 5.0
"""Of which so much at most is waited for."""
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE."""
RECEIVED = 65_536
ANSWER_SECONDS = 2.0
TRIES = 5
"""How often tables are read again that changed while they were read."""
INNER = "bridge"
"""The kind of link that joins containers to their host, unless a way out leads over it: they come and go all day."""


@dataclass(frozen=True, slots=True)
class NetworkNews:
    """What is different from before."""

    gone: frozenset[str]
    """Addresses: connections from these are dead, though nobody says so to their other end."""
    came: frozenset[str]
    """Addresses: what could not be reached may be now."""
    route_changed: bool
    """Connections may or may not have survived: they should be tried."""


@dataclass(frozen=True, slots=True)
class Network:
    """How this machine can be reached, and how it can reach others, at one moment."""

    addresses: frozenset[str]
    routes: frozenset[Route]


def network(told: Iterable[Fact]) -> Network:
    """Put together what matters: usable addresses that lead out of this machine, and usable ways to everywhere."""
    told = list(told)
    links = {fact.number: fact for fact in told if isinstance(fact, Link) and fact.usable}
    routes = frozenset(fact for fact in told if isinstance(fact, Route) and fact.usable)
    ways_out = {link for route in routes for link in route.links}
    outward = {number for number, link in links.items() if link.kind != INNER or number in ways_out}
    mine = (fact for fact in told if isinstance(fact, Address) and fact.usable and fact.link in outward)
    return Network(frozenset(fact.address for fact in mine), routes)


def compare(before: Network, now: Network, flapped: Iterable[str] = ()) -> NetworkNews | None:
    """Tell what changed, None for nothing. `flapped` are addresses that were away for a moment: maybe elsewhere now."""
    gone, came = before.addresses - now.addresses, now.addresses - before.addresses
    moved = before.routes != now.routes or not now.addresses.isdisjoint(flapped)
    return NetworkNews(gone, came, moved) if gone or came or moved else None


def look() -> Network:
    """Ask the kernel for links, addresses and routes; raises OSError. Takes a millisecond, or more on big routers."""
    for _ in range(TRIES):
        try:
            with _rtnetlink() as asking:
                return network([fact for kind in (GET_LINK, GET_ADDRESS, GET_ROUTE) for fact in _table(asking, kind)])
        except Interrupted:
            continue
    raise OSError(errno.EAGAIN, "the network changes faster than it can be read")


def _table(asking: socket.socket, kind: int) -> list[Fact]:
    asking.settimeout(ANSWER_SECONDS)
    asking.send(request(kind))
    told: list[Fact] = []
    while True:
        data = asking.recv(RECEIVED)
        told += facts(data)
        if any(kind == DONE for kind, _ in messages(data)):
            return told


def _rtnetlink() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)


def _open() -> socket.socket:
    """Subscribe to changes."""
    listening = _rtnetlink()
    try:
        listening.setblocking(False)
        listening.bind((0, GROUPS))
    except OSError:
        listening.close()
        raise
    return listening


class NetworkWatch:
    """Calls `changed` once for each change of the network, when it has settled."""

    def __init__(
        self,
        changed: Callable[[NetworkNews], None],
        *,
        debounce: float = DEBOUNCE,
        subscribe: Callable[[], socket.socket] = _open,
        look: Callable[[], Network] = look,
    ) -> None:
        self._changed, self._debounce = changed, debounce
        self._subscribe, self._look = subscribe, look
        self._flapped: set[str] = set()

    async def run(self) -> str:
        """Watch until cancelled; where that is not possible, return why, ready for a log line."""
        if not hasattr(socket, "AF_NETLINK"):
            return "changes of the network are told on Linux only"
        try:
            with self._subscribe() as listening:
                return await self._watch(listening)
        except OSError as failure:
            return f"changes of the network are not told: {failure}"

    async def _watch(self, listening: socket.socket) -> str:
        known = await asyncio.to_thread(self._look)
        while True:
            while not await self._heard(listening):
                pass
            await self._settle(listening)
            known = await self._tell(known)

    async def _tell(self, known: Network) -> Network:
        """Look, tell what is different from what was `known`, and return what is known now."""
        try:
            now = await asyncio.to_thread(self._look)
        except OSError as failure:
            log.debug("what changed of the network is not known: %s", failure)
            self._changed(NetworkNews(frozenset(), frozenset(), route_changed=True))
            return known
        news = compare(known, now, self._flapped)
        self._flapped.clear()
        if news is not None:
            self._changed(news)
        return now

    async def _heard(self, listening: socket.socket) -> bool:
        """Wait for the next announcement; whether it may matter."""
        try:
            told = list(facts(await asyncio.get_running_loop().sock_recv(listening, RECEIVED)))
        except OSError as failure:
            if failure.errno != errno.ENOBUFS:  # more was announced than there was room for
                raise
            return True
        self._flapped |= {fact.address for fact in told if isinstance(fact, Address) and fact.gone}
        return any(not (isinstance(fact, Link) and fact.noise) for fact in told)

    async def _settle(self, listening: socket.socket) -> None:
        """Wait until nothing was announced for a while."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_DEBOUNCE / DEBOUNCE * self._debounce
        quiet = loop.time() + self._debounce
        try:
            while True:
                async with asyncio.timeout_at(min(quiet, latest)):
                    if await self._heard(listening):
                        quiet = loop.time() + self._debounce
        except TimeoutError:
            return
