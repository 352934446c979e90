"""What makes two copies of one message alike, and what must keep two messages apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.likeness import LOOKED_AT, ContentPrint, HeaderPrint, fingerprint, name_in

HEADERS = [
    (b"Message-ID: <a@x>\r\n\r\n", True),
    (b"Subject: s\r\nmessage-id:<a@x>\r\nTo: b\r\n\r\n", True),
    (b"Subject: s\r\nMESSAGE-ID: no brackets", True),
    (b"Message-ID:\r\n\t<a@x>\r\n\r\n", True),
    (b"Message-ID: \r\n  \r\n\t \r\n <a@x>\r\n\r\n", True),
    (b"Message-ID:x", True),
    (b"Message-ID:\r\nMessage-ID: <a@x>\r\n\r\n", True),
    (b"Message-ID:\r\n\r\n<a@x>\r\n", False),
    (b"Message-ID: \t\r\nSubject: s\r\n\r\n", False),
    (b"Message-ID:\r\n \r\nSubject: s\r\n\r\n", False),
    (b"Message-ID:\r\r\n <a@x>\r\n\r\n", False),
    (b"Message-ID", False),
    (b"Message-ID:", False),
    (b"In-Reply-To: <a@x>\r\nX-Message-ID: <a@x>\r\n Message-ID: <a@x>\r\n\r\n", False),
    (b"Subject: s\r\n\r\nMessage-ID: <a@x>\r\n", False),
    (b"\r\nMessage-ID: <a@x>\r\n", False),
    (b"", False),
]


PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"X-TUID: abc", b"Message-ID: <a>", b" b", b"\xff", b"\0"]))


@pytest.mark.parametrize(("wire", "named"), HEADERS, ids=lambda value: repr(value)[:40])
def test_a_header_is_named_by_a_message_id_that_is_not_empty(wire: bytes, named: bool) -> None:
    assert fingerprint(wire, None).named is named


@given(PIECES, st.integers(0, 40), st.integers(0, 40))
def test_how_a_message_is_cut_makes_no_difference(pieces: list[bytes], first: int, second: int) -> None:
    wire = b"".join(pieces)
    one, other = ContentPrint(), ContentPrint()
    header = HeaderPrint()
    one.feed(wire)
    for part in (wire[:first], wire[first : first + second], wire[first + second :]):
        other.feed(part)
        header.feed(part)
    assert one.digest() == other.digest()
    assert (header.of(9), header.of(9).named) == (fingerprint(wire, 9), fingerprint(wire, 9).named)


@given(PIECES)
def test_the_body_makes_no_difference_to_a_header(pieces: list[bytes]) -> None:
    assert fingerprint(b"A: b\r\n\r\n" + b"".join(pieces), 1) == fingerprint(b"A: b\r\n\r\n", 1)


def test_a_header_without_end_counts_as_far_as_it_is_looked_at() -> None:
    endless = HeaderPrint()
    for _ in range(LOOKED_AT // 1024 + 100):
        endless.feed(b"x" * 1024)
    assert endless.complete
    assert len(endless._wire) == LOOKED_AT
    assert endless.of(None) == fingerprint(b"x" * (LOOKED_AT + 1), None)


def whole(wire: bytes) -> bytes:
    found = ContentPrint()
    found.feed(wire)
    return found.digest()


PLAIN = b"Message-ID: <a@x>\r\nSubject: caf\xc3\xa9\r\n\r\nbody \xc3\xa9\r\n"


@pytest.mark.parametrize(
    "altered",
    [
        b"Message-ID: <a@x>\r\nX-TUID: 0123456789ab\r\nSubject: caf\xc3\xa9\r\n\r\nbody \xc3\xa9\r\n",
        b"X-OfflineIMAP: 12-34\r\n\tfolded\r\nMessage-ID: <a@x>\r\nSubject: caf\xc3\xa9\r\n\r\nbody \xc3\xa9\r\n",
        b"Message-ID: <a@x>\r\nSubject: cafXX\r\n\r\nbody \xc3\xa9\r\n",
    ],
    ids=["mbsync", "OfflineIMAP", "Cyrus"],
)
def test_what_programs_and_servers_change_makes_no_other_message(altered: bytes) -> None:
    assert fingerprint(altered, len(altered)) == fingerprint(PLAIN, len(PLAIN))
    assert whole(altered) == whole(PLAIN)


def test_lone_crs_and_nuls_of_a_body_may_be_lost_on_the_way() -> None:
    assert whole(b"A: b\r\n\r\nx\r\0y\r\n") == whole(b"A: b\r\n\r\nx\x80y\r\n")


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace(b"body \xc3\xa9", b"body \xc3\xb6"),
        PLAIN.replace(b"body", b"b\r\nody"),
        PLAIN.replace(b"\r\n\r\n", b"\r\n\r\nX-TUID: 0123456789ab\r\n"),
        PLAIN.replace(b"a@x", b"b@x"),
        PLAIN.replace(b"Subject", b"X-Subject"),
    ],
)
def test_what_a_person_changes_makes_another_message(other: bytes) -> None:
    assert whole(other) != whole(PLAIN)


@pytest.mark.parametrize(
    ("mended", "wire"),
    [(b"<XX@x>", "<\u00e9@x>".encode()), (b"<ab@x>", b"<a\rb@x>"), (b"<ab@x>", b"<a\r\n b@x>"), (b"<X@x>", b"<\0@x>")],
)
def test_a_name_is_the_same_whatever_a_server_makes_of_it(mended: bytes, wire: bytes) -> None:
    header = b"Subject: x\r\nMessage-ID: %b\r\nFrom: y\r\n"
    assert name_in(header % wire) == name_in(header % mended) == mended
