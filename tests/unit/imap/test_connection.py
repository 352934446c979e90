import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme
from tests.fakes.scripted_server import serve

from postboat.errors import CertificateRefused, CommandFailed, ConnectionLost, MessageError, ServerUnreachable
from postboat.imap.connection import Connection
from postboat.imap.protocol import Protocol
from postboat.imap.sasl import authenticate
from postboat.imap.wire import commands
from postboat.imap.wire.commands import Literal
from postboat.imap.wire.responses import Condition, Exists, Expunged, Fetched, Listed, Vanished
from postboat.imap.wire.uid_set import UidSet

PREAUTH = "S: * PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello\n"
PLAIN = "S: * PREAUTH [CAPABILITY IMAP4rev1] hello\n"
SELECT = "C: SELECT .*\nS: %t OK [READ-WRITE] selected\n"


@asynccontextmanager
async def connected(script, *, timeout=5.0, wire_log=None, context=None):
    """A connection to a server that plays `script`; at the end no task is left behind."""
    before = asyncio.all_tasks()
    async with serve(script, context=context) as server:
        connection = await Connection.start(server.open_transport, timeout=timeout, wire_log=wire_log)
        try:
            yield connection, server
        finally:
            await connection.close()
            assert not connection.alive
    assert asyncio.all_tasks() <= before


async def start(script, **options):
    async with serve(script) as server:
        connection = await Connection.start(server.open_transport, **{"timeout": 5.0, **options})
        await connection.close()
        return connection


# Greeting


async def test_the_greetings_capabilities_are_taken_in_capitals():
    connection = await start("S: * OK [CAPABILITY imap4rev1 Idle] Dovecot ready.")
    assert connection.capabilities == {"IMAP4REV1", "IDLE"}
    assert connection.capabilities_known
    assert connection.greeting.text == "Dovecot ready."
    assert not connection.preauthenticated


async def test_an_alert_before_the_greeting_is_not_the_greeting():
    connection = await start("S: * OK [ALERT] Filesystem notification initialization error\nS: * PREAUTH Ready.")
    assert connection.preauthenticated


async def test_an_alert_alone_is_a_greeting():
    connection = await start("S: * OK [ALERT] closed tonight")
    assert connection.greeting.status == "OK"


async def test_bye_as_greeting_is_told_in_the_servers_words():
    with pytest.raises(ServerUnreachable, match="too many of you"):
        await start("S: * BYE too many of you\nclose")


async def test_terminal_escapes_of_a_server_do_not_get_through():
    with pytest.raises(ServerUnreachable) as caught:
        await start("R: * BYE \\x1b]0;owned\\x07 bye\\r\\n")
    assert str(caught.value).isprintable()


async def test_a_server_that_hangs_up_instead_of_greeting_is_unreachable():
    with pytest.raises(ServerUnreachable):
        await start("close")


async def test_a_server_that_does_not_greet_is_unreachable():
    with pytest.raises(ServerUnreachable, match=r"0\.05 s"):
        await start("wait never", timeout=0.05)


async def test_what_follows_the_greeting_is_heard():
    heard = []
    async with connected(PREAUTH + "S: * OK [ALERT] closed tonight\nC: NOOP\nS: %t OK done") as (connection, _):
        await connection.run(commands.noop())
        connection.listen(heard.append)
    assert [response.text for response in heard] == ["closed tonight"]


# Commands and their answers


async def test_commands_are_pipelined_and_each_gets_its_own_outcome():
    script = PREAUTH + "C: SELECT .*\nC: NOOP\nC: UID FETCH .*\nS: %3 BAD no\nS: %1 OK one\nS: %2 NO two"
    async with connected(script) as (connection, _):
        futures = [
            connection.send(c) for c in (commands.select("a"), commands.noop(), commands.uid_fetch("1", "FLAGS"))
        ]
        assert [(await future).status for future in futures] == ["OK", "NO", "BAD"]
        assert not connection.busy


async def test_a_refusal_raises_with_its_code():
    async with connected(PREAUTH + "C: SELECT .*\nS: %t NO [NONEXISTENT] no such box") as (connection, _):
        with pytest.raises(CommandFailed, match="no such box") as caught:
            await connection.run(commands.select("x"))
        assert (caught.value.status, caught.value.code) == ("NO", "NONEXISTENT")
        assert connection.state == "AUTH"


