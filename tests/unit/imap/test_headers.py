"""Where a header ends, whatever the message looks like, and what servers do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.imap.headers import header_of, header_of_content, is_notice, lenient_digest, message_id
from postboat.model import NO_FLAGS, Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WIRES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"A: b", b"\xff"])).map(b"".join)


@pytest.mark.parametrize(
    ("wire", "header"),
    [
        (b"A: b\r\n\r\nbody\r\n\r\nmore", b"A: b\r\n"),
        (b"A: b\r\n\r\n", b"A: b\r\n"),
        (b"A: b\r\n", b"A: b\r\n"),
        (b"A: b", b"A: b"),
        (b"\r\nbody\r\n\r\nmore", b""),
        (b"\r\n", b""),
        (b"", b""),
    ],
)
def test_the_header_ends_at_the_first_empty_line(wire: bytes, header: bytes) -> None:
    assert header_of(wire) == header


@given(WIRES)
def test_the_header_of_a_header_with_its_empty_line_is_itself(wire: bytes) -> None:
    header = header_of(wire)
    if header.endswith(b"\r\n"):
        assert header_of(header + b"\r\n") == header


@given(WIRES, st.integers(1, 5))
async def test_a_stream_has_the_same_header(wire: bytes, step: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(wire), step):
            yield wire[start : start + step]

    assert await header_of_content(Content("a", NO_FLAGS, None, len(wire), chunks=chunks)) == header_of(wire)


@pytest.mark.parametrize(
    "altered", [b"Subject: cafXX\r\nTo: b\r\n", b"Subject: caf\xc3\xa9\r\nTo: b", b"Subject: c\raf\xc3\xa9\r\nTo: b\r"]
)
def test_a_header_that_a_server_altered_is_recognised(altered: bytes) -> None:
    assert lenient_digest(altered) == lenient_digest(b"Subject: caf\xc3\xa9\r\nTo: b\r\n")


@pytest.mark.parametrize(
    "header", [b"A: b\r\nMessage-Id: <x@y>\r\n", b"MESSAGE-ID:\r\n <x@y>\r\n", b"message-id: <x@y> (z)"]
)
def test_the_message_id_is_found(header: bytes) -> None:
    assert message_id(header) == "<x@y>"


@pytest.mark.parametrize("header", [b"", b"X-Message-ID: <x@y>\r\n", b"Message-ID: none\r\n", b"Message-ID: <x\r\n@y>"])
def test_what_is_no_message_id_is_none(header: bytes) -> None:
    assert message_id(header) == ""


def test_another_header_is_another_one() -> None:
    assert lenient_digest(b"Subject: a\r\n") != lenient_digest(b"Subject: b\r\n")


def test_a_message_about_a_notice_is_no_notice() -> None:
    assert not is_notice(b"From: me\r\n\r\nFrom: System Administrator <root@x>\r\nSubject: message unavailable\r\n")
    assert not is_notice(b"From: System Administrator <root@x>\r\nSubject: message unavailable today\r\n\r\n")
