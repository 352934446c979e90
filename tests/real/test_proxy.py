"""The relay in front of servers counts truly and breaks connections the way it says."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LINE = b"0123456789\n"


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """Return the port of a server that sends back what it gets."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def talk(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    writer.write(LINE)
    assert await reader.readline() == LINE
    return reader, writer


async def test_connections_and_bytes_are_counted(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        _, first = await talk(proxy)
        reader, second = await talk(proxy)
        assert (proxy.now, proxy.most, proxy.total) == (2, 2, 2)
        assert (proxy.bytes_up, proxy.bytes_down) == (2 * len(LINE), 2 * len(LINE))
        second.write_eof()
        assert await reader.read() == b""
        while proxy.now == 2:
            await asyncio.sleep(0)
        _, third = await talk(proxy)
        assert (proxy.now, proxy.most, proxy.total) == (2, 2, 3)
        for writer in (first, second, third):
            writer.close()


async def test_a_cut_resets_every_connection_and_leaves_the_relay_open(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        connections = [await talk(proxy) for _ in range(3)]
        proxy.cut()
        for reader, _ in connections:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        _, writer = await talk(proxy)
        assert (proxy.now, proxy.total) == (1, 4)
        writer.close()


@pytest.mark.parametrize("limit", [0, 1, 15, len(LINE)])
async def test_exactly_the_bytes_allowed_arrive_before_the_end(echo: int, limit: int) -> None:
    async with Proxy("127.0.0.1", echo, cut_after_down=limit) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(2 * LINE)
        assert await reader.read() == (2 * LINE)[:limit]
        writer.close()


async def test_exactly_the_bytes_allowed_reach_the_server() -> None:
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server, Proxy("127.0.0.1", server.sockets[0].getsockname()[1], cut_after_up=7) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        writer.write(LINE)
        assert await arrived == LINE[:7]
        assert await reader.read() == b""
        writer.close()


async def test_a_stalled_line_delivers_after_it_resumes(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        reader, writer = await talk(proxy)
        proxy.stall()
        writer.write(LINE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.readline()
        proxy.resume()
        assert await reader.readline() == LINE
        writer.close()


async def test_a_stalled_line_can_be_cut(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        reader, _ = await talk(proxy)
        proxy.stall()
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert proxy.now == 0


async def test_a_delay_counts_each_way_and_does_not_slow_the_stream(echo: int) -> None:
    async with Proxy("127.0.0.1", echo, delay=0.05) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        begun = time.monotonic()
        for _ in range(10):
            writer.write(LINE)
            await asyncio.sleep(0)
        await reader.readexactly(10 * len(LINE))
        assert 0.1 <= time.monotonic() - begun < 0.4  # two ways, not twenty
        writer.close()


async def test_a_refused_connection_closes_at_once(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        proxy.refuse = True
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        assert await reader.read() == b""
        writer.close()


async def test_a_server_that_is_down_closes_the_connection() -> None:
    async with Proxy("127.0.0.1", 1) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        assert await reader.read() == b""
        writer.close()


async def test_an_abandoned_connection_stays_silent_while_new_ones_work(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        reader, old = await talk(proxy)
        proxy.abandon()
        old.write(LINE)
        _, new = await talk(proxy)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.1)
        proxy.bury()
        assert await reader.read() == b""
        assert proxy.now == 1
        for writer in (old, new):
            writer.close()


async def test_a_shut_proxy_refuses_calls_until_it_is_opened_again(echo: int) -> None:
    async with Proxy("127.0.0.1", echo) as proxy:
        _, old = await talk(proxy)
        proxy.shut()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(proxy.host, proxy.port)
        await proxy.open()
        _, new = await talk(proxy)
        for writer in (old, new):
            writer.close()
