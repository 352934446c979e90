from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

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
from postboat.imap.wire.parser import parse
from postboat.imap.wire.responses import Fetched, Unknown

bodies = st.binary(max_size=60) | st.sampled_from([b")\r\n* VANISHED 1:9\r\nA1 OK\r\n", b"{3}\r\n", b"\r\n", b'"'])


def cut(data, places):
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


def fed(data, places, **options):
    framer = Framer(**options)
    return [frame for piece in cut(data, places) for frame in framer.feed(piece)]


def joined(frames):
    """Frames with neighbouring pieces of a literal joined: these depend on the chunking."""
    result = []
    for frame in frames:
        if isinstance(frame, LiteralData) and result and isinstance(result[-1], LiteralData):
            result[-1] = LiteralData(result[-1].data + frame.data)
        else:
            result.append(frame)
    return result


@given(st.lists(bodies, max_size=4), st.lists(st.integers(min_value=0), max_size=30))
def test_literals_survive_every_chunking(contents, places):
    data = b"".join(b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (n, n, len(c), c) for n, c in enumerate(contents, 1))
    frames = fed(data, places)
    assert [parse(frame) for frame in frames] == [Fetched(n, n, body=c) for n, c in enumerate(contents, 1)]


@given(bodies.filter(len), st.lists(st.integers(min_value=0), max_size=30))
def test_streamed_literals_survive_every_chunking(content, places):
    data = b"* 1 FETCH (BODY[] {%d}\r\n%s FLAGS ())\r\n* 1 EXISTS\r\n" % (len(content), content)
    began = b"* 1 FETCH (BODY[] "
    assert joined(fed(data, places, stream_over=0)) == [
        LiteralBegan((began,), len(content)),
        LiteralData(content),
        LiteralEnded(),
        Reply((began, Streamed(len(content)), b" FLAGS ())")),
        Reply((b"* 1 EXISTS",)),
    ]


WORDS = [
    b"* ",
    b"1 ",
    b"FETCH ",
    b"(",
    b")",
    b"UID ",
    b"5",
    b"{3}\r\n",
    b"~{1}\r\n",
    b"\r\n",
    b"\n",
    b'"',
    b"\\",
    b"\0",
]
WORDS += [b"OK ", b"A1 ", b"+ ", b"[", b"]", b"BODY[] ", b"FLAGS ", b"NIL", b"LIST ", b"STATUS ", b"abc", b"VANISHED "]
protocol_like = st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=60).map(b"".join)


def outcome(data, places):
    framer, frames = Framer(limits=Limits(line=200, literal=500, reply=1000), stream_over=100), []
    try:
        for piece in cut(data, places):
            for frame in framer.feed(piece):
                frames.append(frame)  # noqa: PERF402 - those before a violation count
    except ProtocolViolation:
        return joined(frames), True
    return joined(frames), False


@given(protocol_like, st.lists(st.integers(min_value=0), max_size=30))
@example(b"\0\r\n* OK\r\n", [1])
def test_the_chunking_never_changes_what_is_read(data, places):
    assert outcome(data, places) == outcome(data, range(len(data)))


@given(protocol_like)
def test_reading_never_raises_anything_else(data):
    for frame in outcome(data, [])[0]:
        if isinstance(frame, Reply):
            parse(frame)


@given(st.binary(max_size=200))
def test_parsing_never_raises(line):
    for text in (
        line,
        b"* " + line,
        b"* 1 FETCH (" + line,
        b"* LIST () " + line,
        b"* STATUS " + line,
        b"* OK [" + line,
    ):
        assert parse(Reply((text,))) is not None
    assert isinstance(parse(Reply((b"* X-" + line,))), Unknown)


LINES = [
    b'* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE "14-Jul-2017 02:40:00 +0000" BODY[] {%d}\r\n%s)\r\n',
    b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%s)\r\n",
    b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%s)\n",
    b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%s UID 5)\r\n",
    b"* 1 FETCH (UID 5 BODY[] {%d+}\r\n%s)\r\n",
    b"* 1 FETCH (UID 5 BODY[] ~{%d}\r\n%s)\r\n",
    b"* 1 FETCH (UID 5 BODY[]{%d}\r\n%s)\r\n",
    b'* 1 FETCH (X "a BODY[] {%d}\r\n%s)\r\n',
    b'* 1 FETCH (X "a\\" BODY[] {%d}\r\n%s)\r\n',
    b'* 1 FETCH (X "a" Y "b" BODY[] {%d}\r\n%s)\r\n',
    b'* 1 FETCH (X "{3}" BODY[] {%d}\r\n%s)\r\n',
    b"\0* 1 FETCH (BODY[] {%d}\r\n%s)\r\n",
    b"* OK FETCH (BODY[] {%d}\r\n%s)\r\n",
    b"1 FETCH (BODY[] {%d}\r\n%s)\r\n",
]
announced = st.builds(
    lambda line, body, wrong: line % (max(0, len(body) + wrong), body),
    st.sampled_from(LINES),
    bodies,
    st.sampled_from([0, 0, 0, 1, -1, 100]),
)


def ended(data, pieces, limits, stream_over):
    """All frames, and whether the server was given up."""
    framer, frames = Framer(limits, stream_over), []
    try:
        for piece in pieces:
            frames.extend(framer.feed(piece))
    except ProtocolViolation:
        return joined(frames), True
    return joined(frames), False


@given(
    st.lists(announced, max_size=4).map(b"".join),
    st.sampled_from([Limits(), Limits(line=60), Limits(literal=5), Limits(reply=70), Limits(reply=100)]),
    st.sampled_from([0, 3, 1 << 20]),
)
def test_what_comes_in_one_piece_is_framed_as_what_comes_octet_by_octet(data, limits, stream_over):
    at_once = ended(data, [data], limits, stream_over)
    assert at_once == ended(data, [data[at : at + 1] for at in range(len(data))], limits, stream_over)
