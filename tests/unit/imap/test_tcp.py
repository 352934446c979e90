import asyncio
import errno
import gc
import socket
import ssl
import subprocess
import sys

import pytest

from postboat.imap import tcp


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        (("127.0.0.1", 1), True),
        (("127.9.9.9", 1), True),
        (("::1", 1, 0, 0), True),
        (("::ffff:127.0.0.1", 1, 0, 0), True),
        (("192.0.2.1", 1), False),
        (("fe80::1%eth0", 1, 0, 2), False),
        ("", False),
    ],
)
def test_loopback_is_told_by_the_address(address, loopback):
    assert tcp.is_loopback(address) is loopback


def test_address_families_take_turns_in_the_resolvers_order():
    six, four = socket.AF_INET6, socket.AF_INET
    found = [(six, "a"), (six, "b"), (six, "c"), (four, "d")]
    assert tcp.interleaved(found) == [(six, "a"), (four, "d"), (six, "b"), (six, "c")]
    assert tcp.interleaved([]) == []


@pytest.fixture
async def listening():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


def resolving_to(monkeypatch, *addresses):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


async def test_an_address_that_refuses_makes_room_for_the_next_at_once(listening, monkeypatch):
    monkeypatch.setattr(tcp, "STAGGER", 60)
    resolving_to(monkeypatch, ("127.0.0.1", 1), listening)
    async with asyncio.timeout(5):
        sock = await tcp.reach("host", 0)
    assert sock.getpeername() == listening
    sock.close()


async def test_an_address_that_does_not_answer_does_not_hold_up_the_next(listening, monkeypatch):
    monkeypatch.setattr(tcp, "STAGGER", 0.01)
    resolving_to(monkeypatch, ("silent", 1), listening)
    connect, called_off = asyncio.get_running_loop().sock_connect, asyncio.Event()

    async def sock_connect(sock, address):
        if address[0] != "silent":
            return await connect(sock, address)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            called_off.set()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    sock = await tcp.reach("host", 0)
    assert sock.getpeername() == listening
    assert called_off.is_set()
    sock.close()


async def test_when_no_address_answers_the_reason_is_told(monkeypatch):
    resolving_to(monkeypatch, ("127.0.0.1", 1), ("127.0.0.1", 2))
    with pytest.raises(ConnectionRefusedError):
        await tcp.reach("host", 0)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 70 + ".example", "a..b"])
async def test_an_unknown_or_impossible_name_is_a_resolvers_error(name):
    with pytest.raises(socket.gaierror):
        await tcp.reach(name, 1)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNRESET, "whatever"), "connection reset by peer"),
        (ConnectionResetError(), "the connection was reset"),
        (ConnectionAbortedError(), "the connection was aborted"),
        (ConnectionAbortedError("SSL handshake is taking too long"), "SSL handshake is taking too long"),
        (BrokenPipeError(), "the other side closed the connection"),
        (TimeoutError(), "no answer in time"),
        (OSError(), "the line failed"),
        (ssl.SSLError(1, "wrong version number"), "TLS failed (wrong version number)"),
    ],
)
def test_what_went_wrong_is_told_in_words_whatever_the_error_says_of_itself(error, words):
    assert tcp.in_words(error) == words


async def test_giving_up_ends_all_attempts(monkeypatch):
    monkeypatch.setattr(tcp, "STAGGER", 0.01)
    resolving_to(monkeypatch, ("silent", 1), ("silent", 2))
    begun, ended = asyncio.Event(), []

    async def sock_connect(sock, address):
        try:
            if address[1] == 2:
                begun.set()
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(address)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    task = asyncio.create_task(tcp.reach("host", 0))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(ended) == 2


async def test_the_kernel_is_told_to_notice_a_silent_peer_that_is_gone(listening):
    sock = await tcp.reach(*listening)
    with sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        found = {name: sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name, _ in tcp._SIGNS_OF_LIFE}
    assert found == {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 30_000}


async def test_a_platform_that_cannot_be_told_is_not(listening, monkeypatch):
    for name, _ in tcp._SIGNS_OF_LIFE:
        monkeypatch.delattr(socket, name)
    (await tcp.reach(*listening)).close()


@pytest.mark.parametrize("turns", range(8))
async def test_two_cancellations_in_a_row_leave_no_socket_open(listening, turns):
    task = asyncio.create_task(tcp.reach(*listening))
    for _ in range(turns):
        await asyncio.sleep(0)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    if not task.cancelled():
        task.result().close()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()  # warnings are errors: a socket that is open raises ResourceWarning


SLOW = """
import asyncio, socket, threading
from postboat.imap import tcp

asked = threading.Event()

def getaddrinfo(*_, **__):
    asked.set()
    threading.Event().wait()

async def ask():
    asking = asyncio.ensure_future(tcp.reach("host", 0))
    while not asked.is_set():
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait([asking])

socket.getaddrinfo = getaddrinfo
with asyncio.Runner(loop_factory=LOOP) as runner:
    runner.run(ask())
"""


@pytest.mark.parametrize("loop", ["asyncio.new_event_loop", "__import__('uvloop').new_event_loop"])
def test_a_resolver_that_never_answers_does_not_keep_the_program_from_its_end(loop):
    subprocess.run([sys.executable, "-c", SLOW.replace("LOOP", loop)], check=True, timeout=10)