async def test_untagged_data_goes_to_the_oldest_command_and_what_that_does_not_take_to_the_listener():
    pipelined = "C: NOOP\nC: NOOP\nC: NOOP\nS: * 3 EXISTS\nS: %2 OK\nS: * 2 EXPUNGE\nS: %3 OK\n"
    script = PREAUTH + SELECT + pipelined + "S: * 1 EXPUNGE\nS: %4 OK"
    first, second, rest = [], [], []
    async with connected(script) as (connection, _server):
        await connection.run(commands.select("a"))
        connection.listen(rest.append)
        connection.send(commands.noop(), on_untagged=first.append)
        connection.send(commands.noop(), on_untagged=second.append)
        await connection.run(commands.noop())
    assert (first, second) == ([Exists(3)], [Expunged(2)])
    assert rest == [Expunged(1)]


async def test_what_nobody_heard_is_kept_for_the_next_listener():
    heard = []
    async with connected(PREAUTH + SELECT + "C: NOOP\nS: * VANISHED 3:9\nS: %t OK done") as (connection, _):
        await connection.run(commands.select("a"))
        await connection.run(commands.noop())
        connection.listen(heard.append)
    assert heard == [Vanished(UidSet.of(range(3, 10)))]


async def test_capabilities_are_replaced_whenever_they_are_announced():
    script = (
        "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: LOGIN .*\nS: %t OK [CAPABILITY IMAP4rev1 MOVE] in\n"
        "C: CAPABILITY\nS: * CAPABILITY IMAP4rev1 IDLE\nS: %t OK done"
    )
    async with connected(script) as (connection, _):
        await connection.run(commands.login("me", "secret"))
        assert connection.capabilities == {"IMAP4REV1", "MOVE"}
        assert connection.capabilities_known
        await connection.run(commands.capability())
        assert connection.capabilities == {"IMAP4REV1", "IDLE"}


async def test_after_a_sign_in_without_announcement_capabilities_are_not_known():
    async with connected("S: * OK [CAPABILITY IMAP4rev1] hi\nC: LOGIN .*\nS: %t OK in") as (connection, _):
        await connection.run(commands.login("me", "secret"))
        assert not connection.capabilities_known
        assert connection.state == "AUTH"


async def test_a_command_illegal_in_its_state_is_not_sent():
    async with connected("S: * OK hi\nset ready") as (connection, server):
        with pytest.raises(CommandFailed, match="NONAUTH"):
            connection.send(commands.select("INBOX"))
        assert server.heard == []


async def test_a_command_may_rely_on_the_success_of_those_before_it():
    async with connected("S: * OK hi\nC: LOGIN .*\nC: SELECT .*\nC: UID FETCH .*\nS: %1 NO\nS: %2 BAD\nS: %3 BAD") as (
        c,
        _,
    ):
        wanted = commands.login("me", "secret"), commands.select("a"), commands.uid_fetch("1", "FLAGS")
        assert [(await future).status for future in [c.send(command) for command in wanted]] == ["NO", "BAD", "BAD"]
        assert c.state == "NONAUTH"
        with pytest.raises(CommandFailed, match="NONAUTH"):
            c.send(commands.select("a"))


async def test_names_with_spaces_and_quotes_arrive_quoted():
    async with connected(PREAUTH + "C: SELECT .*\nS: %t OK done") as (connection, server):
        await connection.run(commands.select('a "b" \\c'))
        assert server.heard[0].endswith(b'SELECT "a \\"b\\" \\\\c"')


# Literals on their way out


async def test_with_literal_plus_nothing_waits():
    script = PREAUTH + 'C: APPEND "a" \\(\\) {5\\+}\nL: 5\nC! \nC: NOOP\nS: %1 OK [APPENDUID 7 3] done\nS: %2 OK'
    async with connected(script) as (connection, server):
        outcome = connection.send(commands.append("a", (), None, Literal.of(b"hello")))
        await connection.run(commands.noop())
        assert (await outcome).code.appenduid == (7, (3,))
        assert b"hello" in server.heard


