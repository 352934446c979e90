"""`~/.netrc`, with several users of one host."""

from __future__ import annotations

import pytest

from postboat.config.netrc import find_login

TEXT = """\
# machine imap.example.org login commented password no
machine imap.example.org
  login one
  password "first \\" word"
machine IMAP.example.org login two password second#word
macdef init
machine imap.example.org login macro password no
still the macro

machine nopass.example.org login three
default login anyone password any
"""


@pytest.fixture
def find(tmp_path):
    first, second = tmp_path / "netrc", tmp_path / "etc-netrc"
    first.write_text(TEXT)
    second.write_text("machine other.example.org login four password fourth")

    def find(host, user="", files=(first, second)):
        login = find_login(host, user, files=files)
        return login and (login.user, login.password and login.password.reveal())

    return find


def test_the_first_user_of_a_host_is_found(find):
    assert find("imap.example.org") == ("one", 'first " word')


def test_a_user_of_a_host_is_found_among_several(find):
    assert find("imap.EXAMPLE.org", "two") == ("two", "second#word")


def test_comments_and_macros_are_no_entries(find):
    assert find("imap.example.org", "commented") is None
    assert find("imap.example.org", "macro") is None


def test_default_serves_hosts_without_an_entry(find):
    assert find("elsewhere.example.org") == ("anyone", "any")
    assert find("elsewhere.example.org", "someone") is None


def test_an_entry_may_have_no_password(find):
    assert find("nopass.example.org") == ("three", None)


def test_the_second_file_serves_when_the_first_has_nothing(find, tmp_path):
    files = (tmp_path / "absent", tmp_path / "etc-netrc")
    assert find("other.example.org", files=files) == ("four", "fourth")


@pytest.mark.parametrize("text", ["machine", "login x", "machine h login", 'machine "h', "\0", "password"])
def test_a_broken_file_has_no_logins(tmp_path, text):
    path = tmp_path / "netrc"
    path.write_text(text)
    assert find_login("h", files=(path,)) is None
