"""What the kernel says of links, addresses and routes, read from what it really said."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.rtnetlink import recorded

from postboat.service.machine.netlink import (
    DONE,
    ERROR,
    GET_ADDRESS,
    HEADER,
    LINK,
    NEW_LINK,
    Address,
    Interrupted,
    Link,
    Route,
    facts,
    messages,
    request,
)

RECORDED = recorded()
WLAN, DOCKER, TUN = 3, 4, 7


def told_of(command: str) -> list[Link | Address | Route]:
    """All facts in what was received after a command."""
    return [fact for datagram in RECORDED[command] for fact in facts(datagram)]


def message(kind: int, body: bytes, flags: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, 0, 0) + body


def test_a_link_is_usable_once_its_other_end_is_up_too():
    assert told_of("ip link set wlan0 up") == [Link(WLAN, usable=False, kind="veth")]
    assert told_of("ip link set air up")[-1] == Link(WLAN, usable=True, kind="veth")
    assert told_of("ip link set air down") == [Link(WLAN, usable=False, kind="veth")]


def test_the_kind_of_a_virtual_link_is_known():
    assert told_of("ip link set docker0 up") == [Link(DOCKER, usable=True, kind="bridge")]


def test_what_a_bridge_says_of_its_ports_is_not_taken_for_links():
    assert RECORDED["ip link set outer master docker0"]
    assert told_of("ip link set outer master docker0") == []


def test_the_loopback_is_never_usable():
    assert told_of("ip link set lo up") == []  # its addresses are good on this machine only
    (link,) = facts(message(NEW_LINK, LINK.pack(0, 772, 1, 0x10049, 0)))
    assert link == Link(1, usable=False)


def test_an_address_comes_and_goes():
    assert told_of("ip addr add 192.0.2.7/24 dev wlan0") == [Address(WLAN, "192.0.2.7", usable=True)]
    assert told_of("ip addr del 192.0.2.7/24 dev wlan0") == [Address(WLAN, "192.0.2.7", usable=False, gone=True)]


def test_an_address_is_not_usable_while_it_is_tried_for_duplicates():
    """Connecting from it would fail: it is usable when it is told of again. Those of one link only are left out."""
    assert told_of("ip addr add 2001:db8::7/64 dev wlan0") == [Address(WLAN, "2001:db8::7", usable=False)]
    assert told_of("sleep 2") == [Address(WLAN, "2001:db8::7", usable=True)]


def test_of_two_ends_our_own_counts():
    assert told_of("ip addr add 10.8.0.2 peer 10.8.0.1 dev tun0") == [Address(TUN, "10.8.0.2", usable=True)]


@pytest.mark.parametrize(
    "command",
    [
        "ip route add default via 192.0.2.1 metric 600",
        "ip -6 route add default via fe80::1 dev wlan0 metric 1024",
        "ip route add 0.0.0.0/1 via 192.0.2.2",  # so a VPN takes everything
    ],
)
def test_a_way_to_everywhere_is_told(command):
    (route,) = told_of(command)
    assert isinstance(route, Route)
    assert route.links == (WLAN,)
    assert route.usable


def test_ways_that_differ_in_anything_are_not_the_same():
    commands = [command for command in RECORDED if "route add" in command and told_of(command)]
    assert len({told_of(command)[0] for command in commands}) == len(commands) == 4


def test_a_way_over_several_gateways_leads_over_all_their_links():
    (route,) = told_of(
        "ip route add default metric 700 nexthop via 192.0.2.4 dev wlan0 nexthop via 192.0.2.5 dev wlan0"
    )
    assert isinstance(route, Route)
    assert route.links == (WLAN, WLAN)


@pytest.mark.parametrize(
    "command",
    ["ip route add 198.51.100.0/24 via 192.0.2.3", "ip route add unreachable default metric 4278198272"],
)
def test_ways_to_somewhere_and_ways_to_nowhere_are_left_out(command):
    assert RECORDED[command]
    assert told_of(command) == []


def test_a_route_says_no_new_thing_when_only_its_time_is_put_off():
    """A router announces itself every few minutes: in attribute 12 (RTA_CACHEINFO) is how long it is good for."""
    (datagram,) = RECORDED["ip -6 route add default via fe80::1 dev wlan0 metric 1024"]
    put_off = bytearray(datagram)
    start = datagram.index(struct.pack("=HH", 36, 12))
    put_off[start + 4 : start + 36] = bytes(range(32))
    assert bytes(put_off) != datagram
    assert list(facts(bytes(put_off))) == list(facts(datagram))


def test_scans_of_a_radio_are_noise():
    radio = struct.pack("=HH4s", 8, 11, b"scan")
    (link,) = facts(message(NEW_LINK, LINK.pack(0, 1, 9, 0x10041, 0) + radio))
    assert link == Link(9, usable=True, noise=True)


def test_attributes_may_be_marked_as_nested():
    kind = struct.pack("=HH4s", 8, 1, b"tun\0")
    (link,) = facts(message(NEW_LINK, LINK.pack(0, 1, 9, 0x10041, 0) + struct.pack("=HH", 12, 18 | 0x8000) + kind))
    assert link == Link(9, usable=True, kind="tun")


@pytest.mark.parametrize("flag", [0x1, 0x10])
def test_a_way_over_a_dead_link_is_not_usable(flag):
    (datagram,) = RECORDED["ip route add default via 192.0.2.1 metric 600"]
    dead = bytearray(datagram)
    dead[HEADER.size + 8] |= flag
    (route,) = facts(bytes(dead))
    assert isinstance(route, Route)
    assert not route.usable


def test_a_datagram_may_hold_many_messages():
    both = RECORDED["ip link set docker0 up"][0] + RECORDED["ip addr del 192.0.2.7/24 dev wlan0"][0]
    assert [type(fact) for fact in facts(both)] == [Link, Address]


def test_a_refusal_of_the_kernel_is_an_error_and_its_assent_is_none():
    with pytest.raises(PermissionError):
        list(messages(message(ERROR, struct.pack("=i", -errno.EPERM))))
    assert len(list(messages(message(ERROR, struct.pack("=i", 0))))) == 1


def test_tables_that_changed_while_they_were_read_are_told():
    with pytest.raises(Interrupted):
        list(messages(message(DONE, b"", flags=0x10)))


def test_a_request_asks_for_a_whole_table():
    length, kind, flags, _, _ = HEADER.unpack_from(request(GET_ADDRESS))
    assert (length, kind, flags) == (len(request(GET_ADDRESS)), GET_ADDRESS, 0x301)


@given(st.sampled_from([datagram for said in RECORDED.values() for datagram in said]), st.data())
def test_datagrams_cut_and_garbled_are_read_without_harm(datagram, data):
    garbled = bytearray(datagram[: data.draw(st.integers(0, len(datagram)))])
    for _ in range(data.draw(st.integers(0, 4)) if garbled else 0):
        garbled[data.draw(st.integers(0, len(garbled) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert all(isinstance(fact, Link | Address | Route) for fact in facts(bytes(garbled)))
    except (OSError, Interrupted):
        pass