async def test_without_literal_plus_the_server_is_asked_and_later_commands_wait():
    script = (
        PLAIN + 'C: APPEND "a" \\(\\) .5.\nset asked\nwait go\nS: + go on\nL: 5\nC! \nC: NOOP\nS: %1 OK done\nS: %2 OK'
    )
    async with connected(script) as (connection, server):
        outcome = connection.send(commands.append("a", (), None, Literal.of(b"hello")))
        later = connection.send(commands.noop())
        await server.reached("asked")
        assert len(server.heard) == 1
        server.events["go"].set()
        await outcome
        await later


async def test_what_comes_while_a_literal_waits_is_acknowledged_at_once_and_nothing_else_is(monkeypatch):
    acknowledged = []
    monkeypatch.setattr(Protocol, "acknowledge", lambda _self: acknowledged.append(len(acknowledged)))
    script = (
        PLAIN + 'C: NOOP\nS: %t OK\nC: APPEND "a" .*\nS: * 1 EXISTS\nS: + go on\nL: 5\nC! \nS: %t OK\nC: NOOP\nS: %t OK'
    )
    async with connected(script) as (connection, _):
        await connection.run(commands.noop())
        assert not acknowledged
        await connection.send(commands.append("a", (), None, Literal.of(b"hello")))
        assert acknowledged
        acknowledged.clear()
        await connection.run(commands.noop())
        assert not acknowledged


async def test_acknowledging_at_once_is_what_the_socket_is_told():
    async with connected(PLAIN) as (connection, _):
        sock = connection._protocol.transport.get_extra_info("socket")
        quick = (socket.IPPROTO_TCP, socket.TCP_QUICKACK)
        sock.setsockopt(*quick, 0)
        connection._protocol.acknowledge()
        assert sock.getsockopt(*quick)


async def test_a_refusal_instead_of_consent_fails_only_that_command():
    script = PLAIN + "C: APPEND .*\nS: %t NO [OVERQUOTA] full\nC: NOOP\nS: %t OK"
    async with connected(script) as (connection, server):
        outcome = connection.send(commands.append("a", (), None, Literal.of(b"hello")))
        later = connection.send(commands.noop())
        assert (await outcome).code.name == "OVERQUOTA"
        assert (await later).status == "OK"
        assert not any(b"hello" in line for line in server.heard)


@pytest.mark.parametrize(("size", "announced"), [(4096, b"{4096+}"), (4097, b"{4097}")])
async def test_literal_minus_covers_4096_octets(size, announced):
    asks = "S: + go\n" if size > 4096 else ""
    script = f"{PLAIN.replace('rev1', 'rev1 LITERAL-')}C: APPEND .*\n{asks}L: {size}\nC! \nS: %t OK"
    async with connected(script) as (connection, server):
        await connection.run(commands.append("a", (), None, Literal.of(b"x" * size)))
        assert server.heard[0].endswith(announced)


