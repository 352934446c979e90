"""Messages that cannot be copied, on a real server: told, put aside, not sent again before their time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from tests.fakes.lying_server import Answer, LyingServer
from tests.real.program import OBEDIENT, run_program
from tests.real.voyage import Voyage, digests, message
from tests.servers.dovecot import DovecotServer
from tests.servers.process import Account
from tests.servers.recorder import Recorder

from postboat.events import AccountFinished, MessageFailed, MessagesAside
from postboat.service import changed_folders
from postboat.service.run_options import RunOptions
from postboat.sync.aside import WAITS
from postboat.sync.folder_pair import FolderPair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.real

QUOTA = """
protocol imap {
  mail_plugins = $mail_plugins quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=100K
}
"""
RETRY = RunOptions(retry=True)


class Clock:
    """The clock of all folders, put forward by hand."""

    def __init__(self) -> None:
        self.now = 2_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    ticking = Clock()
    monkeypatch.setattr(changed_folders, "FolderPair", lambda **parts: FolderPair(**{**parts, "clock": ticking}))
    return ticking


@pytest.fixture
def small() -> Iterator[DovecotServer]:
    """A server on which a user has room for 100 kB."""
    with DovecotServer(extra=QUOTA) as server:
        yield server


@pytest.fixture
async def wire(small) -> AsyncIterator[Recorder]:
    async with Recorder(small.host, small.port) as recorder:
        yield recorder


def give_room(server: DovecotServer) -> None:
    text = server._configuration.read_text()
    assert "storage=100K" in text
    server._configuration.write_text(text.replace("storage=100K", "storage=10M"))
    server.restart()


async def test_a_message_over_quota_is_sent_once_and_again_when_it_is_time(small, wire, clock, tmp_path):
    voyage = Voyage(tmp_path, small.account(), remotehost=wire.host, remoteport=wire.port)

    def offered() -> int:
        return sum("<3@example.org>" in command for command in wire.commands_sent("APPEND"))

    voyage.deliver(message(1))
    await voyage.sync()
    voyage.drop(message(2), "small.1")
    voyage.drop(message(3, size=200_000), "large.1")
    full = await voyage.sync()
    (failure,) = full.of(MessageFailed)
    assert full.code == 3 and full.done.failed == 1 and "quota" in failure.reason.lower()
    assert offered()
    assert voyage.on_server().keys() == digests([message(1), message(2)])

    at_first = offered()
    voyage.drop(message(4), "small.2")
    voyage.deliver(message(5))
    voyage.file_of(message(1)).unlink()
    again = await voyage.sync()
    (aside,) = again.of(MessagesAside)
    assert again.code == 3 and not again.of(MessageFailed)
    assert (aside.folder, aside.count, aside.due) == ("INBOX", 1, clock.now + WAITS[0])
    assert "quota" in aside.reason.lower()
    assert [finished.aside for finished in again.of(AccountFinished)] == [1]
    assert offered() == at_first
    assert voyage.on_server().keys() == digests([message(2), message(4), message(5)])

    before = len(wire.commands_sent("APPEND", "STORE", "EXPUNGE", "MOVE"))
    for _ in range(2):
        still = await voyage.sync()
        assert (still.code, still.done.changes, still.done.aside) == (3, 0, 1)
    assert len(wire.commands_sent("APPEND", "STORE", "EXPUNGE", "MOVE")) == before

    clock.now += WAITS[0]
    assert (await voyage.sync()).done.failed == 1, "it is offered again and refused again"
    assert (await voyage.sync(RETRY)).done.failed == 1, "and at the user's word"
    assert offered() == at_first + 2
    give_room(small)
    assert (await voyage.sync()).done.aside == 1, "nobody told that there is room"
    clock.now += WAITS[2]
    done = await voyage.sync()
    done.assert_clean()
    assert done.done.up == 1
    voyage.assert_same()
    last = await voyage.sync()
    assert (last.code, last.done.changes) == (0, 0)


async def test_a_message_over_quota_is_sent_at_the_users_word_once_there_is_room(small, tmp_path):
    voyage = Voyage(tmp_path, small.account())
    voyage.drop(message(3, size=200_000), "large.1")
    assert (await voyage.sync()).code == 3
    give_room(small)
    assert (await voyage.sync()).done.aside == 1
    (await voyage.sync(RETRY)).assert_clean()
    voyage.assert_same()


async def test_a_file_that_may_not_be_read_stops_no_other(dovecot, clock, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    hidden = voyage.drop(message(1), "hidden.1")
    hidden.chmod(0)
    voyage.drop(message(2), "open.1")
    voyage.deliver(message(3))
    refused = await asyncio.to_thread(run_program, voyage, under=OBEDIENT)
    assert refused.returncode == 3 and "Traceback" not in refused.stderr, refused
    assert voyage.on_server().keys() == digests([message(2), message(3)])
    hidden.chmod(0o600)
    clock.now = time.time()
    assert (await voyage.sync()).done.aside == 1
    clock.now += WAITS[0]
    (await voyage.sync()).assert_clean()
    voyage.assert_same()


async def test_a_message_that_the_server_lists_and_never_sends_is_not_asked_for_again_and_again(clock, tmp_path):
    server = LyingServer()
    box = server.boxes["INBOX"]
    for number in (1, 2, 3):
        box.put(message(number))

    def withhold(answer: Answer, command: bytes) -> Answer:
        if b"BODY" in command.upper():
            answer.untagged = [line for line in answer.untagged if b"<2@example.org>" not in line]
        return answer

    server.lies["UID FETCH"] = withhold
    async with server.listening() as port:
        voyage = Voyage(tmp_path, Account("127.0.0.1", port, "me", "pw"))
        told = await voyage.sync()
        (failure,) = told.of(MessageFailed)
        assert told.code == 3 and "does not send it" in failure.reason
        assert len(voyage.files()) == 2
        server.said.clear()
        again = await voyage.sync()
        assert (again.code, again.done.changes, again.done.aside) == (3, 0, 1)
        assert not [command for command in server.said if b"BODY" in command]
        server.lies.clear()
        clock.now += WAITS[0]
        (await voyage.sync()).assert_clean()
        assert len(voyage.files()) == 3
