"""What is read of a message at a glance is what careful reading finds in it, or nothing."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from postboat.imap.wire.fetch import quick_body, quick_fetched
from postboat.imap.wire.framer import Reply
from postboat.imap.wire.parser import _parse_line, parse
from postboat.imap.wire.responses import Fetched

BODY = b"Subject: x\r\n\r\n) FLAGS ("
GOOD = b'* 7 FETCH (UID 12 FLAGS (\\Seen $a) INTERNALDATE "14-Jul-2017 02:40:00 +0200" BODY[] '
PIECES = [
    b"UID 12 ",
    b"UID 0 ",
    b"UID 4294967296 ",
    b"UID x ",
    b"FLAGS () ",
    b"FLAGS (\\Seen) ",
    b"FLAGS (\\seen NIL \\* $Forwarded \\Recent) ",
    b'FLAGS ("odd" \\Seen) ',
    b"FLAGS (BODY[a b]) ",
    b"FLAGS (\\Seen)",
    b"FLAGS NIL ",
    b"MODSEQ (5) ",
    b"MODSEQ (0) ",
    b"MODSEQ (1234567890123456789) ",
    b'INTERNALDATE "14-Jul-2017 02:40:00 +0200" ',
    b'INTERNALDATE " 4-Jul-2017 02:40:61 GMT" ',
    b'INTERNALDATE "00-Jan-0000 00:00:00 +0000" ',
    b'INTERNALDATE "a\\"b" ',
    b"INTERNALDATE NIL ",
    b"RFC822.SIZE 5 ",
    b"RFC822.SIZE 5",
    b"RFC822.SIZE 5.0e1",
    b"X-GM-MSGID 5 ",
    b"BODY[] ",
    b"body[] ",
    b"BODY[]",
    b"BODY[HEADER] ",
    b" ",
]
STARTS = [b"* 7 FETCH (", b"* 07 FETCH (", b"* 7 fetch (", b"* 4294967296 FETCH (", b"*  7 FETCH (", b"7 FETCH ("]
texts = st.builds(
    lambda start, pieces: start + b"".join(pieces), st.sampled_from(STARTS), st.lists(st.sampled_from(PIECES))
)


def careful(*parts: bytes) -> object:
    return _parse_line(parts, parts[0])


@given(texts, st.sampled_from([b"", BODY]))
@example(GOOD, BODY)
@example(GOOD.replace(b"BODY[]", b"MODSEQ (9) BODY[]"), BODY)
@example(GOOD.replace(b" INTERNALDATE", b" UID 12 INTERNALDATE"), BODY)
@example(GOOD.replace(b" INTERNALDATE", b" UID 13 INTERNALDATE"), BODY)
@example(GOOD.replace(b"UID 12 ", b"").replace(b" INTERNALDATE", b" UID 13 MODSEQ (3) INTERNALDATE"), BODY)
def test_a_message_with_its_body(text: bytes, body: bytes) -> None:
    quick = quick_body(text, body)
    assert quick is None or quick == careful(text, body, b")")


@given(texts)
@example(b"* 7 FETCH (UID 12 FLAGS (\\Seen) RFC822.SIZE 0")
@example(b"* 7 FETCH (UID 12 FLAGS (\\Seen) MODSEQ (8) RFC822.SIZE 123456789012345678")
@example(b"* 7 FETCH (FLAGS (\\Seen) UID 12")
def test_a_message_without_a_body(text: bytes) -> None:
    quick = quick_fetched(text + b")")
    assert quick is None or quick == careful(text + b")")


def test_the_commonest_answer_is_read_at_a_glance() -> None:
    expected = Fetched(7, 12, frozenset({"\\Seen", "$a"}), 1499992800.0, None, BODY)
    assert quick_body(GOOD, BODY) == expected == careful(GOOD, BODY, b")")
    assert parse(Reply((GOOD, BODY, b")"))) == expected


def test_what_stands_behind_the_body_is_not_overlooked() -> None:
    for rest in (b" UID 13)", b" FLAGS ())", b""):
        assert parse(Reply((GOOD, BODY, rest))) != Fetched(7, 12, frozenset({"\\Seen", "$a"}), 1499992800.0, None, BODY)
