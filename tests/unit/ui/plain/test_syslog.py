"""Lines in the system's log, with a socket in its place."""

from __future__ import annotations

import os
import socket
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from tests.fakes.terminal import FakeFile

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountStarted,
    Counts,
    Event,
    FolderFinished,
    FolderStarted,
    Warned,
)
from postboat.ui import usable
from postboat.ui.faces import Place
from postboat.ui.plain.out import Out
from postboat.ui.plain.syslog import Syslog
from postboat.ui.plain.system_log import ERROR, INFO, WARNING, SystemLog
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

NOON = datetime(2026, 5, 4, 12, 0, 1)
START = f"May  4 12:00:01 postboat[{os.getpid()}]: "
GOOD = (
    AccountStarted("A"),
    AccountConnected("A", "imap.example.org", "me"),
    FolderStarted("A", "Büro"),
    FolderFinished("A", "Büro", Counts(down=1)),
)


class Listening:
    """The system's log: a socket that takes as much as its buffer holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = self._bound()

    def _bound(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.bind(str(self.path))
        made.setblocking(False)
        return made

    @property
    def said(self) -> list[str]:
        """What came since the last time."""
        texts = []
        while True:
            try:
                texts.append(self._socket.recv(10_000).decode())
            except BlockingIOError:
                return texts

    def go(self) -> None:
        """End, as when it is updated."""
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def come_back(self) -> None:
        """Listen again, on another socket of the same name."""
        self._socket = self._bound()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go()


@pytest.fixture
def listening() -> Iterator[Listening]:
    with tempfile.TemporaryDirectory() as directory, Listening(Path(directory) / "log") as listening:
        yield listening


def log_at(listening: Listening) -> SystemLog:
    def find() -> str | None:
        return str(listening.path) if listening.path.exists() else None

    return SystemLog(find=find, now=lambda: NOON)


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def logged(listening: Listening, *events: Event) -> str:
    """Let the face log events and return what it says on stderr."""
    err = FakeFile()
    await Syslog(Manner(), log=log_at(listening), err=Out(err), patience=0.05).show(stream(*events))
    return err.getvalue()


async def test_each_line_is_one_message_of_the_mail_facility_with_name_and_process(listening: Listening) -> None:
    assert await logged(listening, *GOOD) == ""
    assert listening.said == [
        f"<22>{START}A: connected to imap.example.org as me",
        f"<22>{START}Büro: 1 new (1 down)",
        f"<22>{START}A: stopped, 1 new (1 down)",
    ]


async def test_warnings_and_failures_have_their_severities(listening: Listening) -> None:
    await logged(listening, Warned("careful"), AccountFailed("A", "no route", 4))
    severities = [int(text[1 : text.index(">")]) & 7 for text in listening.said]
    assert severities[:2] == [WARNING, ERROR]
    assert INFO not in severities


async def test_what_could_break_a_line_is_not_sent(listening: Listening) -> None:
    await logged(listening, Warned("a\nb\x00c\x1b[2Jd\udc80"))
    (text,) = listening.said
    assert text.endswith("a b?c?[2Jd?")


def test_a_long_line_is_cut_between_characters(listening: Listening) -> None:
    log = log_at(listening)
    assert log.try_to_write(INFO, "ü" * 2000)
    log.close()
    (text,) = listening.said
    assert len(text.encode()) <= 1024
    assert text.endswith("ü…")


def test_a_log_that_was_restarted_is_found_again(listening: Listening) -> None:
    log = log_at(listening)
    assert log.try_to_write(INFO, "before")
    listening.go()
    assert not log.try_to_write(INFO, "meanwhile")
    listening.come_back()
    assert log.try_to_write(INFO, "after")
    assert [text.rpartition(" ")[2] for text in listening.said] == ["after"]
    log.close()


async def test_a_log_that_takes_nothing_holds_nothing_up_and_learns_how_much_it_missed(listening: Listening) -> None:
    log, err = log_at(listening), FakeFile()
    flood = 0
    while log.try_to_write(INFO, "flood"):
        flood += 1

    async def events() -> AsyncIterator[Event]:
        for name in ("one", "two", "three"):
            yield Warned(name)
        assert len(listening.said) == flood
        yield Warned("four")

    face = Syslog(Manner(), log=log, err=Out(err), patience=0.05)
    await face.show(events())
    assert [text.rpartition(": ")[2] for text in listening.said] == ["3 lines lost", "four"]
    assert err.getvalue() == ""


async def test_what_was_lost_to_the_end_is_told_on_stderr(listening: Listening) -> None:
    listening.go()
    assert await logged(listening, *GOOD) == "postboat: the system's log did not take 3 lines\n"


def test_without_a_log_the_face_cannot_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(usable, "SYSLOG_SOCKETS", (str(tmp_path / "none"), str(tmp_path / "file")))
    assert "does not listen" in usable.reason("syslog", Place({}))
