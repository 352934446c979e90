"""What Linux tells of links, addresses and routes (rtnetlink), and what of it matters to who has connections open.

Numbers are those of <linux/rtnetlink.h>, <linux/if_link.h> and <linux/if_addr.h>; the byte order is the machine's own.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")
LINK, ADDRESS, ROUTE = struct.Struct("=BxHiII"), struct.Struct("=BBBBI"), struct.Struct("=BBBBBBBBI")
ATTRIBUTE = struct.Struct("=HH")
NEXT_HOP = struct.Struct("=HBBi")
ERROR, DONE = 2, 3
ERROR_NUMBER = 4
"""Octets."""
NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
DUMP_INTERRUPTED = 0x10
REQUEST_DUMP = 0x301

UP, LOOPBACK, LOWER_UP = 0x1, 0x8, 0x10000
IFLA_WIRELESS, IFLA_LINKINFO, IFLA_INFO_KIND = 11, 18, 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
UNUSABLE_ADDRESS = 0x40 | 0x08
"""Still being tried for duplicates, or found to be one."""
SCOPE_SITE = 200
"""Addresses of a greater scope are good on this machine or link only."""
RTA_OIF, RTA_MULTIPATH = 4, 9
RTA_TELLING = (1, RTA_OIF, 5, 6, RTA_MULTIPATH, 15, 18, 30)
"""What tells one route from another: destination, link, gateway, metric, next hops, table, gateway of another family,
next hop by number. How long it is valid is none of it: a router says so anew every few minutes."""
UNICAST_ROUTE = 1
UNUSABLE_ROUTE = 0x1 | 0x10
"""Its next hop is dead, or its link is down."""
WIDEST = {socket.AF_INET: 1, socket.AF_INET6: 3}
"""Routes with longer prefixes lead to some part of the network: half of all addresses is what some VPNs take."""


class Link(NamedTuple):
    """A network interface."""

    number: int
    usable: bool
    kind: str = ""
    """The driver's name for a virtual one: `bridge`, `tun`, `wireguard`."""
    noise: bool = False
    """Whether this only tells of radio: scans and the like."""


class Address(NamedTuple):
    """An address of a link."""

    link: int
    address: str
    usable: bool
    gone: bool = False


class Route(NamedTuple):
    """A way out to everywhere, or nearly."""

    links: tuple[int, ...]
    way: tuple[int | bytes, ...]
    """All that tells it from another one."""
    usable: bool


Fact = Link | Address | Route


class Interrupted(Exception):
    """The tables changed while they were read: what was read may belong to no moment."""


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split what was received into types and bodies; raise OSError or Interrupted where the kernel says so."""
    start = 0
    while len(data) - start >= HEADER.size:
        length, kind, flags, _, _ = HEADER.unpack_from(data, start)
        if not HEADER.size <= length <= len(data) - start:
            return
        body = data[start + HEADER.size : start + length]
        start += _aligned(length)
        if flags & DUMP_INTERRUPTED:
            raise Interrupted
        if kind == ERROR and len(body) >= ERROR_NUMBER and (number := -_number(body)):
            raise OSError(number, "the kernel tells nothing of the network")
        yield kind, body


def request(kind: int) -> bytes:
    """Make the message that asks for a whole table: GET_LINK, GET_ADDRESS or GET_ROUTE."""
    body = bytes({GET_LINK: LINK, GET_ADDRESS: ADDRESS, GET_ROUTE: ROUTE}[kind].size)
    return HEADER.pack(HEADER.size + len(body), kind, REQUEST_DUMP, kind, 0) + body


def facts(data: bytes) -> Iterator[Fact]:
    """Read links, addresses and wide routes from what was received; all else, and what is cut short, is left out."""
    for kind, body in messages(data):
        try:
            fact = _fact(kind, body)
        except (struct.error, ValueError):
            continue
        if fact is not None:
            yield fact


def _fact(kind: int, body: bytes) -> Fact | None:
    if kind in (NEW_LINK, DEL_LINK):
        return _link(body, gone=kind == DEL_LINK)
    if kind in (NEW_ADDRESS, DEL_ADDRESS):
        return _address(body, gone=kind == DEL_ADDRESS)
    if kind in (NEW_ROUTE, DEL_ROUTE):
        return _route(body)
    return None


def _link(body: bytes, *, gone: bool) -> Link | None:
    family, _, number, flags, _ = LINK.unpack_from(body)
    if family != socket.AF_UNSPEC:  # a bridge tells of its ports, which are told of as links besides
        return None
    said = _attributes(body[LINK.size :])
    kind = _attributes(said.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
    usable = not gone and bool(flags & UP) and bool(flags & LOWER_UP) and not flags & LOOPBACK
    return Link(number, usable, kind, noise=IFLA_WIRELESS in said)


def _address(body: bytes, *, gone: bool) -> Address | None:
    family, _, flags, scope, link = ADDRESS.unpack_from(body)
    said = _attributes(body[ADDRESS.size :])
    packed = said.get(IFA_LOCAL) or said.get(IFA_ADDRESS)
    if scope > SCOPE_SITE or packed is None or family not in WIDEST:
        return None
    flags |= _number(said[IFA_FLAGS]) if IFA_FLAGS in said else 0
    return Address(link, socket.inet_ntop(family, packed), usable=not gone and not flags & UNUSABLE_ADDRESS, gone=gone)


def _route(body: bytes) -> Route | None:
    family, width, _, _, table, _, _, kind, flags = ROUTE.unpack_from(body)
    if kind != UNICAST_ROUTE or width > WIDEST.get(family, -1):
        return None
    said = _attributes(body[ROUTE.size :])
    links = (_number(said[RTA_OIF]),) if RTA_OIF in said else tuple(_next_hops(said.get(RTA_MULTIPATH, b"")))
    way = (family, width, table, *(said.get(key, b"") for key in RTA_TELLING))
    return Route(links, way, usable=not flags & UNUSABLE_ROUTE)


def _next_hops(data: bytes) -> Iterator[int]:
    while len(data) >= NEXT_HOP.size:
        length, _, _, link = NEXT_HOP.unpack_from(data)
        if length < NEXT_HOP.size:
            return
        yield link
        data = data[_aligned(length) :]


def _attributes(data: bytes) -> dict[int, bytes]:
    said = {}
    while len(data) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(data)
        if not ATTRIBUTE.size <= length <= len(data):
            break
        said[kind & 0x3FFF] = data[ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return said


def _number(data: bytes) -> int:
    return int(struct.unpack_from("=i", data)[0])


def _aligned(length: int) -> int:
    return (length + 3) & ~3
