"""Which folders are for trash and junk: those whose messages may go without asking, and no others."""

from __future__ import annotations

import pytest

from postboat.imap.roles import role_of


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Trash", "trash"),
        ("deleted items", "trash"),
        ("Deleted Messages", "trash"),
        ("[Gmail]/Trash", "trash"),
        ("[Google Mail]/Bin", "trash"),
        ("[Gmail]/Corbeille", "trash"),
        ("INBOX/Trash", "trash"),
        ("Papierkorb", "trash"),
        ("Corbeille", "trash"),
        ("\u041a\u043e\u0440\u0437\u0438\u043d\u0430", "trash"),
        ("Junk E-mail", "junk"),
        ("INBOX/spam", "junk"),
        ("[Gmail]/Spam", "junk"),
        ("INBOX", ""),
        ("Archive", ""),
        ("bin", ""),
        ("Trash talk", ""),
        ("Projects/Trash", ""),
        ("Trash/Projects", ""),
        ("[Gmail]/Sub/Trash", ""),
    ],
)
def test_well_known_names_tell_the_role(name: str, role: str) -> None:
    assert role_of(name.split("/"), ()) == role


def test_a_mark_outdoes_the_name() -> None:
    assert role_of(["Spam"], {"\\trash"}) == "trash"
    assert role_of(["Anything", "below"], {"\\junk", "\\haschildren"}) == "junk"


def test_what_the_server_marks_is_not_guessed() -> None:
    assert role_of(["Trash"], (), frozenset({"trash"})) == ""
    assert role_of(["Spam"], (), frozenset({"trash"})) == "junk"


def test_the_inbox_is_never_marked() -> None:
    assert role_of(["inbox"], {"\\trash"}) == ""