async def test_a_large_literal_streams_while_the_server_talks():
    size = 8 << 20

    async def chunks():
        for _ in range(size // 65536):
            yield b"x" * 65536

    script = f"{PREAUTH}C: APPEND .*\nmany 20000: * %n RECENT\nL: {size}\nC! \nS: %t OK"
    heard = []
    async with connected(script) as (connection, _):
        await connection.run(commands.append("a", (), None, Literal(None, size, chunks)), on_untagged=heard.append)
    assert len(heard) == 20000


@pytest.mark.parametrize("given", [3, 9])
async def test_a_source_of_another_length_costs_the_connection_not_the_truth(given):
    async def chunks():
        yield b"x" * given

    async with connected(PREAUTH + "C: APPEND .*") as (connection, _):
        outcome = connection.send(commands.append("a", (), None, Literal(None, 5, chunks)))
        later = connection.send(commands.noop())
        with pytest.raises(MessageError, match="length"):
            await outcome
        with pytest.raises(ConnectionLost):
            await later


async def test_a_refusal_while_the_literal_goes_out_counts_when_it_is_out():
    async def chunks():
        yield b"he"
        await refused.wait()
        yield b"llo"

    refused = asyncio.Event()
    script = PREAUTH + "C: APPEND .*\nS: %t NO no\nS: * 1 EXISTS\nL: 5\nC! \nC: NOOP\nS: %t OK"
    async with connected(script) as (connection, server):
        connection.listen(lambda _: refused.set())
        outcome = connection.send(commands.append("a", (), None, Literal(None, 5, chunks)))
        await refused.wait()
        assert not outcome.done()
        assert (await outcome).status == "NO"
        await connection.run(commands.noop())
        assert b"hello" in server.heard


async def test_more_than_the_network_takes_is_not_piled_up():
    count, size = 400, 60_000
    script = PREAUTH + "C: APPEND .*\nwait go\n" + f"L: {size}\nC! \nS: %t OK\nC: APPEND .*\n" * count
    script = script.removesuffix("C: APPEND .*\n")
    async with connected(script) as (connection, server):
        literal = Literal.of(b"x" * size)
        outcomes = [connection.send(commands.append("a", (), None, literal)) for _ in range(count)]
        piled_up = connection._protocol.transport.get_write_buffer_size()
        server.events["go"].set()
        assert [(await outcome).status for outcome in outcomes] == ["OK"] * count
        assert piled_up < 1 << 20


async def test_a_cancelled_command_that_waits_its_turn_is_never_sent():
    script = PLAIN + "C: APPEND .*\nset asked\nwait go\nS: + go\nL: 5\nC! \nS: %1 OK\nC: NOOP\nS: %2 OK"
    async with connected(script) as (connection, server):
        first = connection.send(commands.append("a", (), None, Literal.of(b"hello")))
        unwanted = connection.send(commands.create("x"))
        last = connection.send(commands.noop())
        await server.reached("asked")
        unwanted.cancel()
        server.events["go"].set()
        await first
        await last
        assert not any(b"CREATE" in line for line in server.heard)


# Streaming in


def fetch_script(size, pieces):
    return f"{PREAUTH}{SELECT}C: UID FETCH .*\nR: * 1 FETCH (UID 7 FLAGS (\\\\Seen) BODY[] {{{size}}}\\r\\n\n{pieces}"


async def streamed(connection):
    await connection.run(commands.select("a"))
    async with connection.run_streaming(commands.uid_fetch("7", "UID FLAGS BODY.PEEK[]")) as stream:
        return stream, b"".join([chunk async for chunk in stream])


async def test_a_large_body_comes_in_pieces_with_what_is_known_of_it():
    size = 300_000
    piece = "R: " + "x" * (size // 3) + "\n"
    script = fetch_script(size, piece * 3 + "S: )\nS: %t OK done\nC: NOOP\nS: %t OK")
    async with connected(script) as (connection, _):
        stream, body = await streamed(connection)
        assert (stream.size, stream.head.uid, stream.head.flags) == (size, 7, {"\\Seen"})
        assert body == b"x" * size
        await connection.run(commands.noop())


async def test_a_small_body_comes_whole():
    async with connected(fetch_script(5, "R: hello)\\r\\n\nS: %t OK done")) as (connection, _):
        stream, body = await streamed(connection)
        assert (stream.size, body, stream.fetched.uid) == (5, b"hello", 7)


async def test_an_answer_without_a_body_has_no_size():
    async with connected(PREAUTH + SELECT + "C: UID FETCH .*\nS: %t OK nothing") as (connection, _):
        stream, body = await streamed(connection)
        assert (stream.size, body) == (None, b"")


async def test_a_body_that_is_not_read_is_thrown_away():
    size = 200_000
    script = fetch_script(size, "R: " + "x" * size + "\nS: )\nS: %t OK done\nC: NOOP\nS: %t OK")
    async with connected(script) as (connection, _):
        await connection.run(commands.select("a"))
        async with connection.run_streaming(commands.uid_fetch("7", "BODY.PEEK[]")) as stream:
            assert stream.size == size
        await connection.run(commands.noop())


async def test_a_slow_reader_holds_the_server_up():
    size = 40 << 20
    written = 0

    async def talk(reader, writer):
        nonlocal written
        writer.write(b"* PREAUTH hi\r\n")
        writer.write((await reader.readline()).split()[0] + b" OK selected\r\n")
        tag = (await reader.readline()).split()[0]
        writer.write(b"* 1 FETCH (UID 7 BODY[] {%d}\r\n" % size)
        for _ in range(size // 65536):
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536
        writer.write(b")\r\n" + tag + b" OK done\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def open_transport(factory):
        return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

    connection = await Connection.start(open_transport, timeout=0.5)
    await connection.run(commands.select("a"))
    async with connection.run_streaming(commands.uid_fetch("7", "BODY.PEEK[]")) as stream:
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.3)
        assert written < 20 << 20
        assert sum([len(chunk) async for chunk in stream]) == size
    await connection.close()
    server.close()


async def test_a_connection_lost_in_the_middle_of_a_body_is_told():
    async with connected(fetch_script(300_000, "R: " + "x" * 100_000 + "\nclose")) as (connection, _):
        with pytest.raises(ConnectionLost):
            await streamed(connection)


async def test_a_body_of_another_length_than_announced_is_never_complete():
    size = 100_000
    script = fetch_script(size, "R: " + "x" * (size + 9) + ")\\r\\n\nS: %t OK done")
    async with connected(script) as (connection, _):
        with pytest.raises(ConnectionLost, match="violation"):
            await streamed(connection)


async def test_a_reader_that_gives_up_costs_the_connection():
    async with connected(fetch_script(300_000, "R: " + "x" * 100_000)) as (connection, _):
        await connection.run(commands.select("a"))
        with pytest.raises(OSError, match="disk full"):
            async with connection.run_streaming(commands.uid_fetch("7", "BODY.PEEK[]")):
                raise OSError("disk full")
        assert not connection.alive


async def test_a_large_body_is_given_whole_when_nobody_streams():
    size = 3_000_000
    got = []
    script = fetch_script(size, "R: " + "x" * size + "\nS: )\nS: %t OK done")
    async with connected(script) as (connection, _):
        await connection.run(commands.select("a"))
        await connection.run(commands.uid_fetch("7", "BODY.PEEK[]"), on_untagged=got.append)
    assert got[0].body == b"x" * size


# Signing in


async def test_a_challenge_is_answered():
    script = "S: * OK hi\nC: AUTHENTICATE X\nS: + Y2hhbA==\nC! YW5zd2Vy\nS: %t OK in"
    asked = []
    async with connected(script) as (connection, _):
        await authenticate(connection, "X", lambda challenge: asked.append(challenge) or b"answer")
        assert connection.state == "AUTH"
    assert asked == [b"chal"]


async def test_an_initial_response_goes_out_at_once_where_the_server_takes_it():
    script = "S: * OK [CAPABILITY SASL-IR] hi\nC: AUTHENTICATE PLAIN AGEAYg==\nS: %t OK in"
    async with connected(script) as (connection, _):
        await authenticate(connection, "PLAIN", bytes, b"\0a\0b")


async def test_an_initial_response_waits_for_a_plus_without_a_space():
    script = "S: * OK hi\nC: AUTHENTICATE PLAIN\nS: +\nC! AGEAYg==\nS: %t OK in"
    async with connected(script) as (connection, _):
        await authenticate(connection, "PLAIN", bytes, b"\0a\0b")


async def test_an_exchange_without_an_answer_is_cancelled():
    def respond(challenge):
        raise ValueError("strange challenge")

    script = "S: * OK hi\nC: AUTHENTICATE X\nS: + Y2hhbA==\nC! \\*\nS: %t BAD cancelled\nC: NOOP\nS: %t OK"
    async with connected(script) as (connection, _):
        with pytest.raises(ValueError, match="strange"):
            await authenticate(connection, "X", respond)
        await connection.run(commands.noop())


async def test_a_refused_sign_in_leaves_the_state():
    async with connected("S: * OK hi\nC: AUTHENTICATE X\nS: %t NO wrong") as (connection, _):
        with pytest.raises(CommandFailed, match="wrong"):
            await authenticate(connection, "X", bytes)
        assert connection.state == "NONAUTH"


async def test_secrets_and_mail_are_not_in_the_wire_log():
    said = []
    script = (
        "S: * OK [CAPABILITY LITERAL+] hi\nC: LOGIN .*\nS: %t NO cannot LOGIN me opensesame\n"
        "C: AUTHENTICATE X\nS: + Y2hhbA==\nC! .*\nS: %t OK in\nC: APPEND .*\nL: 5\nC! \nS: %t OK"
    )
    async with connected(script, wire_log=lambda *line: said.append(line)) as (connection, _):
        with pytest.raises(CommandFailed):
            await connection.run(commands.login("me", "opensesame"))
        await authenticate(connection, "X", lambda _: b"opensesame")
        await connection.run(commands.append("a", (), None, Literal.of(b"hello")))
    text = "\n".join(line for _, line in said)
    assert "LOGIN ***" in text and "AUTHENTICATE X ***" in text
    assert '"a" () {5}' in text
    for secret in ("opensesame", "b3BlbnNlc2FtZQ==", "Y2hhbA==", "hello"):
        assert secret not in text


# TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def server_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def client_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


async def test_after_starttls_nothing_said_in_clear_counts(server_context, client_context):
    script = "S: * OK [CAPABILITY STARTTLS FORGED] hi\nC: STARTTLS\nS: %t OK go\ntls\nC: CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: %t OK"
    async with connected(script, context=server_context) as (connection, _):
        assert connection.certificate is None
        await connection.start_tls(client_context, "localhost")
        assert (connection.capabilities, connection.capabilities_known) == (frozenset(), False)
        assert connection.certificate
        await connection.run(commands.capability())
        assert connection.capabilities == {"IMAP4REV1"}


@pytest.mark.parametrize("forged", ["\\r\\n", "* PREAUTH [CAPABILITY X] hi\\r\\n", "a1 OK\\r\\n", "\\x00"])
async def test_octets_slipped_in_before_tls_are_refused(forged, client_context):
    async with connected(f"S: * OK hi\nC: STARTTLS\nR: %t OK go\\r\\n{forged}") as (connection, _):
        with pytest.raises(CertificateRefused, match="in clear"):
            await connection.start_tls(client_context, "localhost")
        assert not connection.alive


async def test_a_refused_starttls_is_no_reason_to_go_on_in_clear(client_context):
    async with connected("S: * OK hi\nC: STARTTLS\nS: %t NO later") as (connection, _):
        with pytest.raises(CertificateRefused, match="later"):
            await connection.start_tls(client_context, "localhost")


async def test_an_untrusted_certificate_ends_the_connection(server_context):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with serve("S: * OK hi\nC: STARTTLS\nS: %t OK go\ntls", context=server_context) as server:
        connection = await Connection.start(server.open_transport, timeout=5)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connection.start_tls(context, "localhost")
        assert not connection.alive
        await connection.close()
        server.failures.clear()


# Ends


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_lost_connection_fails_all_that_waits(end):
    async with connected(f"{PREAUTH}C: NOOP\nC: NOOP\n{end}") as (connection, _):
        futures = [connection.send(commands.noop()) for _ in range(2)]
        for future in futures:
            with pytest.raises(ConnectionLost):
                await future
        with pytest.raises(ConnectionLost):
            connection.send(commands.noop())


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConnectionResetError(), "the connection was lost: the connection was reset"),
        (None, "the server closed the connection"),
    ],
)
async def test_why_a_connection_was_lost_is_told_in_words(error, why):
    async with connected(f"{PREAUTH}C: NOOP\nclose") as (connection, _):
        connection._lost(error)
        with pytest.raises(ConnectionLost, match=f"^{why}$"):
            connection.send(commands.noop())


