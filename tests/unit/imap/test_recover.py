"""What a broken connection had sent may arrive after the next one looks."""

from __future__ import annotations

import pytest
from tests.fakes.lying_server import LyingServer

from postboat.imap import recover
from postboat.imap.recover import find_stored, token_for
from postboat.model import NO_FLAGS, Content

DATE = 1_577_836_800.0  # what the server gives by itself
ONE = b"Subject: one\r\n\r\nbody of one\r\n"
TWO = b"Subject: two\r\n\r\nbody of two, longer\r\n"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "PATIENCE", 0.0)


async def found(server: LyingServer, *wires: bytes) -> dict[str, int]:
    tokens = {
        str(number): await token_for(Content(str(number), NO_FLAGS, DATE, len(wire), wire), "7", 1)
        for number, wire in enumerate(wires)
    }
    async with server.pool(1) as pool, pool.session() as session:
        await session.select("INBOX")
        return await find_stored(session, tokens, ())


async def test_what_is_there_is_found_at_once() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    assert await found(server, ONE) == {"0": 1}
    assert not server.commands("NOOP")


async def test_what_arrives_after_the_first_look_is_found() -> None:
    server = LyingServer()
    late = [ONE, TWO]

    def noop(answer, command):
        if late:
            server.inbox.put(late.pop(0))
        return answer

    server.lies["NOOP"] = noop
    server.inbox.put(b"Subject: another\r\n\r\n")
    assert await found(server, ONE, TWO) == {"0": 2, "1": 3}


async def test_what_never_arrives_is_given_up_after_a_look_that_shows_nothing_new() -> None:
    server = LyingServer()
    server.inbox.put(TWO)
    assert await found(server, ONE, TWO) == {"1": 1}
    assert len(server.commands("NOOP")) == 1


async def test_mail_that_never_stops_arriving_does_not_keep_us() -> None:
    server = LyingServer()

    def noop(answer, command):
        server.inbox.put(TWO)
        return answer

    server.lies["NOOP"] = noop
    assert await found(server, ONE) == {}
    assert len(server.commands("NOOP")) == 4
