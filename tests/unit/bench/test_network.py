"""The relay of the benchmark: nothing is lost or reordered, and it delays as long as it says."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import asynccontextmanager

import pytest
from tests.bench.network import Network
from tests.servers.process import HOST

LARGE = bytes(range(256)) * 65_536


@asynccontextmanager
async def connected(network: Network):
    """A connection through the network, greeted."""
    reader, writer = await asyncio.open_connection(network.host, network.port)
    assert await reader.readline() == b"hello\n"
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, answer each line with as many octets as it asks for, and hang up at `quit`."""
    writer.write(b"hello\n")
    while (line := await reader.readline()) not in (b"", b"quit\n"):
        writer.write(LARGE[: int(line)])
    writer.close()
    await writer.wait_closed()


@pytest.fixture
async def server():
    async with await asyncio.start_server(serve, HOST, 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def test_large_answers_arrive_whole_and_are_counted(server):
    with Network(HOST, server, delay=0.0) as network:
        async with connected(network) as (reader, writer):
            writer.write(b"%d\n" % len(LARGE))
            got = await reader.readexactly(len(LARGE))
        carried = await asyncio.to_thread(network.traffic)
    assert hashlib.sha256(got).digest() == hashlib.sha256(LARGE).digest()
    assert (carried.connections, carried.trips) == (1, 1)
    assert (carried.up, carried.down) == (len(b"%d\n" % len(LARGE)), len(LARGE) + len(b"hello\n"))


async def test_each_round_trip_takes_twice_the_delay(server):
    with Network(HOST, server, delay=0.02) as network:
        async with connected(network) as (reader, writer):
            begun = time.monotonic()
            for _ in range(3):
                writer.write(b"1\n")
                await reader.readexactly(1)
            took = time.monotonic() - begun
        carried = await asyncio.to_thread(network.traffic)
    assert took >= 3 * 0.04 - 0.005
    assert carried.trips == 3


async def test_what_was_told_once_is_not_told_again(server):
    with Network(HOST, server, delay=0.0) as network:
        for _ in range(2):
            async with connected(network):
                pass
            assert (await asyncio.to_thread(network.traffic)).connections == 1
        assert (await asyncio.to_thread(network.traffic)).connections == 0


async def test_the_end_of_a_connection_arrives_behind_its_octets(server):
    with Network(HOST, server, delay=0.02) as network:
        async with connected(network) as (reader, writer):
            writer.write(b"100000\nquit\n")
            assert len(await reader.read(-1)) == 100_000
