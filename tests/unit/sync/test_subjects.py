"""Subjects for people, out of whatever stands in a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.sync.subjects import LONGEST, SAMPLE, sample, sender, subject, subjects_of


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"Subject: Lunch\r\n", "Lunch"),
        (b"From: a@b\r\nsubject:   Lunch  at  noon \r\n\r\n", "Lunch at noon"),
        (b"Subject: a long\r\n one\r\n\tfolded\r\n", "a long one folded"),
        (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n", "Grüße"),
        (b"Subject: =?utf-8?b?R3LDvMOf?= =?utf-8?q?e?= to you\r\n", "Grüße to you"),
        (b"Subject: =?iso-8859-1?q?caf=E9?=\r\n", "café"),
        ("Subject: Grüße\r\n".encode(), "Grüße"),
        ("Subject: Grüße\r\n".encode("latin-1"), "Gr��e"),
        (b"Subject: =?martian?q?hello?=\r\n", "=?martian?q?hello?="),
        (b"Subject: =?utf-8?b?A?=\r\n", "=?utf-8?b?A?="),
        (b"Subject: red \x1b[31malert\x07\r\n", "red  [31malert "),
        (b"Subject: =?utf-8?q?=1B]0;owned=07?=\r\n", " ]0;owned "),
        (b"Subject:\r\nFrom: a@b\r\n", ""),
        (b"From: a@b\r\n", ""),
        (b"", ""),
        (b"no header at all", ""),
    ],
)
def test_a_subject_is_read_as_its_sender_meant_it(header, told):
    assert subject(header) == told


@given(st.binary(max_size=300))
def test_no_header_is_too_odd(octets):
    for header in (octets, b"Subject: " + octets, b"Subject: =?utf-8?b?" + octets + b"?=\r\n"):
        told = subject(header)
        assert told.isprintable() and len(told) <= LONGEST


def test_a_few_of_the_newest_are_told():
    assert sample([str(number) for number in range(1, 13)]) == ["12", "11", "10", "9", "8"]
    assert len(sample(["1", "2"])) == 2 < SAMPLE


def test_what_could_not_be_read_is_left_out():
    assert subjects_of(["2", "1", "3"], {"1": b"Subject: one\r\n", "2": b"From: x\r\n"}) == ("", "one")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"From: Ada Lovelace <ada@example.org>\r\n", "Ada Lovelace"),
        (b"From: =?utf-8?q?L=2C_A?= <ada@example.org>\r\n", "L, A"),
        (b"From: ada@example.org\r\n", "ada@example.org"),
        ("From: Jürgen <j@example.org>\r\n".encode(), "Jürgen"),
        (b"From: \x1b[31m <x@example.org>\r\n", "[31m <x@example.org>"),
        (b'From: <<<;;"\r\n', '<<<;;"'),
        (b"Subject: x\r\n", ""),
    ],
)
def test_a_sender_is_the_name_or_else_the_address(header, expected):
    assert sender(header) == expected
