"""Which removed messages are meant, and which folder."""

from __future__ import annotations

import time

import pytest

from postboat.errors import ConfigError
from postboat.maildir.quarantine import Kept
from postboat.model import FolderName
from postboat.service.known_folders import KnownFolders, Target
from postboat.service.restore import chosen, listed_time

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
