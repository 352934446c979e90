"""DEFLATE under a connection: the conversation is the same, and a server that misuses it is given up."""

import asyncio
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.talking import talking

from postboat.errors import ConnectionLost
from postboat.imap import compression, session
from postboat.imap.compression import PIECE, Compression
from postboat.imap.streaming import ENOUGH
from postboat.imap.wire import commands
from postboat.imap.wire.uid_set import UidSet

OFFERED = "COMPRESS=DEFLATE"


class Deflated:
    """The server's side of a dialogue from the COMPRESS on that it grants."""

    def __init__(self, server):
        self.server = server
        self.out, self.into = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)
        self.heard = b""

    @classmethod
    async def granted(cls, server):
        await server.answer("COMPRESS DEFLATE", "OK from now on")
        return cls(server)

    def packed(self, *lines):
        data = b"".join(line if isinstance(line, bytes) else line.encode() + b"\r\n" for line in lines)
        return self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH)

    def say(self, *lines):
        self.server.writer.write(self.packed(*lines))

    async def hear(self):
        while b"\r\n" not in self.heard:
            data = await self.server.reader.read(65536)
            assert data, "the client hung up"
            self.heard += self.into.decompress(data)
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line.decode()

    async def answer(self, command, *lines):
        tag, _, heard = (await self.hear()).partition(" ")
        assert heard == command
        self.say(*lines[:-1], f"{tag} {lines[-1]}")


def fetched(uid, body):
    return (b"* 1 FETCH (UID %d BODY[] {%d}\r\n" % (uid, len(body)), body, b")\r\n")


# The octets


@given(st.binary(max_size=300_000), st.integers(1, 70_000))
def test_what_was_compressed_is_the_same_again_however_it_arrives(data, chunk):
    ours, theirs = Compression(), Compression()
    wire = ours.deflate(data) + ours.flush()
    found = b""
    for at in range(0, len(wire), chunk):
        theirs.take(wire[at : at + chunk])
        while theirs.is_behind:
            piece = theirs.inflate()
            assert len(piece) <= PIECE
            found += piece
    assert found == data


def test_nothing_is_left_behind_when_a_piece_ends_where_the_octets_end():
    for size in (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 258):
        ours, theirs = Compression(), Compression()
        theirs.take(ours.deflate(b"x" * size) + ours.flush())
        found = b""
        while theirs.is_behind:
            found += theirs.inflate()
        assert len(found) == size


# The conversation


async def test_both_sides_are_compressed_from_the_ok_on():
    async def talk(server):
        packed = await Deflated.granted(server)
        await packed.answer("NOOP", "* OK [ALERT] hello", "OK done")
        await packed.answer("NOOP", "NO not again")

    async with talking(talk, OFFERED) as session:
        assert await session.compress()
        assert (await session.ask(commands.noop())).status == "OK"
        assert (await session.ask(commands.noop())).text == "not again"


async def test_what_comes_in_one_packet_with_the_ok_is_compressed():
    async def talk(server):
        packed = Deflated(server)
        tag = await server.command("COMPRESS DEFLATE")
        server.writer.write(f"* OK still plain\r\n{tag} OK now\r\n".encode() + packed.packed("* OK [ALERT] packed"))
        await packed.answer("NOOP", "OK done")

    said = []
    async with talking(talk, OFFERED) as session:
        session._connection.listen(said.append)
        await session.ask(commands.compress(), said.append)
        await session.ask(commands.noop(), said.append)
    assert [response.text for response in said] == ["still plain", "packed"]


async def test_octets_that_come_one_by_one_are_understood():
    async def talk(server):
        tag = await server.command("COMPRESS DEFLATE")
        packed = Deflated(server)
        for octet in f"{tag} OK now\r\n".encode() + packed.packed("* OK one", "* OK two"):
            server.writer.write(bytes([octet]))
            await server.writer.drain()
            await asyncio.sleep(0)
        await packed.answer("NOOP", "OK done")

    said = []
    async with talking(talk, OFFERED) as session:
        await session.ask(commands.compress(), said.append)
        await session.ask(commands.noop(), said.append)
    assert [response.text for response in said] == ["one", "two"]


async def test_commands_of_one_flight_are_flushed_together():
    sizes = []

    async def talk(server):
        packed = await Deflated.granted(server)
        data = await server.reader.read(65536)
        sizes.append(data.count(b"\0\0\xff\xff"))
        lines = packed.into.decompress(data).splitlines()
        packed.say(*(line.split()[0].decode() + " OK done" for line in lines))
        sizes.append(len(lines))

    async with talking(talk, OFFERED) as session:
        await session.compress()
        assert len(await session.ask_all([commands.noop()] * 20)) == 20
    assert sizes == [1, 20]


