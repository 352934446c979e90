import pytest

from postboat.imap.wire.utf7 import decode, encode

NAMES = [
    ("INBOX", "INBOX"),
    ("", ""),
    ("Entwürfe", "Entw&APw-rfe"),
    ("A & B", "A &- B"),
    ("台北", "&U,BTFw-"),
    ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
    ("😀", "&2D3eAA-"),
    ("a\x00b\n", "a&AAA-b&AAo-"),
    ("é é", "&AOk- &AOk-"),
    ("é&é", "&AOk-&-&AOk-"),
]


@pytest.mark.parametrize(("name", "wire"), NAMES)
def test_names_are_written_as_rfc_3501_says(name, wire):
    assert encode(name) == wire
    assert decode(wire) == name


@pytest.mark.parametrize(
    "wire",
    [
        "caf\xe9",
        "a\tb",
        "&",
        "&AOk",
        "&AOk/",
        "a&b",
        "&AGE-",
        "&AC8-x",
        "&AOk-&AOk-",
        "&AOl-",
        "&AOkA-",
        "&A-",
        "&2D0-",
        "&3gA-",
        "&AO=k-",
        "&ACY-",
    ],
    ids=str,
)
def test_every_other_spelling_is_refused(wire):
    with pytest.raises(ValueError):
        decode(wire)


def test_a_lone_surrogate_cannot_be_written():
    with pytest.raises(ValueError):
        encode("\ud83d")
