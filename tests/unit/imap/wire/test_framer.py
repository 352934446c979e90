import time

import pytest

from postboat.imap.wire.framer import (
    Framer,
    Limits,
    LiteralBegan,
    LiteralData,
    LiteralEnded,
    ProtocolViolation,
    Reply,
    Streamed,
)


def frames(data, **options):
    return list(Framer(**options).feed(data))


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"* OK hi\r\n", (b"* OK hi",)),
        (b"* OK hi\n", (b"* OK hi",)),
        (b"\0\0* OK hi\r\n", (b"* OK hi",)),
        (b"\r\n\r\n* OK hi\r\n", (b"* OK hi",)),
        (b"* 1 FETCH (BODY[] {3}\r\na\r\n)\r\n", (b"* 1 FETCH (BODY[] ", b"a\r\n", b")")),
        (b"* 1 FETCH (BODY[] {03}\r\na\r\n)\r\n", (b"* 1 FETCH (BODY[] ", b"a\r\n", b")")),
        (b"* 1 FETCH (BODY[] ~{3}\r\n\0\r\n)\r\n", (b"* 1 FETCH (BODY[] ", b"\0\r\n", b")")),
        (b"* 1 FETCH (BODY[] {0}\r\n)\r\n", (b"* 1 FETCH (BODY[] ", b"", b")")),
        (b"* 1 FETCH (BODY[]{1}\r\nx)\r\n", (b"* 1 FETCH (BODY[]", b"x", b")")),
        (b'* LIST () "/" {2}\r\nab\r\n', (b'* LIST () "/" ', b"ab", b"")),
        (b"* STATUS {1}\r\na (MESSAGES 1)\r\n", (b"* STATUS ", b"a", b" (MESSAGES 1)")),
        (b"* X ({1}\r\na {1+}\r\nb)\r\n", (b"* X (", b"a", b" ", b"b", b")")),
    ],
)
def test_a_response_is_cut_into_text_and_literals(data, parts):
    assert frames(data) == [Reply(parts)]
    assert [f for octet in range(len(data)) for f in frames_of_one(octet, data)] == [Reply(parts)]


def frames_of_one(octet, data, framers={}):  # noqa: B006 - one framer for all octets of one text
    framer = framers.setdefault(data, Framer())
    return list(framer.feed(data[octet : octet + 1]))


@pytest.mark.parametrize(
    "line",
    [
        b"* OK costs {3}",
        b"* NO [ALERT] {3}",
        b"*  BYE {3}",
        b"A1 OK done {3}",
        b"a7 bad {3}",
        b"+ go {3}",
        b"* [COPYUID 1 2 3] {3}",
        b'* LIST () "/" "a {3}"',
        b'* LIST () "/" a{3}',
        b"* X {-1}",
        b"* X {}",
        b"* X {1 }",
        b"* X {12345678901234567890}",
        b"* X {1}x",
    ],
)
def test_what_only_looks_like_a_literal_is_text(line):
    assert frames(line + b"\r\n* 1 EXISTS\r\n") == [Reply((line,)), Reply((b"* 1 EXISTS",))]


@pytest.mark.parametrize(
    "data",
    [
        b"* 1 FETCH (BODY[] {3}\r\nabcd)\r\n",
        b"* 1 FETCH (BODY[] {3}\r\na)\r\n* 2 EXISTS\r\n",
        b"* 1 FETCH (BODY[] {3}\r\nabc\r\n)\r\n",
        b"rest of a list BODY[] {300}\r\nA1 OK done\r\n",
        b'* LIST () "/" "unfinished {3}\r\nabc\r\n',
    ],
    ids=["too short", "too long", "line end before the bracket", "outside a response", "inside a string"],
)
def test_a_literal_whose_place_or_length_is_wrong_is_the_end(data):
    with pytest.raises(ProtocolViolation):
        frames(data)


