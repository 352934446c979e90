"""A face attached to a run that goes on: it hears all, disturbs nothing, and outlives a restart of it."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

import pytest
from tests.fakes.controls import FakeControls, served

from postboat.cli.attached import Attached
from postboat.errors import ConfigError
from postboat.events import AccountStarted
from postboat.ui.link import Answered, Happened, Line, Lost, Snapshot
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postboat.cli.attached.RETRY", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


class Faces:
    def __init__(self, path: Path) -> None:
        self._path, self.all = path, []

    def __call__(self) -> Attached:
        self.all.append(Attached(self._path, Manner()))
        return self.all[-1]


@pytest.fixture
def attach(path: Path) -> Iterator[Faces]:
    faces = Faces(path)
    yield faces
    for face in faces.all:
        face.close()


def taken(link: Attached, wanted: type[Line]) -> Line:
    """The next line of a kind; those before it are passed over."""
    while True:
        assert select.select([link], [], [], 10)[0]
        for line in link.take():
            if isinstance(line, wanted):
                return line


def test_it_is_told_how_things_are_and_what_happens(path: Path, attach: Faces) -> None:
    controls = FakeControls(AccountStarted("A"))
    with served(path, controls):
        first, second = attach(), attach()
        for link in (first, second):
            snapshot = taken(link, Snapshot)
            assert isinstance(snapshot, Snapshot)
            assert list(snapshot.status.accounts) == ["A"]
        controls.tell(AccountStarted("A"))
        for link in (first, second):
            happened = taken(link, Happened)
            assert isinstance(happened, Happened)
            assert happened.event == AccountStarted("A")


def test_when_one_leaves_the_others_and_the_run_do_not_notice(path: Path, attach: Faces) -> None:
    controls = FakeControls()
    with served(path, controls):
        first, second = attach(), attach()
        taken(first, Snapshot), taken(second, Snapshot)
        first.close()
        controls.tell(AccountStarted("A"))
        taken(second, Happened)
        assert controls.asked == []


def test_it_waits_for_a_run_and_stays_when_that_ends(path: Path, attach: Faces) -> None:
    link = attach()
    assert taken(link, Lost) == Lost("no run that goes on uses this configuration")
    for _ in range(2):
        with served(path, FakeControls()):
            taken(link, Snapshot)
        assert taken(link, Lost) == Lost("the run that went on has ended")


def test_it_can_ask_for_things_and_is_told_what_becomes_of_them(path: Path, attach: Faces) -> None:
    controls = FakeControls(AccountStarted("A"))
    with served(path, controls):
        link = attach()
        number = link.ask("now", targets=["A"])
        assert taken(link, Answered) == Answered(number)
        assert controls.asked == [("now", "A")]
        number = link.ask("confirm", targets=["B"])
        refused = taken(link, Answered)
        assert isinstance(refused, Answered)
        assert (refused.number, "no account B" in refused.refusal) == (number, True)
        controls.failure = ConfigError(["not now"])
        number = link.ask("pause", accounts=["A"])
        assert taken(link, Answered) == Answered(number, "not now")
        controls.failure = None
        taken(link, Answered) if link.ask("confirm", targets=["A:Sent"], verdict="restore") else None
        assert controls.asked[-2:] == [("pause", "A"), ("confirm", "restore", "A:Sent")]


def test_it_can_stop_the_run(path: Path, attach: Faces) -> None:
    controls = FakeControls()
    with served(path, controls):
        link = attach()
        number = link.ask("stop")
        assert taken(link, Answered) == Answered(number)
    assert controls.asked == [("stop", False)]


def test_what_is_asked_when_there_is_no_run_is_refused(attach: Faces) -> None:
    link = attach()
    answered = taken(link, Answered) if link.ask("now") else None
    assert answered == Answered(1, "no run that goes on uses this configuration")


def test_who_does_not_speak_as_it_should_is_not_believed(path: Path, attach: Faces) -> None:
    import socket
    import threading

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fsencode(path))
        listening.listen()

        def talk() -> None:
            guest, _ = listening.accept()
            with guest:
                guest.recv(1000)
                guest.send(b'{"ok": true, "status": {"of": "the weather"}}\n')

        talking = threading.Thread(target=talk)
        talking.start()
        lost = taken(attach(), Lost)
        assert isinstance(lost, Lost)
        assert "another version" in lost.reason
        talking.join()
