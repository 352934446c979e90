"""What the names of kept files tell, and what lies in files from a server or a Maildir."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.errors import FolderGone
from postboat.maildir.kept_files import KeptFiles, file_name, flags_of
from postboat.maildir.names import LONGEST, parse
from postboat.maildir.quarantine import Kept, Quarantine
from postboat.model import ANSWERED, DELETED, FLAGGED, FORWARDED, INBOX, SEEN

if TYPE_CHECKING:
    from pathlib import Path

NAME = "U12S345.0123456789abcdef"
OTHER = "U13S345.0123456789abcdef"
NOW = 1_795_409_940.0
ODD = b"Subject: x\r\n\r\nbare\nlone\rtwo\r\r\n"
FLAGS = st.frozensets(
    st.sampled_from([SEEN, FLAGGED, ANSWERED, FORWARDED])
    | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=50).filter(
        lambda word: not word.startswith("\\")
    ),
    max_size=12,
)


@given(FLAGS)
def test_a_name_tells_all_flags_as_far_as_they_fit(flags):
    name = file_name(NAME, flags)
    assert len(name) <= LONGEST and "/" not in name
    assert parse(name).unique.partition(",")[0] == NAME
    told = flags_of(name)
    assert told <= flags and told >= flags & {SEEN, FLAGGED, ANSWERED, FORWARDED}
    if len(flags) <= 1:
        assert told == flags


def test_a_mark_for_deletion_is_not_put_back():
    assert flags_of(file_name(NAME, frozenset({DELETED, SEEN, "work"}))) == {SEEN, "work"}


def test_a_maildirs_own_name_tells_no_keywords():
    assert flags_of("1234.M1P2.host,K=work:2,S") == {SEEN}


@pytest.fixture
def quarantine(tmp_path) -> Quarantine:
    return Quarantine(tmp_path / "quarantine", 30, clock=lambda: NOW)


def put(quarantine: Quarantine, *files: tuple[str, bytes]) -> Kept:
    shelf = quarantine.shelf(INBOX)
    with shelf.open():
        for name, octets in files:
            shelf.write(name, octets[:5], 86_399.0)
            shelf.write(name, octets[5:], 86_399.0)
        shelf.finish_copies()
        shelf.sync()
    (kept,) = quarantine.kept()
    return kept


async def test_octets_of_a_server_stay_as_they_were_and_a_maildirs_get_wire_form(quarantine):
    kept = put(quarantine, (NAME + ":2,S", ODD), ("1.M1P2.host:2,F", b"Subject: y\n\nmixed\r\nends\n"))
    files = KeptFiles(quarantine.root, kept, fsync=False)
    mine, theirs = sorted(files.read(kept.files), key=lambda content: content.key, reverse=True)
    assert (mine.data, mine.size, mine.date, mine.flags) == (ODD, len(ODD), 86_399.0, {SEEN})
    assert theirs.data == b"Subject: y\r\n\r\nmixed\r\nends\r\n" and theirs.flags == {FLAGGED}
    files.close()


async def test_large_ones_are_streamed_in_either_form(quarantine):
    lines = (b"x" * 70 + b"\n") * 20_000
    kept = put(quarantine, (NAME + ":2,", lines), ("1.M1P2.host", lines))
    files = KeptFiles(quarantine.root, kept, fsync=False)
    for content in files.read(kept.files):
        octets = b"".join([chunk async for chunk in content.chunks()])
        wanted = lines if content.key.startswith(NAME) else lines.replace(b"\n", b"\r\n")
        assert content.data is None and octets == wanted and content.size == len(wanted)
    assert [len(batch) for batch in files.batches(4 << 20, 250)] == [1, 1], "each for itself"
    files.close()


def test_batches_are_bounded_by_octets_and_messages(quarantine):
    kept = put(quarantine, *((f"U{n}S9.0123456789abcdef:2,", b"x" * 100) for n in range(7)))
    files = KeptFiles(quarantine.root, kept, fsync=False)
    assert [len(batch) for batch in files.batches(1000, 3)] == [3, 3, 1]
    assert [len(batch) for batch in files.batches(250, 9)] == [2, 2, 2, 1]
    files.close()


def test_a_note_tells_the_tokens_of_what_is_still_there_whatever_is_put_back_now(quarantine):
    kept = put(quarantine, (NAME, b"one, two"), (OTHER, b"three"))
    files = KeptFiles(quarantine.root, kept, fsync=True)
    assert files.noted() == {}
    files.note({NAME: "first", OTHER: "second"})
    os.unlink(_folder(quarantine, kept) / NAME)
    other = KeptFiles(quarantine.root, Kept(NOW, INBOX, (), kept.batch), fsync=True)
    assert other.noted() == {OTHER: "second"}
    other.close()
    assert quarantine.kept()[0].files == (OTHER,), "the note is no message"
    files.settle([OTHER])
    assert files.noted() == {}
    files.close()
    assert list(quarantine.root.iterdir()) == [], "nothing is left of it"


def test_an_unfinished_note_tells_nothing(quarantine):
    """It was interrupted before anything was sent."""
    kept = put(quarantine, (NAME, b"one, two"))
    (_folder(quarantine, kept) / ".putting-back").write_text('{"U12')
    files = KeptFiles(quarantine.root, kept, fsync=False)
    assert files.noted() == {}
    files.close()


def test_what_was_pruned_meanwhile_is_gone(quarantine):
    quarantine.root.mkdir()
    with pytest.raises(FolderGone):
        KeptFiles(quarantine.root, Kept(NOW, INBOX, (NAME,), "2026-11-23T045900Z"), fsync=False)


def test_what_is_held_already_is_found_by_the_beginning_of_its_name(quarantine):
    put(quarantine, (file_name(NAME, frozenset({SEEN, "work"})), b"one, two"), ("1.M1P2.host:2,F", b"three"))
    later = Quarantine(quarantine.root, 30, clock=lambda: NOW + 86_400)
    assert later.held(INBOX, [NAME, OTHER]) == {NAME}
    assert [(kept.when, kept.files) for kept in later.kept()] == [
        (NOW, ("1.M1P2.host:2,F",)),
        (NOW + 86_400, (NAME + ",K=work:2,S",)),
    ]
    assert later.held(INBOX, [NAME]) == {NAME}, "and once more in the same run"


def _folder(quarantine: Quarantine, kept: Kept) -> Path:
    return quarantine.root / kept.batch / "INBOX"
