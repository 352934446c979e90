"""A TCP connection to whichever address of a host answers first (RFC 8305), since uvloop leaves that to its users."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections import deque
from functools import partial
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from postboat.config.own_thread import in_own_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGGER = 0.25
"""Seconds an address is given before the next one is tried beside it (RFC 8305 section 5)."""

_SIGNS_OF_LIFE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30_000))
"""When the kernel asks a silent peer whether it is there, how often, and how long (in ms) it waits for an answer."""

_WORDS = (
    (ConnectionResetError, "the connection was reset"),
    (ConnectionAbortedError, "the connection was aborted"),
    (ConnectionRefusedError, "the connection was refused"),
    (BrokenPipeError, "the other side closed the connection"),
    (TimeoutError, "no answer in time"),
)

Address = tuple[int, Any]
"""Address family and socket address."""


async def reach(host: str, port: int) -> socket.socket:
    """Connect to `host`. Raises OSError (`socket.gaierror` for an unknown name) when no address answers."""
    try:
        found = await in_own_thread(partial(_addresses, host, port), "resolver")
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
    return await _race(deque(interleaved(found)))


def _addresses(host: str, port: int) -> list[Address]:
    """Ask the resolver, which cannot be interrupted: the loop's own way would keep the program from its end."""
    return [(family, address) for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def interleaved(addresses: Sequence[Address]) -> list[Address]:
    """Take turns between the families, in the resolver's order: one that is broken then costs one pause only."""
    if not addresses:
        return []
    first = [a for a in addresses if a[0] == addresses[0][0]]
    others = [a for a in addresses if a[0] != addresses[0][0]]
    return [a for a in chain.from_iterable(zip_longest(first, others)) if a is not None]


def is_loopback(address: object) -> bool:
    """Whether a peer's socket address is this machine's own, so that nobody is between."""
    if not isinstance(address, tuple) or not address:
        return False
    try:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def in_words(error: Exception) -> str:
    """What went wrong on a line, for people; asyncio raises some errors without a number or a text."""
    if isinstance(error, ssl.SSLError):  # its number is no system's
        return f"TLS failed ({getattr(error, 'reason', None) or error.strerror or error})"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or next((words for kind, words in _WORDS if isinstance(error, kind)), "the line failed")


async def _race(waiting: deque[Address]) -> socket.socket:
    """Try addresses, the next one when the last has failed or taken too long; the first that answers wins."""
    racing: set[asyncio.Task[socket.socket]] = set()
    failure = OSError("the host has no address")
    try:
        while waiting or racing:
            if waiting:
                racing.add(asyncio.create_task(_attempt(*waiting.popleft())))
            pause = STAGGER if waiting else None
            done, _ = await asyncio.wait(racing, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                racing.discard(task)
                if (error := task.exception()) is None:
                    return await _after(racing, task.result())
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        await _call_off(racing)


async def _after(losers: set[asyncio.Task[socket.socket]], winner: socket.socket) -> socket.socket:
    """Give the winner once the losers are gone."""
    try:
        await _call_off(losers)
    except BaseException:
        winner.close()
        raise
    losers.clear()
    return winner


async def _attempt(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _keep_alive(sock)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a peer that is gone, as far as this platform can be told how soon."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SIGNS_OF_LIFE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _call_off(racing: set[asyncio.Task[socket.socket]]) -> None:
    """End attempts, and close what they may have reached in the meantime, even if nobody can wait for that."""
    for task in racing:
        task.add_done_callback(_close_reached)
        task.cancel()
    if racing:
        await asyncio.wait(racing)


def _close_reached(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
