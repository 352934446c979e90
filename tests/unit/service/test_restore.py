"""Which removed messages are meant, and which folder."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from tests.real.voyage import Voyage

from postboat.errors import ConfigError
from postboat.events import MessagesPutBack, StepReached
from postboat.ledger.files import quarantine_directory
from postboat.maildir.quarantine import Kept
from postboat.model import FolderName
from postboat.service import restore
from postboat.service.known_folders import KnownFolders, Target
from postboat.service.restore import chosen, listed_time, put_back

NOW = 1_800_000_000.0
INBOX, ARCHIVE = FolderName.of("INBOX"), FolderName.of("Archive")


@pytest.fixture(autouse=True)
def west(monkeypatch):
    """A zone in which local time and UTC are of different days."""
    monkeypatch.setenv("TZ", "UTC+10")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def kept(hours_ago: float, folder: FolderName = INBOX) -> Kept:
    when = NOW - hours_ago * 3600
    batch = time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime(when))
    return Kept(when=when, folder=folder, files=("a",), batch=batch)


ALL = [kept(80), kept(30), kept(1.5), kept(0.5), kept(0.5, ARCHIVE)]


@pytest.mark.parametrize(
    ("when", "which"),
    [
        ("", ALL[3:]),
        ("1h", ALL[3:]),
        ("45m", ALL[3:]),
        ("90 min", ALL[2:]),
        ("2H", ALL[2:]),
        ("2d", ALL[1:]),
        ("1w", ALL),
        ("2027-01-13 16:00:00", [ALL[1]]),
        ("2027-01-13T16:00:00", [ALL[1]]),
        ("2027-01-13 16", [ALL[1]]),
        ("2027-01-11", [ALL[0]]),
        (ALL[0].batch, [ALL[0]]),
    ],
)
def test_a_time_or_a_span_says_which_are_meant(when, which):
    assert chosen(ALL, when, NOW) == which


@pytest.mark.parametrize("when", ["2020", "10m", "yesterday", " ", "0h", "3 years"])
def test_a_time_at_which_nothing_was_removed_is_refused_with_the_last_one(when):
    with pytest.raises(ConfigError, match=f"but last on {listed_time(ALL[-1].when)}"):
        chosen(ALL, when, NOW)


KNOWN = KnownFolders({FolderName.of("Work", "Old"): FolderName.of("Old"), ARCHIVE: ARCHIVE, INBOX: INBOX}, ".")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Work.Old", FolderName.of("Work", "Old")),
        ("Work/Old", FolderName.of("Work", "Old")),
        ("Archive", ARCHIVE),
        ("inbox", INBOX),
    ],
)
def test_a_folder_is_found_by_the_name_that_is_shown(text, name):
    assert KNOWN.find(Target("A", text)) == name


@pytest.mark.parametrize("text", ["Work", "WorkOld", "Work..Old", "archive", "Old", "Work.Old."])
def test_a_folder_is_not_found_by_anything_else(text):
    with pytest.raises(ConfigError, match="account A has not synced a folder"):
        KNOWN.find(Target("A", text))


def test_a_name_that_holds_a_separator_of_other_servers_is_the_nearer_one():
    both = KnownFolders({FolderName(("a/b",)): INBOX, FolderName(("a", "b")): ARCHIVE}, ".")
    assert both.find(Target("A", "a/b")) == FolderName(("a/b",))
    assert both.find(Target("A", "a.b")) == FolderName(("a", "b"))


def test_names_are_shown_as_the_server_writes_them():
    assert KNOWN.text(FolderName.of("Work", "Old")) == "Work.Old"
    assert KNOWN.remote(FolderName.of("Old")) == FolderName.of("Work", "Old")
    assert KNOWN.remote(FolderName.of("Unknown")) == FolderName.of("Unknown")


@pytest.fixture
def home(tmp_path):
    """An account that was never synced, with an INBOX and five messages that are kept of it."""
    voyage = Voyage(tmp_path, SimpleNamespace(host="127.0.0.1", port=1, user="me", password="x"))
    for part in ("cur", "new", "tmp"):
        (voyage.mail / "INBOX" / part).mkdir(parents=True)
    kept = quarantine_directory(voyage.state, "Test") / "2026-11-23T045900Z" / "INBOX"
    kept.mkdir(parents=True)
    for number in range(5):
        (kept / f"{number}:2,S").write_bytes(b"Subject: kept\n\nbody\n")
    return voyage


def steps_of(told):
    return [(event.step, event.done, event.of) for event in told if isinstance(event, StepReached)]


async def test_it_tells_how_far_it_is(home, monkeypatch):
    monkeypatch.setattr(restore, "AT_ONCE", 2)
    monkeypatch.setattr("postboat.service.steps.EVERY", 0.0)
    told = []
    assert await put_back(home.whole, [Target("Test")], "", told.append) == ("Test",)
    assert told[-2] == MessagesPutBack("Test", "INBOX", 5)
    steps = [("reading", 0, 0), ("reading", 0, 1), ("", 0, 0)]
    assert steps_of(told) == [*steps, *(("restoring", done, 5) for done in (0, 2, 4)), ("", 0, 0)]
    assert len(home.files()) == 5


async def test_when_it_is_stopped_what_is_back_is_told_and_the_rest_is_kept(home, monkeypatch):
    monkeypatch.setattr(restore, "AT_ONCE", 2)
    monkeypatch.setattr("postboat.service.steps.EVERY", 0.0)
    told = []

    def publish(event):
        told.append(event)
        if event == StepReached("Test", "restoring", 2, 5):
            putting.cancel()

    putting = asyncio.create_task(put_back(home.whole, [Target("Test")], "", publish))
    with pytest.raises(asyncio.CancelledError):
        await putting
    (back,) = [event for event in told if isinstance(event, MessagesPutBack)]
    assert 2 <= back.count < 5
    assert len(home.files()) == back.count
    assert await put_back(home.whole, [Target("Test")], "", told.append)
    assert len(home.files()) == 5
