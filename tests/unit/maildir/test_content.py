import pytest

from postboat.maildir.content import HeaderHash

HEADERS = [
    (b"Message-ID: <a@x>\r\n\r\n", True),
    (b"Subject: s\r\nmessage-id:<a@x>\r\nTo: b\r\n\r\n", True),
    (b"Subject: s\r\nMESSAGE-ID: no brackets", True),
    (b"Message-ID:\r\n\t<a@x>\r\n\r\n", True),
    (b"Message-ID: \r\n  \r\n\t \r\n <a@x>\r\n\r\n", True),
    (b"Message-ID:x", True),
    (b"Message-ID:\r\nMessage-ID: <a@x>\r\n\r\n", True),
    (b"Message-ID:\r\n\r\n<a@x>\r\n", False),
    (b"Message-ID: \t\r\nSubject: s\r\n\r\n", False),
    (b"Message-ID:\r\n \r\nSubject: s\r\n\r\n", False),
    (b"Message-ID:\r\r\n <a@x>\r\n\r\n", False),
    (b"Message-ID", False),
    (b"Message-ID:", False),
    (b"In-Reply-To: <a@x>\r\nX-Message-ID: <a@x>\r\n Message-ID: <a@x>\r\n\r\n", False),
    (b"Subject: s\r\n\r\nMessage-ID: <a@x>\r\n", False),
    (b"\r\nMessage-ID: <a@x>\r\n", False),
    (b"", False),
]


@pytest.mark.parametrize(("wire", "named"), HEADERS, ids=lambda value: repr(value)[:40])
def test_a_header_is_named_by_a_message_id_that_is_not_empty_however_it_comes(wire, named):
    whole, octets = HeaderHash(), HeaderHash()
    whole.feed(wire)
    assert whole.named is named
    for at in range(len(wire)):
        octets.feed(wire[at : at + 1])
        parts = HeaderHash()
        parts.feed(wire[:at])
        parts.feed(wire[at:])
        assert parts.named is named, at
    assert octets.named is named


def test_a_header_without_end_is_not_kept():
    found = HeaderHash()
    found.feed(b"Message-ID:")
    for _ in range(1000):
        found.feed(b" \r\n" * 1000)
    assert len(found._name._kept) < 100
    assert not found.named
    found.feed(b" <a@x>\r\n")
    assert found.named
