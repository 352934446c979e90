"""Servers that break off, fall silent, drip, interrupt, or try to steer: the connection goes or goes on, mail stays."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest
from tests.fakes.dialogue import serving
from tests.fakes.lying_server import WAYS, Answer, Mailbox
from tests.fakes.terminal import FakeFile, FakeTerminal
from tests.hostile.siege import behind, besieged, mail, peaceful

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import PostboatError
from postboat.events import AccountFailed, FolderFailed, Warned
from postboat.imap import watchdog
from postboat.imap.connection import Connection
from postboat.imap.dial import connect
from postboat.imap.wire import commands
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.jsonl import JsonLines
from postboat.ui.plain.out import Out
from postboat.ui.plain.quiet import Quiet
from postboat.ui.plain.tty import Size, Tty
from postboat.ui.words import Manner

WHERE = ["ENABLE", "LIST", "NAMESPACE", "STATUS", "SELECT", "UID FETCH", "UID SEARCH", "APPEND", "UID STORE", "LOGOUT"]


async def with_work(siege):
    """In step, and then there is something to do both ways."""
    (await siege.sync()).assert_clean()
    siege.server.inbox.put(mail(100))
    siege.server.inbox.drop(3)
    siege.drop(mail(300), flags="S")
    file = siege.files()[0]
    file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,FS")


async def assert_recovers(siege):
    """Nothing was lost or doubled, and an honest run brings both in step."""
    siege.server.lies.clear()
    siege.server.greeting = None
    for _ in range(2):
        await siege.sync()
    siege.assert_in_step()
    assert len(siege.server.inbox.mail) == 7


ENDS = {
    "BYE": Answer(octets=b"* BYE enough\r\n", is_last=True),
    "BYE again and again": Answer(octets=b"* BYE enough\r\n" * 50, is_last=True),
    "BYE and an answer": Answer(octets=b"* BYE enough\r\n%t OK done\r\n", is_last=True),
    "BYE without closing": Answer(octets=b"* BYE enough\r\n"),
    "BYE without a text": Answer(octets=b"* BYE\r\n", is_last=True),
    "no word": None,
    "half a line": Answer(octets=b"* OK [UIDVALIDI", is_last=True),
    "half a literal": Answer(octets=b"* 1 FETCH (UID 1 BODY[] {100}\r\nabc", is_last=True),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
@pytest.mark.parametrize("command", WHERE)
async def test_a_server_may_hang_up_at_any_moment(tmp_path, command, end):
    server = peaceful(WAYS["condstore"] + " ENABLE QRESYNC" if command != "UID SEARCH" else WAYS["condstore"])
    async with besieged(tmp_path, server) as siege:
        await with_work(siege)
        server.lies[command] = lambda *_: end
        sailed = await siege.sync()
        assert sailed.code in (0, 3, 4), sailed.events
        await assert_recovers(siege)


GREETINGS = {
    "BYE": b"* BYE overloaded\r\n",
    "BYE twice": b"* BYE overloaded\r\n* BYE really\r\n",
    "NO": b"* NO not now\r\n",
    "BAD": b"* BAD what?\r\n",
    "nonsense": b"SSH-2.0-OpenSSH_9.2\r\n",
    "an unknown tag": b"A1 OK you are in\r\n",
    "a plus": b"+ go on\r\n",
    "nothing but an empty line": b"\r\n",
    "an endless line": b"* OK " + b"x" * (9 << 20),
    "a literal": b"* LIST {99999999999}\r\n",
    "a welcome and BYE": b"* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n* BYE that was it\r\n",
    "data before the greeting": b"* 5 EXISTS\r\n* VANISHED 1:4294967295\r\n* BYE\r\n",
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=list(GREETINGS))
async def test_what_is_no_welcome_ends_the_account_and_changes_nothing(tmp_path, greeting):
    server = peaceful(WAYS["plain"])
    async with besieged(tmp_path, server, timeout=1) as siege:
        await with_work(siege)
        standing = siege.standing()
        server.greeting = greeting
        sailed = await siege.sync()
        assert sailed.code in (3, 4) and sailed.of(AccountFailed)
        assert siege.standing() == standing
        await assert_recovers(siege)


async def test_a_greeting_that_answers_what_was_not_asked_yet_gets_no_password():
    """Also when it grants STARTTLS beforehand: a tag counts once its command was sent."""
    heard = []

    async def talk(server):
        server.say("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello", "A1 OK begin TLS", "a001 OK begin TLS")
        await server.farewell()
        heard.extend(server.heard)

    async def password(_refused):
        return "me", Secret("confidential")

    async with serving(talk) as port:
        remote = ServerConfig(name="R", remotehost="localhost", remoteport=port, ssl=False, timeout=2)
        with pytest.raises(PostboatError):
            await connect(remote, password)
    assert not any(b"confidential" in line or b"LOGIN" in line or b"AUTHENTICATE" in line for line in heard)


INTERJECTIONS = {
    "a plus that nobody waits for": b"+ go on\r\n+\r\n+ \r\n",
    "NO by the way": b"* NO [ALERT] disk is nearly full\r\n* BAD internal\r\n",
    "alerts and addresses": b"* OK [ALERT] see http://example.org/ now\r\n* OK [REFERRAL imap://evil/] go there\r\n",
    "escapes": b"* OK [ALERT] \x1b]0;owned\x07\x1b[2J\x1b[31mpay here\x9b1A\r\n",
    "capabilities": b"* CAPABILITY IMAP4REV1\r\n",
    "flags": b"* FLAGS (\\Seen)\r\n* RECENT\r\n* 0 RECENT\r\n",
    "unknown words": b"* X-QUACK 1 2 3\r\n* 5 QUACK (a)\r\n* \r\n*\r\n",
}


@pytest.mark.parametrize("octets", INTERJECTIONS.values(), ids=list(INTERJECTIONS))
@pytest.mark.parametrize("capabilities", [WAYS["qresync"], WAYS["plain"], "IMAP4REV1 NAMESPACE"])
async def test_what_is_said_by_the_way_changes_no_outcome(tmp_path, capabilities, octets):
    server = peaceful(capabilities)
    async with besieged(tmp_path, server) as siege:
        await with_work(siege)
        server.lies[""] = lambda answer, _: Answer(octets=octets + answer.sent(b"%t"))
        await siege.sync()
        assert len(siege.files()) >= 6
        await assert_recovers(siege)


@pytest.mark.parametrize("command", ["LIST", "SELECT", "UID FETCH", "APPEND"])
async def test_a_server_that_falls_silent_is_given_up(tmp_path, command):
    """A message that it took in silence is found when it talks again, as in the same run."""
    server = peaceful(WAYS["qresync"])
    async with besieged(tmp_path, server, timeout=0.3) as siege:
        await with_work(siege)
        server.lies[command] = lambda *_: Answer(octets=b"")
        sailed = await siege.sync()
        failed = [*sailed.of(FolderFailed), *sailed.of(AccountFailed)]
        assert command == "APPEND" or (sailed.code in (3, 4) and "no answer for 0.3 s" in str(failed))
        await assert_recovers(siege)


async def drip(connection_timeout: float, octets: bytes, pause: float) -> str:
    """Why a connection ended on which `octets` came again and again in answer to a NOOP."""

    async def talk(server):
        server.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
        await server.command("NOOP")
        try:
            while True:
                server.writer.write(octets)
                await server.writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            pass

    async with serving(talk) as port:

        async def open_transport(factory):
            return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

        connection = await Connection.start(open_transport, timeout=connection_timeout)
        with pytest.raises(PostboatError) as lost:
            await connection.run(commands.noop())
        await connection.close()
    return str(lost.value)


async def test_an_octet_now_and_then_is_no_answer(monkeypatch):
    monkeypatch.setattr(watchdog, "SPAN", 1)
    assert "octets of an answer in" in await drip(0.5, b"x", 0.02)


async def test_a_literal_may_come_slowly_but_not_by_the_octet(monkeypatch):
    monkeypatch.setattr(watchdog, "SPAN", 1)
    monkeypatch.setattr(watchdog, "SLOWEST", 1 << 20)
    assert "octets of an answer in" in await drip(0.5, b"* 1 FETCH (BODY[] {50000000}\r\n", 0.02)


async def test_words_that_tell_nothing_are_no_answer_for_ever(monkeypatch):
    monkeypatch.setattr(watchdog, "FRUITLESS", 2)
    assert "words that tell nothing" in await drip(0.5, b"* OK Still here\r\n", 0.02)


# ---- what a server may put on the screen ----------------------------------------------------------------------------

NASTY = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b1A\x00\x08\r\n* OK \u202egnp.exe\u2028"
STEERING = {chr(n) for n in (*range(9), *range(11, 13), *range(14, 32), *range(127, 160))} | {"\u202e", "\u2028"}


async def hostile_events(tmp_path) -> list:
    """All that a run says in which every text and every name is an attempt to steer the terminal."""
    nasty = NASTY.encode("latin-1", "ignore").replace(b"\r\n", b"")
    server = peaceful(WAYS["plain"], messages=3)
    name = "a\x1b[2Jb\x9b"
    server.boxes[name] = Mailbox(uidvalidity=3)
    server.boxes[name].put(b"Subject: " + nasty + b"\r\n\r\nx\r\n")
    server.boxes["&ABs-[2J&AAc-"] = Mailbox(uidvalidity=4)
    events = []
    async with besieged(tmp_path, server) as siege:
        events += (await siege.sync()).events
        server.lies["SELECT"] = lambda *_: Answer([b"OK [ALERT] " + nasty], b"NO " + nasty)
        events += (await siege.sync()).events
        server.lies["LIST"] = lambda *_: Answer(tagged=b"NO " + nasty)
        events += (await siege.sync()).events
        server.greeting = b"* BYE " + nasty + b"\r\n"
        events += (await siege.sync()).events
    return [*events, Warned(NASTY)]


async def shown(face, events) -> None:
    async def all_of_them():
        for event in events:
            yield event

    await face.show(all_of_them())


@pytest.mark.parametrize("face", ["basic", "quiet", "jsonl", "tty"])
async def test_no_text_or_name_of_a_server_steers_the_terminal(tmp_path, face):
    events = await hostile_events(tmp_path)
    out, err = FakeFile(), FakeFile()
    if face == "tty":
        terminal = FakeTerminal()
        await shown(
            Tty(Manner(), out=Out(terminal), err=Out(err), measure=lambda: Size(80, 24), clock=lambda: 0.0), events
        )
        said = "".join(terminal.screen) + err.getvalue()
    else:
        made = {
            "basic": lambda: Basic(Manner(), out=Out(out), err=Out(err)),
            "quiet": lambda: Quiet(Manner(), err=Out(err)),
            "jsonl": lambda: JsonLines(out=Out(out)),
        }
        await shown(made[face](), events)
        said = out.getvalue() + err.getvalue()
    assert "gnp.exe" in said
    assert not STEERING & set(said), sorted(STEERING & set(said))


# ---- memory and time ------------------------------------------------------------------------------------------------

BOUNDED = """
    import resource, sys
    from postboat.imap.wire.framer import Framer
    from postboat.imap.wire.parser import parse
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head, piece = {head!r}, {piece!r}
    octets = bytearray(head)
    n = 1
    while len(octets) < {size}:
        octets += b"".join(piece % (n + 2 * i) for i in range(100_000)) if b"%" in piece else piece * 100_000
        n += 200_000
    del octets[{size}:]
    octets += b"\\r\\n"
    for frame in Framer().feed(bytes(octets)):
        said = parse(frame)
        getattr(said, "all", None)
    sys.stdout.write(f"{{(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024}} {{len(said.__repr__()) > 0}}")
