"""The list of folders for other programs."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from postboat.config.schema import MailboxNames
from postboat.service.hooks.mbnames import MailboxList


class Home:
    def __init__(self, path, **options):
        self.path, self.file, self.state = path, path / "mutt" / "mailboxes", path / "state"
        defaults = {
            "peritem": '"+%(accountname)s/%(foldername)s"',
            "header": "mailboxes ",
            "sep": " ",
            "footer": "\n",
            "accounts": frozenset("AB"),
        }
        self.list = MailboxList(MailboxNames(**(defaults | {"filename": self.file} | options)), self.state)

    def update(self, account, *folders, missing=()):
        root = self.path / account
        for folder in folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
        return self.list.update(account, root, [*folders, *missing])

    def other(self, **options):
        """The same home under another configuration."""
        return Home(self.path, **options)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_the_folders_of_all_accounts_are_listed_though_each_is_told_alone(home):
    assert home.update("B", "INBOX") == ""
    home.update("A", "Sent", "INBOX", missing=["Refused"])
    assert home.file.read_text() == 'mailboxes "+A/INBOX" "+A/Sent" "+B/INBOX"\n'


def test_a_folder_or_account_that_is_gone_is_listed_no_more(home):
    home.update("A", "INBOX", "Old")
    home.update("B", "INBOX")
    home.update("A", "INBOX")
    assert home.file.read_text() == 'mailboxes "+A/INBOX" "+B/INBOX"\n'
    home = home.other(accounts=frozenset("A"))
    home.update("A", "INBOX")
    assert home.file.read_text() == 'mailboxes "+A/INBOX"\n'
    assert '"B"' not in (home.state / "mailbox-names.json").read_text()


def test_the_users_rules_choose_and_sort(home):
    home = home.other(
        folderfilter=lambda account, folder: folder != "Spam",
        sort_keyfunc=lambda names: (-len(names["foldername"]), names["localfolders"]),
        peritem="%(localfolders)s/%(foldername)s",
        header="",
    )
    home.update("A", "INBOX", "Spam", "Lists.x")
    home.update("B", "INBOX")
    assert home.file.read_text() == f"{home.path}/A/Lists.x {home.path}/A/INBOX {home.path}/B/INBOX\n"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"folderfilter": lambda account, folder: 1 / 0}, "mbnames: folderfilter fails for ('A', 'INBOX'): Zero"),
        ({"sort_keyfunc": lambda names: names["x"]}, "mbnames: sort_keyfunc fails for"),
        (
            {"sort_keyfunc": lambda names: {}.keys if names["foldername"] == "x" else 1},
            "mbnames: sort_keyfunc gives what",
        ),
    ],
)
def test_a_rule_that_fails_leaves_the_file_as_it_was(home, options, problem):
    home.update("A", "x")
    before = home.file.read_text()
    assert home.other(**options).update("A", "INBOX", "x").startswith(problem)
    assert home.file.read_text() == before


def test_nothing_is_written_when_nothing_changed(home):
    home.update("A", "INBOX")
    before = home.file.stat().st_ino, (home.state / "mailbox-names.json").stat().st_ino
    home.update("A", "INBOX")
    assert (home.file.stat().st_ino, (home.state / "mailbox-names.json").stat().st_ino) == before
    home.file.write_text("something else")
    home.update("A", "INBOX")
    assert home.file.read_text() == 'mailboxes "+A/INBOX"\n'


def test_a_file_that_is_a_link_stays_one_and_keeps_its_mode(home):
    real = home.path / "dotfiles"
    real.write_text("")
    real.chmod(0o640)
    home.file.parent.mkdir()
    home.file.symlink_to(real)
    home.update("A", "INBOX")
    assert home.file.is_symlink() and "INBOX" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in home.path.iterdir()) == ["A", "dotfiles", "mutt", "state"]


def test_what_cannot_be_written_is_told(home):
    home.file.parent.write_text("a file is in the way")
    assert home.update("A", "INBOX").startswith(f"mbnames: {home.file}")


@pytest.mark.parametrize("kept", [b"", b"[]", b'{"B": 5}', b"\xff"])
def test_damaged_state_is_made_anew(home, kept):
    home.state.mkdir()
    (home.state / "mailbox-names.json").write_bytes(kept)
    assert home.update("A", "INBOX") == ""
    assert json.loads((home.state / "mailbox-names.json").read_bytes()).keys() == {"A"}


def test_accounts_that_end_at_the_same_time_are_all_listed(home):
    names = [f"A{number}" for number in range(8)]
    home = home.other(accounts=frozenset(names))
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda name: home.update(name, "INBOX"), names)) == {""}
    assert home.file.read_text().count("INBOX") == 8


def test_names_that_are_no_unicode_are_written_as_they_are(home):
    odd = os.fsdecode(b"caf\xe9")
    home.update("A", odd)
    assert b"caf\xe9" in home.file.read_bytes()
