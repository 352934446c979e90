"""The corpus is what it says: many kinds, all different, in a form that does not depend on who wrote it to disk."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.odd_messages import (
    LARGE,
    canonical,
    digest,
    odd_messages,
    small_odd_messages,
    troublesome_messages,
)
from tests.fakes.memory_replica import fingerprint

line_ends = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"", b"\r\r\n"])).map(b"".join)


def test_there_are_many_and_their_names_are_unique() -> None:
    names = [message.name for message in (*odd_messages(), *troublesome_messages())]
    assert len(odd_messages()) >= 45
    assert len(set(names)) == len(names)


def test_no_two_messages_look_alike() -> None:
    """Twins are paired by header and size: two odd messages must not be taken for one."""
    everything = (*odd_messages(), *troublesome_messages())
    assert len({fingerprint(message.wire) for message in everything}) == len(everything)


def test_they_come_out_equal_each_time() -> None:
    assert [digest(m.raw) for m in small_odd_messages()] == [digest(m.raw) for m in small_odd_messages()]


@pytest.mark.parametrize("message", small_odd_messages(), ids=lambda message: message.name)
def test_what_can_be_stored_holds_nothing_that_cannot(message: object) -> None:
    wire = message.wire  # type: ignore[attr-defined]
    assert 0 < len(wire) < LARGE
    assert b"\0" not in wire, "changed by Dovecot"
    assert b"\r\r\n" not in wire and not wire.endswith(b"\r"), "changed by Dovecot"
    assert wire.count(b"\n") == wire.count(b"\r\n")


def test_the_large_ones_are_large() -> None:
    small = {message.name for message in small_odd_messages()}
    sizes = {message.name: len(message.wire) for message in odd_messages() if message.name not in small}
    assert min(sizes.values()) >= LARGE
    assert 29_900_000 < sizes["30 MB"] < 30_100_000


def test_unix_and_mixed_line_ends_are_kept_raw() -> None:
    raw = {message.name: message.raw for message in small_odd_messages()}
    assert b"\r" not in raw["unix line ends"] and b"\n" in raw["unix line ends"]
    assert re.search(rb"[^\r]\n", raw["mixed line ends"]) and b"\r\n" in raw["mixed line ends"]


def test_what_is_known_of_servers_is_about_messages_that_exist() -> None:
    for message in (*odd_messages(), *troublesome_messages()):
        assert message.known.keys() <= {"dovecot", "cyrus", "courier"}, message.name
        assert all(what.startswith(("refused: ", "changed: ")) for what in message.known.values()), message.name
    assert not [message.name for message in odd_messages() if "dovecot" in message.known]
    assert all("dovecot" in message.known for message in troublesome_messages())


@pytest.mark.parametrize(
    ("raw", "wire"),
    [
        (b"a\nb", b"a\r\nb"),
        (b"a\r\nb\n", b"a\r\nb\r\n"),
        (b"\n\n", b"\r\n\r\n"),
        (b"a\rb\r", b"a\rb\r"),
        (b"a\r\r\n", b"a\r\r\n"),
        (b"", b""),
    ],
)
def test_wire_form_adds_a_cr_where_one_is_missing_and_nothing_else(raw: bytes, wire: bytes) -> None:
    assert canonical(raw) == wire


@given(line_ends)
def test_wire_form_of_wire_form_is_itself(message: bytes) -> None:
    wire = canonical(message)
    assert canonical(wire) == wire
    assert wire.count(b"\n") == wire.count(b"\r\n")
    assert wire.replace(b"\r\n", b"\n") == message.replace(b"\r\n", b"\n")


@given(line_ends)
def test_the_digest_does_not_see_how_lines_ended_on_disk(message: bytes) -> None:
    assert digest(message) == hashlib.sha256(canonical(message)).hexdigest() == digest(canonical(message))
