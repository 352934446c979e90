"""What real servers said, damaged at random: read in any pieces, it never raises, hangs or grows, and costs no mail.

`POSTBOAT_FUZZ` is how many examples each test tries; a run of the suite tries some.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import tracemalloc
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.dialogue import serving
from tests.fakes.lying_server import WAYS, Answer
from tests.hostile.siege import besieged, mail, peaceful
from tests.real.voyage import digest

from postboat.errors import PostboatError
from postboat.events import FolderMatchedAnew
from postboat.imap.connection import Connection
from postboat.imap.wire import commands
from postboat.imap.wire.framer import Framer, Limits, LiteralBegan, LiteralData, ProtocolViolation, Reply
from postboat.imap.wire.parser import parse, parse_unfinished
from postboat.service.run_options import RunOptions

EXAMPLES = int(os.environ.get("POSTBOAT_FUZZ", "40"))
pytestmark = pytest.mark.timeout(120 if EXAMPLES <= 100 else EXAMPLES)
FEW = max(5, EXAMPLES // 4)
DIALOGUES = {
    path.stem: path.read_bytes() for path in sorted((Path(__file__).parents[1] / "data/dialogues").glob("*.imap"))
}
fuzzed = settings(
    max_examples=EXAMPLES, deadline=timedelta(seconds=20), suppress_health_check=list(HealthCheck), database=None
)
seldom = settings(fuzzed, max_examples=FEW, deadline=None)

PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b'"', b"\\", b"(", b")", b"[", b"]", b"{3}\r\n", b"{99999999999}\r\n", b"{0}\r\n", b"~{1+}\r\n",
    b"* ", b"+ ", b" ", b"NIL", b"4294967295", b"0", b"-1", b"1:*", b"1:4294967295", b"99999999999999999999", b"* BYE\r\n",
    b"* 0 EXISTS\r\n", b"* 1 EXPUNGE\r\n", b"* VANISHED 1:4294967295\r\n", b"* VANISHED (EARLIER) 1:3\r\n", b"\\Deleted ",
    b"* OK [CLOSED]\r\n", b"* OK [UIDVALIDITY 9]\r\n", b"BODY[] ", b"UID ", b"FLAGS (", b"\x80\xff", b"\x1b[2J", b"A1 OK\r\n",
]  # fmt: skip


def damaged(octets: bytes, seed: int, wounds: int) -> bytes:
    """The octets with so many places cut out, doubled, overwritten or filled with what means something."""
    chance, found = random.Random(seed), bytearray(octets)
    for _ in range(wounds):
        at, length = chance.randrange(len(found) + 1), chance.choice((1, 1, 2, 5, 30, 400))
        match chance.randrange(5):
            case 0:
                del found[at : at + length]
            case 1:
                found[at:at] = found[at : at + length]
            case 2:
                found[at : at + 1] = bytes((chance.randrange(256),))
            case 3:
                found[at:at] = chance.choice(PIECES)
            case 4:
                other = chance.randrange(len(found) + 1)
                found[at : at + length] = found[other : other + chance.choice((1, 10, 200))]
    return bytes(found)


dialogues = st.builds(
    lambda name, begin, seed, wounds: damaged(
        DIALOGUES[name][begin * len(DIALOGUES[name]) // 100 :][:6000], seed, wounds
    ),
    st.sampled_from(sorted(DIALOGUES)),
    st.integers(0, 90),
    st.integers(0, 2**32),
    st.integers(0, 12),
)
LOW = Limits(line=3000, set_line=4000, literal=5000, other_literal=500, reply=6000, literals=20)


def frames(pieces, stream_over: int):
    """All frames with neighbouring pieces of a literal joined, whether it was given up, and the most it held."""
    framer, found, most = Framer(LOW, stream_over), [], 0
    try:
        for piece in pieces:
            for frame in framer.feed(piece):
                if isinstance(frame, LiteralData) and found and isinstance(found[-1], LiteralData):
                    frame = LiteralData(found.pop().data + frame.data)
                found.append(frame)
            held = sum(len(part) for part in framer._parts if isinstance(part, bytes)) + len(framer._line)
            most = max(most, held + len(framer._literal or b""))
    except ProtocolViolation:
        return found, True, most
    return found, False, most


@fuzzed
@given(dialogues, st.lists(st.integers(0, 6000), max_size=20), st.sampled_from([0, 100, 1 << 20]))
def test_damaged_dialogues_are_cut_and_read_alike_in_any_pieces(octets, places, stream_over):
    edges = sorted({0, len(octets), *(place % (len(octets) + 1) for place in places)})
    at_once = frames([octets], stream_over)
    in_pieces = frames([octets[a:b] for a, b in pairwise(edges)], stream_over)
    octet_by_octet = frames([octets[at : at + 1] for at in range(len(octets))], stream_over)
    assert at_once[:2] == in_pieces[:2] == octet_by_octet[:2]
    assert max(at_once[2], in_pieces[2], octet_by_octet[2]) <= LOW.reply + LOW.set_line
    for frame in at_once[0]:
        if isinstance(frame, Reply):
            said = parse(frame)
            code = getattr(getattr(said, "condition", said), "code", None)
            for fact in (
                "uidvalidity",
                "uidnext",
                "highestmodseq",
                "permanent_flags",
                "appenduid",
                "copyuid",
                "capabilities",
            ):
                getattr(code, fact, None)
            getattr(said, "all", None)
        elif isinstance(frame, LiteralBegan):
            parse_unfinished(frame)


async def replay(octets: bytes, sizes: list[int]) -> None:
    """Play the octets to a connection that asks all kinds of things; it is answered or fails, in time."""

    async def talk(server):
        at = 0
        while at < len(octets):
            size = sizes[at % len(sizes)]
            server.writer.write(octets[at : at + size])
            at += size
            if at % 3 == 0:
                await asyncio.sleep(0)
        server.writer.write_eof()

    async def quietly(server):
        try:
            await talk(server)
        except (ConnectionError, OSError):
            pass

    async with serving(quietly) as port:

        async def open_transport(factory):
            return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

        async with asyncio.timeout(10):
            try:
                connection = await Connection.start(open_transport, timeout=1)
            except PostboatError:
                return
            asked = [commands.capability(), commands.list_("", "*"), commands.noop()]
            try:
                async with asyncio.TaskGroup() as group:
                    for command in asked:
                        group.create_task(connection.run(command, check=False))
            except* PostboatError:
                pass
            await connection.close()


@seldom
@given(dialogues, st.lists(st.sampled_from([1, 2, 7, 100, 5000]), min_size=1, max_size=5))
def test_a_connection_that_hears_damaged_dialogues_ends_in_time_and_in_words(octets, sizes):
    greeting = b"" if octets.startswith(b"* OK") else b"* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n"
    asyncio.run(replay(greeting + octets, sizes))


async def besiege(way: str, seed: int, wounds: int, one_in: int) -> None:
    """A whole run in which some answers are damaged, then honest ones: no message is lost to local, remote and kept."""
    chance = random.Random(seed)
    server = peaceful(WAYS[way])

    def lie(answer: Answer, _command: bytes) -> Answer:
        if chance.randrange(one_in):
            return answer
        return Answer(
            octets=damaged(answer.sent(b"%t"), chance.randrange(2**32), wounds), is_last=chance.random() < 0.1
        )

    with tempfile.TemporaryDirectory() as home:
        async with besieged(Path(home), server, timeout=0.3) as siege:
            (await siege.sync()).assert_clean()
            server.inbox.put(mail(100))
            server.inbox.flag(1, "\\Seen")
            siege.drop(mail(300), flags="S")
            contents = {digest(each.wire) for each in server.inbox.mail} | {digest(mail(300))}
            server.lies[""] = lie
            for _ in range(2):
                sailed = await siege.sync()
                assert sailed.code != 1, sailed.events
                kept = {
                    digest(path.read_bytes())
                    for path in siege.home.rglob("*")
                    if path.is_file() and path.suffix != ".ledger"
                }
                assert contents <= kept | siege.served().keys(), "a message is lost"
                assert {digest(each.wire) for each in server.inbox.mail} >= contents - {digest(mail(300))}, (
                    sailed.events
                )
            server.lies.clear()
            for _ in range(3):
                sailed = await siege.sync(RunOptions(retry=True))
            assert sailed.code in (0, 6) or sailed.of(FolderMatchedAnew), sailed.events
            assert contents <= siege.served().keys()
            # An octet changed inside a message is the message for whoever was sent it so.
            assert len(siege.served()) <= len(siege.stored()) or sailed.code == 6


@pytest.mark.parametrize("way", ["qresync", "plain"])
@seldom
@given(seed=st.integers(0, 2**32), wounds=st.integers(1, 6), one_in=st.sampled_from([1, 2, 5, 10]))
def test_a_run_among_damaged_answers_loses_no_message(way, seed, wounds, one_in):
    asyncio.run(besiege(way, seed, wounds, one_in))


@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_what_real_servers_say_is_understood_octet_by_octet(name):
    framer = Framer()
    tracemalloc.start()
    said = [parse(f) for at in range(len(DIALOGUES[name])) for f in framer.feed(DIALOGUES[name][at : at + 1])]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not framer.is_midway and len(said) > 50
    assert most < 20 * len(DIALOGUES[name]) + (1 << 20)
    from postboat.imap.wire.responses import Unknown

    assert not [each for each in said if isinstance(each, Unknown)]