async def test_bye_fails_all_that_waits_with_the_servers_words():
    async with connected(PREAUTH + "C: NOOP\nS: * BYE Session invalidated - AccessTokenExpired") as (connection, _):
        with pytest.raises(ConnectionLost, match="AccessTokenExpired"):
            await connection.run(commands.noop())
        assert not connection.alive


async def test_a_refusal_behind_bye_in_one_read_still_counts():
    async with connected("S: * OK hi\nC: LOGIN .*\nR: * BYE bye\\r\\n%t NO wrong password\\r\\n") as (connection, _):
        with pytest.raises(CommandFailed, match="wrong password"):
            await connection.run(commands.login("me", "secret"))


@pytest.mark.parametrize("end", ["S: %t OK bye", "close"])
async def test_taking_leave_is_answered_by_bye(end):
    async with connected(f"{PREAUTH}C: LOGOUT\nS: * BYE see you\n{end}") as (connection, _):
        assert (await connection.run(commands.logout())).status == "OK"


async def test_silence_for_the_timeout_ends_the_connection():
    async with connected(PREAUTH + "C: NOOP\nwait never", timeout=0.1) as (connection, server):
        with pytest.raises(ConnectionLost, match=r"no answer for 0\.1 s"):
            await connection.run(commands.noop())
        server.events["never"].set()