def test_a_body_that_looks_like_protocol_is_a_body():
    body = b")\r\n* VANISHED 1:*\r\nA1 OK done\r\n"
    data = b"* 1 FETCH (BODY[] {%d}\r\n%s)\r\n" % (len(body), body)
    assert frames(data) == [Reply((b"* 1 FETCH (BODY[] ", body, b")"))]


def test_a_large_literal_comes_in_pieces_that_add_up():
    data = b"* 1 FETCH (UID 7 BODY[] {9}\r\n123456789 FLAGS ())\r\n"
    framer = Framer(stream_over=8)
    got = [frame for at in range(0, len(data), 4) for frame in framer.feed(data[at : at + 4])]
    assert got[0] == LiteralBegan((b"* 1 FETCH (UID 7 BODY[] ",), 9)
    assert b"".join(f.data for f in got if isinstance(f, LiteralData)) == b"123456789"
    assert got[-2:] == [LiteralEnded(), Reply((b"* 1 FETCH (UID 7 BODY[] ", Streamed(9), b" FLAGS ())"))]


def test_a_literal_at_the_threshold_is_whole():
    assert frames(b"* X {8}\r\n12345678\r\n", stream_over=8) == [Reply((b"* X ", b"12345678", b""))]


LOW = Limits(line=20, set_line=40, literal=50, other_literal=40, reply=60, literals=2)


@pytest.mark.parametrize(
    "data",
    [
        b"* " + b"x" * 30,
        b"* " + b"x" * 30 + b"\r\n",
        b"* SEARCH " + b"1 " * 30,
        b"* 1 FETCH (X {51}\r\n",
        b"* X {41}\r\n",
        b"* X {40}\r\n" + b"x" * 40 + b" {40}\r\n",
        b"* X {1}\r\na {1}\r\na {1}\r\n",
    ],
    ids=["line", "complete line", "set", "literal", "other literal", "response", "count"],
)
def test_a_server_that_sends_too_much_is_given_up(data):
    with pytest.raises(ProtocolViolation):
        frames(data, limits=LOW)


def test_a_set_of_uids_may_be_longer_than_other_lines():
    line = b"* SEARCH " + b"1 " * 12
    assert frames(line + b"\r\n", limits=LOW) == [Reply((line,))]


def test_an_announced_size_reserves_nothing():
    framer = Framer(stream_over=1 << 40)
    assert list(framer.feed(b"* 1 FETCH (X {200000000}\r\nabc")) == []
    assert len(framer._literal) == 3


@pytest.mark.parametrize("chunk", [1 << 16, 1500])
def test_time_follows_the_octets_of_a_literal(chunk):
    size = 30 << 20
    data = b"* 1 FETCH (BODY[] {%d}\r\n" % size + bytes(size) + b")\r\n"
    framer = Framer(stream_over=size)
    began = time.perf_counter()
    got = [frame for at in range(0, len(data), chunk) for frame in framer.feed(data[at : at + chunk])]
    assert time.perf_counter() - began < 5
    assert len(got[0].parts[1]) == size


def test_time_follows_the_octets_of_a_line_that_comes_octet_by_octet():
    line = b"* SEARCH " + b"1234567 " * 40_000
    framer = Framer()
    began = time.perf_counter()
    for at in range(len(line)):
        assert list(framer.feed(line[at : at + 1])) == []
    assert time.perf_counter() - began < 5
    assert list(framer.feed(b"\r\n")) == [Reply((line,))]


@pytest.mark.parametrize("quotes", [b'"a" ' * 500_000, b'"' + b"\\" * 1_999_998 + b'"', b"x" * 2_000_000])
def test_a_hostile_line_does_not_take_long(quotes):
    began = time.perf_counter()
    with pytest.raises(ProtocolViolation):
        frames(b"* X " + quotes + b' "unfinished {3}\r\n')
    assert time.perf_counter() - began < 2


def test_a_hundred_thousand_lines_in_one_chunk():
    data = b"".join(b"* %d FETCH (FLAGS ())\r\n" % n for n in range(100_000))
    assert sum(1 for _ in Framer().feed(data)) == 100_000
