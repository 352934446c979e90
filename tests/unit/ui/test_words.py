"""Numbers, names, changes, and texts from outside."""

from __future__ import annotations

import pytest

from postboat.events import (
    Counts,
)
from postboat.ui import words


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (Counts(down=10, up=2, reflagged=3, deleted_local=1), "12 new, 3 flagged, 1 deleted (↓10 ↑2)"),
        (Counts(down=12345), "12,345 new (↓12,345)"),
        (Counts(up=1), "1 new (↑1)"),
        (Counts(deleted_remote=1, deleted_local=2), "3 deleted"),
        (Counts(moved=3), "3 moved"),
        (Counts(reflagged=1, moved=2, deleted_local=4), "1 flagged, 2 moved, 4 deleted"),
        (Counts(adopted=7), "7 found on both sides"),
        (Counts(down=1, failed=2), "1 new, 2 failed (↓1)"),
        (Counts(bytes_down=5), ""),
        (Counts(), ""),
    ],
)
def test_counts_read_as_a_sentence(counts: Counts, told: str) -> None:
    assert words.changes(counts) == told


def test_without_arrows_directions_are_words() -> None:
    assert words.changes(Counts(down=10, up=2), arrows=False) == "12 new (10 down, 2 up)"
    assert words.changes(Counts(down=10, up=2, reflagged=1), arrows=False).isascii()


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_440_000, "1.4 MB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (23_400_000_000, "23 GB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5e15, "5,000 TB"),
    ],
)
def test_sizes_have_two_or_three_digits(octets: float, told: str) -> None:
    assert words.size(octets) == told


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (39, "0:39"), (59.6, "1:00"), (3723, "1:02:03")])
def test_time_to_go_reads_as_a_clock(seconds: float, told: str) -> None:
    assert words.clock(seconds) == told


@pytest.mark.parametrize(("seconds", "told"), [(0.04, "0.0 s"), (3.14, "3.1 s"), (39.2, "39 s"), (125, "2:05")])
def test_durations_are_as_exact_as_they_are_short(seconds: float, told: str) -> None:
    assert words.seconds(seconds) == told


def test_nouns_follow_their_count() -> None:
    assert [words.plural(n, "folder") for n in (0, 1, 2, 1000)] == [
        "0 folders",
        "1 folder",
        "2 folders",
        "1,000 folders",
    ]
    assert words.plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Plain & simple", "Plain & simple"),
        ("Entwürfe 草稿", "Entwürfe 草稿"),
        ("\x1b]0;title\x07\x1b[2Jx", "?]0;title??[2Jx"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("\x9b31mred", "?31mred"),
        ("evil\u202etxt.exe", "evil?txt.exe"),
        ("line\u2028sep\u2029", "line?sep?"),
        ("bytes\udcff", "bytes?"),
        ("zero\u200bwidth\ufeff", "zero?width?"),
        ("nul\0del\x7f", "nul?del?"),
    ],
)
def test_a_foreign_text_cannot_steer_a_terminal(foreign: str, shown: str) -> None:
    assert words.clean(foreign) == shown


def test_wide_and_combining_characters_are_measured_as_they_show() -> None:
    assert words.width("abc") == 3
    assert words.width("草稿") == 4
    assert words.width("e\u0301") == 1


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("INBOX", 5, "INBOX"),
        ("INBOX", 4, "INB…"),
        ("草稿草稿", 5, "草稿…"),
        ("草稿草稿", 4, "草…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_a_cut_text_never_takes_more_than_its_columns(text: str, columns: int, cut: str) -> None:
    assert words.fit(text, columns) == cut
    assert words.width(cut) <= columns
