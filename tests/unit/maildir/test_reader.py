import os

import pytest
from tests.unit.maildir.shore import mailbox, maildir, put


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


async def headers_of(path, octets):
    put(path, "cur", "a:2,S", octets)
    return (await mailbox(path).headers(["a"]))["a"]


async def test_headers_are_sender_subject_and_date_in_wire_form(path):
    octets = (
        b"From: a@example.org\nTo: b@example.org\nSUBJECT: one\n  two\nDate: today\nSubjects: no\n\nSubject: body\n"
    )
    assert await headers_of(path, octets) == b"From: a@example.org\r\nSUBJECT: one\r\n  two\r\nDate: today\r\n"


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (b"", b""),
        (b"\n\nSubject: body\n", b""),
        (b"Subject: no end", b"Subject: no end\r\n"),
        (b"Subject: with CRLF\r\n\r\nbody\r\n", b"Subject: with CRLF\r\n"),
        (b"X: " + b"y" * 70_000 + b"\nSubject: far\n\n", b""),
        (b"X: Subject: z\n\tSubject: folded\n\n", b""),
        (b"Subject: \xff\x00\x1b[2J\n\n", b"Subject: \xff\x00\x1b[2J\r\n"),
    ],
)
async def test_headers_of_odd_messages(path, octets, shown):
    assert await headers_of(path, octets) == shown


async def test_headers_of_what_is_gone_or_unreadable_are_left_out(path):
    put(path, "new", "a", b"Subject: here\n\n")
    os.mkfifo(path / "cur" / "pipe:2,S")
    assert await mailbox(path).headers(["a", "gone", "pipe"]) == {"a": b"Subject: here\r\n"}