async def test_compression_waits_for_what_is_in_flight_and_what_comes_later_waits_for_it():
    async def talk(server):
        noop = await server.command("NOOP")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.reader.readexactly(1)
        server.say(f"{noop} OK done")
        tag = await server.command("COMPRESS DEFLATE")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await server.reader.readexactly(1)
        server.say(f"{tag} OK now")
        await Deflated(server).answer("NOOP", "OK done")

    async with talking(talk, OFFERED) as session:
        first = session.ask(commands.noop())
        compressing = asyncio.create_task(session.compress())
        await asyncio.sleep(0)
        last = session.ask(commands.noop())
        assert (await first).status == (await last).status == "OK"
        assert compressing.result()


async def test_who_asked_for_compression_may_go_away_meanwhile():
    async def talk(server):
        tag = await server.command("COMPRESS DEFLATE")
        asked.set()
        await left.wait()
        server.say(f"{tag} OK now")
        await Deflated(server).answer("NOOP", "OK done")

    asked, left = asyncio.Event(), asyncio.Event()
    async with talking(talk, OFFERED) as session:
        compressing = asyncio.create_task(session.compress())
        await asked.wait()
        compressing.cancel()
        await asyncio.wait({compressing})
        left.set()
        await session.noop()


async def test_a_server_that_refuses_goes_on_in_plain_text():
    async def talk(server):
        await server.answer("COMPRESS DEFLATE", "NO [COMPRESSIONACTIVE] TLS does it")
        await server.answer("NOOP", "OK done")

    async with talking(talk, OFFERED) as session:
        assert not await session.compress()
        await session.noop()


async def test_a_server_that_does_not_offer_it_is_not_asked():
    async def talk(server):
        await server.answer("NOOP", "OK done")

    async with talking(talk) as session:
        assert not await session.compress()
        await session.noop()


async def test_the_wire_log_shows_what_was_meant():
    lines = []

    async def talk(server):
        packed = await Deflated.granted(server)
        await packed.answer("NOOP", "* OK [ALERT] hello", "OK done")

    async with talking(talk, OFFERED) as session:
        session._connection._log._tell = lambda way, line: lines.append(f"{way} {line.partition(' ')[2]}")
        await session.compress()
        await session.noop()
    assert lines == ["C COMPRESS DEFLATE", "S OK from now on", "C NOOP", "S OK [ALERT] hello", "S OK done"]


async def test_a_farewell_goes_out_whole():
    farewell = asyncio.get_running_loop().create_future()

    async def talk(server):
        packed = await Deflated.granted(server)
        farewell.set_result((await packed.hear()).partition(" ")[2])

    async with talking(talk, OFFERED) as session:
        await session.compress()
        await session.logout()
        assert await farewell == "LOGOUT"


async def test_a_silent_server_is_noticed():
    async def talk(server):
        packed = await Deflated.granted(server)
        await packed.hear()
        server.writer.write(packed.packed("* OK the rest will never come")[:-6])

    async with talking(talk, OFFERED) as session:
        await session.compress()
        session._connection._watchdog.timeout = 0.05
        session._connection._watchdog.rest()
        with pytest.raises(ConnectionLost, match="no answer"):
            await session.noop()


# Messages


async def selected(server, packed):
    tag = (await packed.hear()).split()[0]
    packed.say("* 1 EXISTS", "* OK [UIDVALIDITY 7] valid", f"{tag} OK [READ-WRITE] done")


async def test_a_message_comes_whole():
    body = random.Random(1).randbytes(300_000) + b"* 1 FETCH )\r\n" * 1000

    async def talk(server):
        packed = await Deflated.granted(server)
        await selected(server, packed)
        tag = (await packed.hear()).split()[0]
        packed.say(*fetched(5, body), f"{tag} OK done")

    found = []
    async with talking(talk, OFFERED) as session:
        await session.compress()
        await session.select("A")
        await session.fetch(UidSet.of((5,)), "UID BODY.PEEK[]", found.append)
    assert [message.body for message in found] == [body]


@pytest.mark.parametrize("body", [b"0" * (40 << 20), random.Random(2).randbytes(6 << 20)], ids=["tight", "loose"])
async def test_a_large_message_is_inflated_no_faster_than_it_is_read(body):
    async def talk(server):
        packed = await Deflated.granted(server)
        await selected(server, packed)
        tag = (await packed.hear()).split()[0]
        packed.say(*fetched(5, body), f"{tag} OK done")
        await server.writer.drain()

    async with talking(talk, OFFERED) as session:
        await session.compress()
        await session.select("A")
        held, found, most = session._connection._carrier, bytearray(), 0
        async with session.stream(5) as (size, parts):
            assert size == len(body)
            while not held.held_up:
                await asyncio.sleep(0)
            async for part in parts:
                most = max(most, parts._waiting)
                found += part
        assert found == body
        assert most <= ENOUGH + 2 * PIECE
        assert not session.busy


