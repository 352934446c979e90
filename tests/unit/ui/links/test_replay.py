"""Playing a recorded run: by its times, steered by its user, whatever is in the file."""

from __future__ import annotations

import json
import select
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from postboat.errors import ConfigError
from postboat.event_json import encode
from postboat.events import AccountStarted, Event, ServiceStarted, Warned
from postboat.status import ServiceStatus
from postboat.status_json import as_json
from postboat.ui.link import Answered, Happened, Line, Snapshot
from postboat.ui.links import replay
from postboat.ui.links.replay import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator

THEN = 1_700_000_000.0
STATUS = json.dumps({"ok": True, "status": as_json(ServiceStatus(1, "1", THEN, "x"))})


def line(event: Event, after: float = 0.0) -> str:
    return encode(event, datetime.fromtimestamp(THEN + after, UTC))


def taken(recording: Recording, count: int) -> list[Line]:
    lines: list[Line] = []
    while len(lines) < count:
        assert select.select([recording], [], [], 10)[0]
        lines += recording.take()
    return lines


class Files:
    def __init__(self, path: Path) -> None:
        self._path, self.playing = path, []

    def __call__(self, *lines: str | bytes, speed: float = 1.0) -> Recording:
        self._path.write_bytes(b"\n".join(each if isinstance(each, bytes) else each.encode() for each in lines))
        recording = Recording(self._path, speed)
        self.playing.append(recording)
        return recording


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Files]:
    files = Files(tmp_path / "run.ndjson")
    yield files
    for recording in files.playing:
        recording.close()


def test_what_follow_tells_is_played(play: Files) -> None:
    recording = play(STATUS, line(ServiceStarted(("A",))), line(AccountStarted("A"), 0.01))
    snapshot, *events = taken(recording, 3)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.status.started == THEN
    assert [type(each.event) for each in events if isinstance(each, Happened)] == [ServiceStarted, AccountStarted]
    assert recording.replay and recording.goes_on and not recording.owned


def test_so_is_what_status_writes_as_json(play: Files) -> None:
    (snapshot,) = taken(play(json.dumps(as_json(ServiceStatus(1, "1", THEN, "x")))), 1)
    assert isinstance(snapshot, Snapshot)


def test_what_a_single_run_writes_begins_with_nothing(play: Files) -> None:
    recording = play(line(AccountStarted("A")))
    snapshot, started = taken(recording, 2)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.status.accounts == {}
    assert started == Happened(AccountStarted("A"), THEN)
    assert not recording.goes_on


def test_it_is_then(play: Files) -> None:
    recording = play(STATUS, line(AccountStarted("A"), 0.1))
    assert THEN <= recording.now() < THEN + 5
    taken(recording, 2)
    assert recording.now() >= THEN + 0.1


def test_it_goes_as_fast_as_is_wanted_and_not_on_while_it_is_halted(play: Files, monkeypatch) -> None:
    recording = play(STATUS, line(AccountStarted("A"), 3600), speed=1.0)
    recording.halt()
    taken(recording, 1)
    now = recording.now()
    assert not select.select([recording], [], [], 0.05)[0]
    assert recording.now() == now
    for _ in range(11):
        recording.faster()
    assert recording.speed == 1024
    recording.slower()
    assert recording.speed == 512
    recording.faster()
    monkeypatch.setattr("postboat.ui.links.replay.LONGEST_PAUSE", 0.01)
    recording.halt()
    assert isinstance(taken(recording, 1)[0], Happened)
    assert recording.now() >= THEN + 3600


def test_what_took_long_is_passed_over(play: Files, monkeypatch) -> None:
    monkeypatch.setattr("postboat.ui.links.replay.LONGEST_PAUSE", 0.05)
    recording = play(line(AccountStarted("A")), line(Warned("a day later"), 86_400))
    taken(recording, 3)
    assert recording.now() >= THEN + 86_400


def test_at_its_end_it_stands_still(play: Files) -> None:
    recording = play(line(AccountStarted("A")))
    taken(recording, 2)
    while not recording.ended:
        pass
    now = recording.now()
    recording.halt()
    assert (recording.halted, recording.now()) == (True, now)


@pytest.mark.parametrize(
    "foreign", [b"", b"rubbish", b"[1]", b'{"event": "Unheard"}', b'{"event": "Warned"}', b"\xff\x00", b"[" * 5000]
)
def test_lines_of_others_are_passed_over(play: Files, foreign: bytes) -> None:
    recording = play(foreign, line(AccountStarted("A")), foreign, line(Warned("x")), line(Warned("y"))[:-9])
    assert [each.event for each in taken(recording, 3) if isinstance(each, Happened)] == [
        AccountStarted("A"),
        Warned("x"),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b'{"ok": false}', b'{"status": 5}', b"\0" * 100_000, b"x\n" * 20_000]
)
def test_a_file_without_any_is_refused(play: Files, content: bytes) -> None:
    with pytest.raises(ConfigError, match="no line in it"):
        play(content)


def test_so_is_one_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "LONGEST_LINE", 1_000)
    monkeypatch.setattr(replay, "FOREIGN_OCTETS", 50_000)
    with pytest.raises(ConfigError, match="no line in it"):
        Recording(Path("/dev/zero"))


def test_so_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(ConfigError, match=str(path)):
            Recording(path)


def test_nothing_can_be_asked_of_what_is_over(play: Files) -> None:
    recording = play(line(AccountStarted("A")))
    taken(recording, 2)
    recording.ask("stop")
    assert taken(recording, 1) == [Answered(0, "this is a recording")]