async def test_any_octet_is_a_sign_of_life():
    script = PREAUTH + "C: NOOP\n" + "R: * 1 EX\npause\nR: ISTS\\r\\n\npause\n" * 20 + "S: %t OK"
    async with connected(script, timeout=0.2) as (connection, _):
        await connection.run(commands.noop())


async def test_an_idle_connection_does_not_time_out():
    async with connected(PREAUTH + "C: NOOP\nS: %t OK\nC: NOOP\nS: %t OK", timeout=0.05) as (connection, _):
        await connection.run(commands.noop())
        await asyncio.sleep(0.2)
        await connection.run(commands.noop())


async def test_an_answer_to_no_command_ends_the_connection():
    async with connected(PREAUTH + "C: NOOP\nS: ZZZZ9 OK forged") as (connection, _):
        with pytest.raises(ConnectionLost, match="not sent"):
            await connection.run(commands.noop())


async def test_a_command_cannot_be_granted_before_it_was_sent():
    async with connected(PLAIN + "C: APPEND .*\nS: %t OK done") as (connection, _):
        with pytest.raises(ConnectionLost, match="before it was sent"):
            await connection.run(commands.append("a", (), None, Literal.of(b"hello")))


async def test_a_plus_that_nobody_waits_for_is_ignored():
    async with connected(PREAUTH + "S: + go on\nC: NOOP\nS: + go on\nS: %t OK") as (connection, _):
        await connection.run(commands.noop())