async def test_a_large_message_that_is_left_unread_does_not_stop_the_conversation():
    async def talk(server):
        packed = await Deflated.granted(server)
        await selected(server, packed)
        tag = (await packed.hear()).split()[0]
        packed.say(*fetched(5, b"0" * (20 << 20)), f"{tag} OK done")
        await packed.answer("NOOP", "OK done")

    async with talking(talk, OFFERED) as session:
        await session.compress()
        await session.select("A")
        async with session.stream(5) as (_, parts):
            await anext(parts)
        await session.noop()


async def test_a_message_goes_out_whole():
    body = random.Random(3).randbytes(1 << 20)
    taken = []

    async def talk(server):
        packed = await Deflated.granted(server)
        line = await packed.hear()
        assert line.endswith(f"{{{len(body)}+}}")
        while len(packed.heard) < len(body) + 2:
            packed.heard += packed.into.decompress(await server.reader.read(65536))
        taken.append(packed.heard[:-2])
        packed.say(f"{line.split()[0]} OK done")

    async def chunks():
        for at in range(0, len(body), 10_000):
            yield body[at : at + 10_000]

    async with talking(talk, OFFERED, "LITERAL+") as session:
        await session.compress()
        command = commands.append("A", (), None, commands.Literal(None, len(body), chunks))
        assert (await session.ask(command)).status == "OK"
    assert taken == [body]


# Servers that misuse it


async def given_up(send, match):
    """Grant compression, then let `send` say what is wrong with it."""

    async def talk(server):
        packed = await Deflated.granted(server)
        await packed.hear()
        send(server.writer, packed)

    async with talking(talk, OFFERED) as session:
        await session.compress()
        session._connection._watchdog.timeout = 0.5
        with pytest.raises(ConnectionLost, match=match):
            await session.noop()
        assert not session.alive


async def test_garbage_is_no_answer():
    await given_up(lambda writer, _: writer.write(b"\xff" * 100), "not compressed as agreed")


@pytest.mark.parametrize("text", [b"* OK [ALERT] still here\r\na1 OK done\r\n", b"* 1 EXISTS\r\n", b"+ go on\r\n"])
async def test_plain_text_behind_the_ok_is_no_answer(text):
    await given_up(lambda writer, _: writer.write(text), ".")


async def test_data_that_ends_is_no_answer():
    def send(writer, packed):
        writer.write(packed.out.compress(b"* OK bye\r\n") + packed.out.flush(zlib.Z_FINISH) + b"* OK more\r\n")

    await given_up(send, "ends its compressed data")


async def test_a_connection_that_ends_in_the_middle_is_lost():
    def send(writer, packed):
        writer.write(packed.packed("* OK [ALERT] hello", "x OK done")[:-8])
        writer.close()

    await given_up(send, "closed the connection")


async def test_a_line_without_an_end_is_given_up_though_it_is_short_on_the_wire():
    def send(writer, packed):
        writer.write(packed.packed(b"* OK " + b"x" * (20 << 20)))

    await given_up(send, "line of more than")


async def test_what_inflates_too_much_is_given_up(monkeypatch):
    monkeypatch.setattr(compression, "FREELY", 1 << 20)

    def send(writer, packed):
        writer.write(packed.packed(b"* OK 0123456789012345678901234567890123456789\r\n" * 100_000))

    await given_up(send, "inflates too much")


# Where it pays


@pytest.mark.parametrize(("octets", "asks"), [(session.PAYS_FROM, True), (session.PAYS_FROM - 1, False)])
async def test_compression_is_asked_for_when_much_is_to_be_carried_far(monkeypatch, octets, asks):
    async def talk(server):
        if asks:
            await (await Deflated.granted(server)).answer("NOOP", "OK done")
        else:
            await server.answer("NOOP", "OK done")

    async with talking(talk, OFFERED) as session:
        monkeypatch.setattr(type(session._connection), "is_compressible", True)
        await session.compress_if_it_pays(octets)
        await session.compress_if_it_pays(octets)
        await session.noop()


async def test_nothing_is_compressed_on_the_way_to_this_machine():
    async def talk(server):
        await server.answer("NOOP", "OK done")

    async with talking(talk, OFFERED) as session:
        assert not session._connection.is_compressible
        await session.compress_if_it_pays(1 << 30)
        await session.noop()


async def test_nothing_is_compressed_twice():
    async def talk(server):
        await (await Deflated.granted(server)).answer("NOOP", "OK done")

    async with talking(talk, OFFERED) as session:
        await session.compress()
        assert session._connection._carrier.is_compressed
        assert not session._connection.is_compressible
        await session.noop()