"""
MIB = 1 << 20
LINES = {
    "a SEARCH of every other UID": (b"* SEARCH", b" %d", 15 * MIB, 270),
    "a SEARCH of one UID without end": (b"* SEARCH", b" 1", 15 * MIB, 125),
    "a VANISHED of every other UID": (b"* VANISHED 1", b",%d", 15 * MIB, 270),
    "an ESEARCH of every other UID": (b'* ESEARCH (TAG "a") UID ALL 1', b",%d", 15 * MIB, 270),
    "capabilities without end": (b"* CAPABILITY", b" A%d", 8 * MIB - 20, 150),
    "flags without end": (b"* 1 FETCH (FLAGS (a", b" k%d", 8 * MIB - 20, 450),
}


@pytest.mark.parametrize(("head", "piece", "size", "most"), LINES.values(), ids=list(LINES))
def test_what_a_line_costs_in_memory_is_bounded(head, piece, size, most):
    """MiB above what the octets take themselves, several times over while they are cut."""
    program = textwrap.dedent(BOUNDED).format(head=head, piece=piece, size=size)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert int(done.stdout.split()[0]) < most, done.stdout


UNITS = [b" ", b"a", b"(", b")", b'"', b"\\", b"[", b"]", b"{1}", b"1,", b"A 1 ", b"(A 1 ", b"(A (1) ", b" (CHILDINFO "]
UNITS += [
    b' ("OLDNAME" ',
    b"BODY[",
    b"UID 1 ",
    b'"a" ',
    b'\\"',
    b"A (",
    b"A () ",
    b"(A 1) ",
    b"&",
    b"&A-",
    b"()",
    b"[(",
]
HEADS = [b"* STATUS x", b'* STATUS "a" ', b'* LIST () "/" ', b'* LIST () "/" a', b"* LIST (", b"* 1 FETCH (", b"* OK ["]
HEADS += [
    b"* 1 FETCH (FLAGS (",
    b"* OK [X (",
    b"* FLAGS (",
    b"* SEARCH ",
    b"* ESEARCH ",
    b"* VANISHED ",
    b"* ID ",
    b"A1 OK [",
]
HEADS += [b"* NAMESPACE ", b"* CAPABILITY ", b"+ ", b"", b"* "]
PUMPED = """
    import time
    from postboat.imap.wire.framer import Framer, ProtocolViolation
    from postboat.imap.wire.parser import parse
    for head in {heads!r}:
        for unit in {units!r}:
            for tail in (b"", b"x"):
                began = time.process_time()
                try:
                    for frame in Framer().feed(head + unit * (40_000 // len(unit)) + tail + b"\\r\\n"):
                        parse(frame)
                except ProtocolViolation:
                    pass
                spent = time.process_time() - began
                assert spent < 1.5, (head, unit, tail, spent)
"""


def test_the_time_that_a_line_takes_follows_its_length():
    """Where it went by the square, 40 kB took more than ten seconds, and the eight MiB of a line many hours."""
    program = textwrap.dedent(PUMPED).format(heads=HEADS, units=UNITS)
    subprocess.run([sys.executable, "-c", program], timeout=100, check=True)


async def test_a_server_that_hangs_up_behind_every_answer_is_not_called_for_ever(tmp_path):
    server = peaceful(WAYS["plain"])
    async with besieged(tmp_path, server) as siege:
        await with_work(siege)
        calls = len(server._writers)
        server.lies[""] = behind(b"BYE that was it")
        assert (await siege.sync()).code in (3, 4)
        assert len(server._writers) - calls < 30
        await assert_recovers(siege)
