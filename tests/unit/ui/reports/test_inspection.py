"""What `check` and `folders` say."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from postboat.ui.reports.inspection import as_json, checked, listed
from postboat.values import Sides


@dataclass(frozen=True)
class Folder:
    remote: str
    local: str = ""
    synced: bool = True
    why: str = ""
    messages: int | None = None
    local_messages: int | None = None


@dataclass(frozen=True)
class Server:
    server: str = "localhost:143"
    tls: str = "plain text"
    certificate: str = ""
    capabilities: tuple[str, ...] = ("IDLE",)


@dataclass(frozen=True)
class Account:
    account: str = "MyMail"
    exit_code: int = 0
    server: str = "imap.example.org:993"
    tls: str = "TLSv1.3"
    certificate: str = "CN=imap.example.org"
    capabilities: tuple[str, ...] = ("IDLE", "X-ODD", "condstore", "IMAP4REV1")
    folders: tuple[Folder, ...] = ()
    problems: tuple[str, ...] = ()
    others: tuple[Server, ...] = ()
    sides: Sides | None = None

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


FOLDERS = (
    Folder("INBOX", "INBOX", messages=1),
    Folder("INBOX.草稿", "Drafts", why="would be created locally", messages=1200),
    Folder("Spam", synced=False, why="the folder rules leave it out"),
    Folder("evil\x1b[2J", "evil"),
)


def test_folders_are_listed_in_two_columns_or_with_the_reason() -> None:
    assert list(listed(FOLDERS)) == [
        "INBOX       ->  INBOX  (1 message)",
        "INBOX.草稿  ->  Drafts  (1,200 messages, would be created locally)",
        "Spam        --  left alone: the folder rules leave it out",
        "evil?[2J    ->  evil",
    ]


def test_an_account_is_told_in_full() -> None:
    lines = list(checked(Account(folders=FOLDERS[:1])))
    assert lines == [
        "MyMail: all right",
        "  server        imap.example.org:993",
        "  connection    TLSv1.3",
        "  certificate   CN=imap.example.org",
        "  capabilities  CONDSTORE IDLE, 2 others",
        "  folders       1 to sync",
        "    INBOX  ->  INBOX  (1 message)",
    ]


def test_of_two_servers_each_is_told_by_the_name_of_its_repository() -> None:
    folders = (
        Folder("INBOX", "INBOX", messages=12, local_messages=1),
        Folder("Sent", "Sent", why="would be created on New", messages=3),
        Folder("Own", "Own", why="would be created on Old", local_messages=4),
    )
    lines = list(checked(Account(folders=folders, others=(Server(),), sides=Sides("Old", "New"))))
    assert lines == [
        "MyMail: all right",
        "  server        Old: imap.example.org:993",
        "  connection    TLSv1.3",
        "  certificate   CN=imap.example.org",
        "  capabilities  CONDSTORE IDLE, 2 others",
        "  server        New: localhost:143",
        "  connection    plain text",
        "  capabilities  IDLE",
        "  folders       3 to sync",
        "    INBOX  ->  INBOX  (12 messages on Old, 1 message on New)",
        "    Sent   ->  Sent  (3 messages, would be created on New)",
        "    Own    ->  Own  (4 messages, would be created on Old)",
    ]


def test_of_two_trees_of_maildirs_no_server_is_told() -> None:
    account = Account(server="", tls="", certificate="", capabilities=(), folders=(Folder("INBOX", "INBOX"),))
    lines = list(checked(replace(account, sides=Sides("A", "B", servers=False))))
    assert lines == ["MyMail: all right", "  folders       1 to sync", "    INBOX  ->  INBOX"]


def test_an_account_that_cannot_be_synced_says_why() -> None:
    failed = Account(exit_code=4, server="", tls="", certificate="", capabilities=(), problems=("no route\nto host",))
    assert list(checked(failed)) == [
        "MyMail: cannot be synced, 1 problem",
        "  problem       no route",
        "                to host",
    ]


def test_what_merely_looks_odd_is_a_note() -> None:
    lines = list(checked(Account(problems=("exclude 'Spma' matches no folder on the server",))))
    assert lines[0] == "MyMail: all right, 1 thing to look at"
    assert lines[-1] == "  note          exclude 'Spma' matches no folder on the server"


def test_a_report_is_json_on_one_line() -> None:
    line = as_json(FOLDERS[3], account="MyMail")
    assert "\n" not in line
    told = {"remote": "evil\x1b[2J", "local": "evil", "synced": True, "why": "", "account": "MyMail"}
    told |= {"messages": None, "local_messages": None}
    assert json.loads(line) == told