async def test_a_listener_that_fails_ends_its_command_with_its_error():
    def fails(response):
        raise KeyError("mine")

    async with connected(PREAUTH + "C: NOOP\nS: * 1 EXISTS") as (connection, _):
        with pytest.raises(KeyError):
            await connection.run(commands.noop(), on_untagged=fails)
        assert not connection.alive


async def test_closing_twice_is_no_error():
    async with connected(PREAUTH) as (connection, _):
        await connection.close()
        connection.abort()
        assert connection.state == "LOGOUT"


async def test_closing_in_the_middle_of_a_literal_leaves_no_task():
    async def chunks():
        yield b"x"
        await asyncio.Event().wait()

    async with connected(PREAUTH + "C: APPEND .*\nset asked") as (connection, server):
        outcome = connection.send(commands.append("a", (), None, Literal(None, 5, chunks)))
        await server.reached("asked")
        await connection.close()
        with pytest.raises(ConnectionLost):
            await outcome


async def test_a_hundred_thousand_messages_in_one_answer_are_read():
    got = []
    script = PREAUTH + SELECT + "C: UID FETCH .*\nmany 100000: * %n FETCH (UID %n FLAGS (\\Seen))\nS: %t OK done"
    async with connected(script) as (connection, _):
        await connection.run(commands.select("a"))
        await connection.run(commands.uid_fetch("1:100000", "UID FLAGS"), on_untagged=got.append)
    assert [fetched.uid for fetched in got] == list(range(1, 100_001))


async def test_responses_of_all_kinds_are_told_apart():
    got = []
    script = (
        PREAUTH + 'C: LIST .*\nS: * LIST () "/" "a* b"\nS: * OK [ALERT] x\nS: * 5 FETCH (UID 9 FLAGS ())\nS: %t OK done'
    )
    async with connected(script) as (connection, _):
        await connection.run(commands.list_("", "*"), on_untagged=got.append)
    assert [type(response) for response in got] == [Listed, Condition, Fetched]
