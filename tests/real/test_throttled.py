"""A real server behind one who refuses commands for their pace: the sync takes a little longer, and nothing else."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.real.voyage import Voyage, message

from postboat.events import AccountFailed, FolderFailed, Warned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.servers.dovecot import DovecotServer
    from tests.servers.process import Account

pytestmark = pytest.mark.real

LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")
BRIEFLY = b"NO Request is throttled. Suggested Backoff Time: 30 milliseconds"
FOR_LONG = b"NO Request is throttled. Suggested Backoff Time: 299961 milliseconds"
WORK = (b"SELECT", b"UID FETCH", b"UID SEARCH", b"UID STORE", b"UID EXPUNGE", b"APPEND", b"LIST", b"NOOP")


class Gatekeeper:
    """Passes everything on, but commands for which `rule` has an answer: those the server never sees."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.rule: Callable[[bytes], bytes | None] = lambda command: None
        self.refused: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        from_server, to_server = await asyncio.open_connection(self._account.host, self._account.port)
        down = asyncio.create_task(self._down(from_server, writer))
        try:
            while command := await self._command(reader):
                tag, _, words = command.partition(b" ")
                answer = self.rule(words)
                if answer is None:
                    to_server.write(command)
                else:
                    self.refused.append(words)
                    writer.write(answer if answer.startswith(b"*") else tag + b" " + answer + b"\r\n")
                    if answer.startswith(b"* BYE"):
                        break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            to_server.close()
            await down
            writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except ConnectionError:
            pass

    async def _command(self, reader: asyncio.StreamReader) -> bytes:
        """One command with its literals, which go out unasked."""
        command = await reader.readline()
        while literal := LITERAL.search(command):
            command += await reader.readexactly(int(literal[1])) + await reader.readline()
        return command


@asynccontextmanager
async def keeping(account: Account) -> AsyncIterator[Gatekeeper]:
    keeper = Gatekeeper(account)
    server = await asyncio.start_server(keeper.accept, "127.0.0.1", 0, limit=1 << 24)
    keeper.port = server.sockets[0].getsockname()[1]
    async with server:
        yield keeper


def voyage(tmp_path: Path, dovecot: DovecotServer, keeper: Gatekeeper, account: Account) -> Voyage:
    made = Voyage(tmp_path, account)
    made.vary(remoteport=keeper.port, maxconnections=3)
    return made


def sometimes(seed: int, share: float) -> Callable[[bytes], bytes | None]:
    chance = random.Random(seed)
    return lambda words: BRIEFLY if words.startswith(WORK) and chance.random() < share else None


def stir(account: Voyage, number: int) -> None:
    """Something of everything happens on both sides, in two folders."""
    account.deliver(*(message(100 * number + n) for n in range(5)), folder="A")
    account.deliver(message(100 * number + 50, size=1_500_000))
    for n in range(5):
        account.drop(message(1000 * number + n), f"new.{number}.{n}", folder="A")
    with account.phone("A") as phone:
        phone.uid("STORE", "1:2", "+FLAGS", "(\\Flagged)")
        phone.uid("STORE", "3", "+FLAGS", "(\\Deleted)")
        phone.expunge()
    for file in account.files("A")[-3:-1]:
        file.rename(file.with_name(f"{file.name.partition(':')[0]}:2,RS"))
    account.files("A")[-1].unlink()


@pytest.mark.parametrize("seed", range(6))
async def test_a_sync_that_is_refused_now_and_then_ends_as_any_other(
    tmp_path: Path, dovecot: DovecotServer, seed: int
) -> None:
    account = dovecot.account()
    async with keeping(account) as keeper:
        boat = voyage(tmp_path, dovecot, keeper, account)
        boat.create("A")
        boat.deliver(*map(message, range(20)), folder="A")
        keeper.rule = sometimes(seed, 0.3)
        (await boat.sync()).assert_clean()
        for number in (1, 2):
            stir(boat, number)
            sailed = await boat.sync()
            sailed.assert_clean()
            boat.assert_same("A", "INBOX")
            assert {event.text for event in sailed.of(Warned)} <= {"the server asks to wait 1 s"}
    assert keeper.refused


async def test_a_server_that_wants_to_be_left_alone_ends_the_account_and_the_next_run_goes_on(
    tmp_path: Path, dovecot: DovecotServer
) -> None:
    account = dovecot.account()
    async with keeping(account) as keeper:
        boat = voyage(tmp_path, dovecot, keeper, account)
        boat.create("A", "B")
        boat.deliver(*map(message, range(20)), folder="A")
        (await boat.sync()).assert_clean()
        stir(boat, 1)
        keeper.rule = lambda words: FOR_LONG if words.startswith(b"UID FETCH") else None
        began = asyncio.get_running_loop().time()
        sailed = await boat.sync()
        assert asyncio.get_running_loop().time() - began < 10
        assert sailed.code == 3
        assert [event.reason.rpartition("try again")[2].partition(":")[0] for event in sailed.of(AccountFailed)] == [
            " in 5 min"
        ]
        keeper.rule = lambda words: None
        (await boat.sync()).assert_clean()
        boat.assert_same("A", "INBOX")


async def test_a_connection_that_is_one_too_many_is_done_without(
    tmp_path: Path, dovecot: DovecotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postboat.imap.patience.GUESS", 0.05)
    account = dovecot.account()
    async with keeping(account) as keeper:
        boat = voyage(tmp_path, dovecot, keeper, account)
        folders = [f"F{n}" for n in range(8)]
        boat.create(*folders)
        for folder in folders:
            boat.deliver(*map(message, range(3)), message(99, size=1_200_000), folder=folder)
        busy = iter(range(1000))

        def rule(words: bytes) -> bytes | None:
            if words.startswith(b"SELECT") and keeper.connections > 1 and next(busy) == 0:
                return b"NO [ALERT] Too many simultaneous connections. (Failure)"
            return None

        keeper.rule = rule
        sailed = await boat.sync()
        assert not sailed.of(FolderFailed)
        sailed.assert_clean()
        assert keeper.refused
        boat.assert_same(*folders)
