"""Hooks, notifications and the list of mailboxes, in both notations."""

from __future__ import annotations

import re

import pytest

from postboat.config.load import load
from postboat.errors import ConfigError

TOML = """\
[general]
accounts = ["A"]
{general}
[account.A]
localrepository = "L"
remoterepository = "R"
{account}
[repository.L]
type = "Maildir"
localfolders = "{home}/mail"
[repository.R]
type = "IMAP"
remotehost = "imap.example.org"
remoteuser = "me"
{remote}
{more}
"""
INI = """\
[general]
accounts = A
{general}
[Account A]
localrepository = L
remoterepository = R
{account}
[Repository L]
type = Maildir
localfolders = {home}/mail
[Repository R]
type = IMAP
remotehost = imap.example.org
remoteuser = me
{remote}
{more}
"""


@pytest.fixture
def read(tmp_path):
    def read(form, **parts):
        parts = dict.fromkeys(("general", "account", "remote", "more"), "") | parts
        path = tmp_path / ("config.toml" if form is TOML else ".offlineimaprc")
        path.write_text(form.format(home=tmp_path, **parts))
        return load(path)

    return read


def problems(read, form, **parts):
    with pytest.raises(ConfigError) as caught:
        read(form, **parts)
    return [re.sub(r"^\S+:\d+: ", "", problem) for problem in caught.value.problems]


def test_the_hooks_of_an_account_are_read(read):
    (account,) = read(
        INI, account="presynchook = imapfilter -v\npostsynchook = notmuch new\nhooktimeout = 1.5"
    ).accounts
    assert (account.presynchook, account.postsynchook, account.hooktimeout) == ("imapfilter -v", "notmuch new", 1.5)
    (account,) = read(TOML, account='presynchook = "a; b"\nnotifications = true').accounts
    assert (account.presynchook, account.postsynchook) == ("a; b", "")
    assert (account.hooktimeout, account.notifications) == (60, True)


def test_no_hook_may_wait_for_ever(read):
    config = read(TOML, account="hooktimeout = 0")
    assert config.accounts[0].hooktimeout == 60
    assert "0 would wait for ever" in config.warnings[0]


@pytest.mark.parametrize("form", [INI, TOML], ids=["ini", "toml"])
@pytest.mark.parametrize("written", ["lambda: 1", "ring", "partial(ring, 1)", "[ring for _ in range(1)][0]"])
def test_a_newmail_hook_of_known_names_is_python(read, form, written, tmp_path):
    helpers = tmp_path / "helpers.py"
    helpers.write_text("from functools import partial\ndef ring(*_): return 1\n")
    quote = '"' if form is TOML else ""
    config = read(
        form, general=f"pythonfile = {quote}{helpers}{quote}", remote=f"newmail_hook = {quote}{written}{quote}"
    )
    assert config.accounts[0].remote.newmail_hook() == 1


@pytest.mark.parametrize("form", [INI, TOML], ids=["ini", "toml"])
@pytest.mark.parametrize(
    "written", ["ring", "notify-send mail", "~/bin/new-mail", "bin/ring", "cd /tmp && ./x", "'a b'"]
)
def test_any_other_newmail_hook_is_for_the_shell(read, form, written):
    quote = '"' if form is TOML else ""
    config = read(form, remote=f"newmail_hook = {quote}{written}{quote}")
    assert config.accounts[0].remote.newmail_hook == written
    assert config.warnings == ()


def test_a_newmail_hook_that_is_a_value_is_a_mistake(read):
    assert problems(read, INI, remote="newmail_hook = len('a')") == [
        "Repository R.newmail_hook: must be a function such as lambda: os.system('beep'), not 1"
    ]


MBNAMES = """\
[mbnames]
enabled = yes
filename = ~/.mutt/mailboxes
header = "mailboxes "
peritem = "+%(accountname)s/%(foldername)s"
sep = " " + "\\n"
footer = "\\n"
incremental = no
folderfilter = lambda accountname, foldername: re.search("a", foldername)
sort_keyfunc = lambda d: d["foldername"]
"""


def test_mailbox_names_of_an_offlineimaprc_are_read(read, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = read(INI, more=MBNAMES)
    assert config.warnings == ()
    names = config.mbnames
    assert names.filename == tmp_path / ".mutt/mailboxes"
    assert (names.header, names.sep, names.footer) == ("mailboxes ", " \n", "\n")
    assert names.peritem == '"+%(accountname)s/%(foldername)s"'
    assert names.folderfilter("A", "mail") and not names.folderfilter("A", "x")
    assert names.sort_keyfunc({"foldername": "x"}) == "x"
    assert names.accounts == {"A"}


def test_mailbox_names_of_a_toml_file_are_texts_as_they_are(read):
    written = """[mbnames]
        enabled = true
        filename = "/x"
        header = "len('a')"
        peritem = ' +%(localfolders)s'
        sep = "\\n"
    """
    names = read(TOML, more=written).mbnames
    assert (names.header, names.peritem, names.sep) == ("len('a')", " +%(localfolders)s", "\n")


@pytest.mark.parametrize(("written", "warned"), [("enabled = no", 0), ("filename = x", 1)])
def test_mailbox_names_that_are_not_enabled_are_none(read, written, warned):
    config = read(INI, more=f"[mbnames]\n{written}")
    assert config.mbnames is None
    assert len(config.warnings) == warned


def test_mistakes_in_mailbox_names_are_told(read):
    assert problems(read, INI, more="[mbnames]\nenabled = yes\nperitem = x") == [
        "mbnames.filename: is missing; write filename = ~/.mutt/mailboxes"
    ]
    section = "[mbnames]\nenabled = yes\nfilename = /x\n"
    assert problems(read, INI, more=f"{section}peritem = %(folder)s\nheader = 5\nsep = \n") == [
        "mbnames.peritem: names 'folder'; there are accountname, foldername, localfolders",
        "mbnames.header: must be a text such as '\\n', not 5",
    ]
    assert problems(
        read, TOML, more='[mbnames]\nenabled = true\nfilename = "/x"\nheader = 5\nperitem = "%d"\nxyz = 1'
    ) == [
        "mbnames.header: must be a text in quotes, not 5",
        "mbnames.peritem: must be a format such as +%(accountname)s/%(foldername)s, not '%d': "
        "%d format: a real number is required, not dict",
        "mbnames.xyz: is not known",
    ]
