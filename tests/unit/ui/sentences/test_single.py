"""Sentences of a single run."""

from __future__ import annotations

import pytest

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountStarted,
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    MessageCameBack,
    MessageFailed,
    Warned,
)
from postboat.ui import words
from postboat.ui.sentences import single
from postboat.ui.sentences.telling import told_trouble
from postboat.ui.view import View, fold
from postboat.ui.words import Manner

PLAIN = Manner()
DRY = Manner(dry_run=True)


def test_a_folder_without_changes_says_so() -> None:
    assert single.folder_line("INBOX", Counts()) == "INBOX: nothing new"


def finished(done: Counts = Counts(), *, failed_folders: int = 0, folders: int = 312) -> AccountFinished:
    return AccountFinished("MyMail", done, folders, failed_folders, 3.14)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (finished(), "MyMail: in step, 312 folders, nothing new in 3.1 s"),
        (finished(Counts(down=12)), "MyMail: in step, 312 folders, 12 new (↓12) in 3.1 s"),
        (finished(failed_folders=1), "MyMail: not in step: 1 folder failed; 312 folders, nothing new in 3.1 s"),
        (
            finished(Counts(down=5, failed=2), failed_folders=2, folders=4),
            "MyMail: not in step: 2 folders failed, 2 messages failed; 4 folders, 5 new, 2 failed (↓5) in 3.1 s",
        ),
    ],
)
def test_an_account_in_step_and_one_that_is_not_sound_different(event: AccountFinished, told: str) -> None:
    assert single.account_line(event, PLAIN, Counts()) == told


def test_a_dry_run_never_says_that_an_account_is_in_step() -> None:
    line = single.account_line(finished(), DRY, Counts(down=3))
    assert line == "MyMail: dry run, nothing was changed: 312 folders, 3 new (↓3) in 3.1 s"
    failed = single.account_line(finished(failed_folders=1), DRY, Counts())
    assert failed == "MyMail: dry run, nothing was changed: 312 folders, nothing new, 1 folder failed in 3.1 s"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (AccountConnected("A", "imap.example.org", "me"), "A: connected to imap.example.org as me"),
        (AccountConnected("A", "imap.example.org", ""), "A: connected to imap.example.org"),
        (FoldersListed("A", 1), "A: 1 folder to compare"),
        (FoldersUnchanged("A", 1), "A: 1 folder unchanged on both sides"),
        (FoldersUnchanged("A", 1097), "A: 1,097 folders unchanged on both sides"),
        (FoldersUnchanged("A", 0), None),
        (FolderCreated("A", "Sent", "remote", "Sent"), "Sent: created on the server"),
        (FolderCreated("A", "INBOX.x", "local", "x"), "INBOX.x: created locally as x"),
        (FolderFinished("A", "INBOX", Counts(up=1)), "INBOX: 1 new (↑1)"),
        (FolderFinished("A", "INBOX", Counts()), None),
        (FolderStarted("A", "INBOX"), None),
    ],
)
def test_news_are_told_and_trifles_are_not(event: FolderFinished, told: str | None) -> None:
    assert single.news(event, PLAIN) == told


def test_a_message_that_came_back_tells_why() -> None:
    assert single.came_back(MessageCameBack("A", "INBOX", "local", "12"), PLAIN) == (
        "INBOX: message 12 was deleted in the Maildir but changed on the server since: it came back"
    )
    assert "deleted on the server but changed in the Maildir" in single.came_back(
        MessageCameBack("A", "INBOX", "remote", "12"), PLAIN
    )


def test_with_several_accounts_every_sentence_names_its_own() -> None:
    assert single.news(FolderFinished("A", "INBOX", Counts(up=1)), Manner(many_accounts=True)) == "A: INBOX: 1 new (↑1)"
    assert single.trouble(FolderFailed("A", "B", "gone"), Manner(many_accounts=True))[0].startswith("A: B: ")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (MessageFailed("A", "INBOX", "copying 7", "too\nlarge"), ("INBOX: copying 7: too large",)),
        (FolderFailed("A", "B", "no such folder"), ("B: could not be synced: no such folder",)),
        (Warned("careful"), ("careful",)),
        (Warned("careful", "A"), ("A: careful",)),
        (AccountFailed("A", "disk full", 3), ("A: not synced: disk full",)),
        (AccountFailed("A", "one clashes\ntwo\x1b clashes", 3), ("A: not synced: one clashes", "  two? clashes")),
        (FolderFinished("A", "B", Counts()), ()),
    ],
)
def test_failures_and_warnings_are_told_in_one_line(event: Warned, told: tuple[str, ...]) -> None:
    assert single.trouble(event, PLAIN) == told


def test_a_rule_that_fails_for_every_folder_fills_no_screen() -> None:
    reasons = [f"reason {n}" for n in range(1 + words.DETAILS)]
    full = single.trouble(AccountFailed("A", "\n".join(reasons[:-1]), 3), PLAIN)
    assert full[-1] == f"  reason {words.DETAILS - 1}"
    cut = single.trouble(AccountFailed("A", "\n".join([*reasons, "last"]), 3), PLAIN)
    assert (len(cut), cut[-1]) == (1 + words.DETAILS, "  and 2 more")


@pytest.mark.parametrize(
    ("code", "hint"), [(2, "Nothing was changed."), (4, "check -a A"), (5, "password"), (7, "--wait")]
)
def test_a_failed_account_says_what_to_do(code: int, hint: str) -> None:
    _, advice = single.trouble(AccountFailed("A", "it broke", code), PLAIN)
    assert hint in advice


def test_a_dry_run_looks_at_folders_without_a_word() -> None:
    assert single.news(FoldersListed("A", 9), DRY) is None
    assert single.news(FoldersUnchanged("A", 9), DRY) is None


def test_a_dry_run_speaks_of_folders_that_would_be_created() -> None:
    assert single.news(FolderCreated("A", "Sent", "local", "Sent"), DRY) == "Sent: would be created locally"


def test_an_account_that_fails_in_the_middle_says_what_was_done_until_then() -> None:
    view = View()
    events = (
        AccountStarted("A"),
        FolderStarted("A", "INBOX"),
        FolderPlanned("A", "INBOX", Counts(down=3000)),
        FolderProgressed("A", "INBOX", Counts(down=1500)),
        FolderStarted("A", "INBOX"),  # anew, as its connection broke
        FolderPlanned("A", "INBOX", Counts(down=1500)),
        FolderProgressed("A", "INBOX", Counts(down=64)),
        AccountFailed("A", "New: connection refused", 4),
    )
    for now, event in enumerate(events):
        fold(view, event, now)
        said = told_trouble(event, view, PLAIN)
    assert said[0] == "A: not synced: New: connection refused"
    assert said[-1] == "  Done until then: 1,564 new (↓1,564); the next run goes on from there"
    fold(view, AccountStarted("B"), 9)
    failed = AccountFailed("B", "connection refused", 4)
    fold(view, failed, 10)
    assert not any("until then" in line for line in told_trouble(failed, view, PLAIN)), "nothing was"
