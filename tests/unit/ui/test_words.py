"""Sentences, numbers, and texts from outside."""

from __future__ import annotations

import pytest

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    MessageCameBack,
    MessageFailed,
    PlanShown,
    Warned,
)
from postboat.ui import plans, words
from postboat.ui.words import Manner

PLAIN = Manner()
DRY = Manner(dry_run=True)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (Counts(down=10, up=2, reflagged=3, deleted_local=1), "12 new, 3 flagged, 1 deleted (↓10 ↑2)"),
        (Counts(down=12345), "12,345 new (↓12,345)"),
        (Counts(up=1), "1 new (↑1)"),
        (Counts(deleted_remote=1, deleted_local=2), "3 deleted"),
        (Counts(moved=3), "3 moved"),
        (Counts(reflagged=1, moved=2, deleted_local=4), "1 flagged, 2 moved, 4 deleted"),
        (Counts(adopted=7), "7 found on both sides"),
        (Counts(down=1, failed=2), "1 new, 2 failed (↓1)"),
        (Counts(bytes_down=5), ""),
        (Counts(), ""),
    ],
)
def test_counts_read_as_a_sentence(counts: Counts, told: str) -> None:
    assert words.changes(counts) == told


def test_without_arrows_directions_are_words() -> None:
    assert words.changes(Counts(down=10, up=2), arrows=False) == "12 new (10 down, 2 up)"
    assert words.changes(Counts(down=10, up=2, reflagged=1), arrows=False).isascii()


def test_a_folder_without_changes_says_so() -> None:
    assert words.folder_line("INBOX", Counts()) == "INBOX: nothing new"


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_440_000, "1.4 MB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (23_400_000_000, "23 GB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5e15, "5,000 TB"),
    ],
)
def test_sizes_have_two_or_three_digits(octets: float, told: str) -> None:
    assert words.size(octets) == told


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (39, "0:39"), (59.6, "1:00"), (3723, "1:02:03")])
def test_time_to_go_reads_as_a_clock(seconds: float, told: str) -> None:
    assert words.clock(seconds) == told


@pytest.mark.parametrize(("seconds", "told"), [(0.04, "0.0 s"), (3.14, "3.1 s"), (39.2, "39 s"), (125, "2:05")])
def test_durations_are_as_exact_as_they_are_short(seconds: float, told: str) -> None:
    assert words.seconds(seconds) == told


def test_nouns_follow_their_count() -> None:
    assert [words.plural(n, "folder") for n in (0, 1, 2, 1000)] == [
        "0 folders",
        "1 folder",
        "2 folders",
        "1,000 folders",
    ]
    assert words.plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Plain & simple", "Plain & simple"),
        ("Entwürfe 草稿", "Entwürfe 草稿"),
        ("\x1b]0;title\x07\x1b[2Jx", "?]0;title??[2Jx"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("\x9b31mred", "?31mred"),
        ("evil\u202etxt.exe", "evil?txt.exe"),
        ("line\u2028sep\u2029", "line?sep?"),
        ("bytes\udcff", "bytes?"),
        ("zero\u200bwidth\ufeff", "zero?width?"),
        ("nul\0del\x7f", "nul?del?"),
    ],
)
def test_a_foreign_text_cannot_steer_a_terminal(foreign: str, shown: str) -> None:
    assert words.clean(foreign) == shown


def test_wide_and_combining_characters_are_measured_as_they_show() -> None:
    assert words.width("abc") == 3
    assert words.width("草稿") == 4
    assert words.width("e\u0301") == 1


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("INBOX", 5, "INBOX"),
        ("INBOX", 4, "INB…"),
        ("草稿草稿", 5, "草稿…"),
        ("草稿草稿", 4, "草…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_a_cut_text_never_takes_more_than_its_columns(text: str, columns: int, cut: str) -> None:
    assert words.fit(text, columns) == cut
    assert words.width(cut) <= columns


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
    assert words.account_line(event, PLAIN, Counts()) == told


def test_a_dry_run_never_says_that_an_account_is_in_step() -> None:
    line = words.account_line(finished(), DRY, Counts(down=3))
    assert line == "MyMail: dry run, nothing was changed: 312 folders, 3 new (↓3) in 3.1 s"
    failed = words.account_line(finished(failed_folders=1), DRY, Counts())
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
    assert words.news(event, PLAIN) == told


def test_a_message_that_came_back_tells_why() -> None:
    assert words.came_back(MessageCameBack("A", "INBOX", "local", "12"), PLAIN) == (
        "INBOX: message 12 was deleted in the Maildir but changed on the server since: it came back"
    )
    assert "deleted on the server but changed in the Maildir" in words.came_back(
        MessageCameBack("A", "INBOX", "remote", "12"), PLAIN
    )


def test_with_several_accounts_every_sentence_names_its_own() -> None:
    assert words.news(FolderFinished("A", "INBOX", Counts(up=1)), Manner(many_accounts=True)) == "A: INBOX: 1 new (↑1)"
    assert words.trouble(FolderFailed("A", "B", "gone"), Manner(many_accounts=True))[0].startswith("A: B: ")


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
    assert words.trouble(event, PLAIN) == told


def test_a_rule_that_fails_for_every_folder_fills_no_screen() -> None:
    reasons = [f"reason {n}" for n in range(1 + words.DETAILS)]
    full = words.trouble(AccountFailed("A", "\n".join(reasons[:-1]), 3), PLAIN)
    assert full[-1] == f"  reason {words.DETAILS - 1}"
    cut = words.trouble(AccountFailed("A", "\n".join([*reasons, "last"]), 3), PLAIN)
    assert (len(cut), cut[-1]) == (1 + words.DETAILS, "  and 2 more")


@pytest.mark.parametrize(
    ("code", "hint"), [(2, "Nothing was changed."), (4, "check -a A"), (5, "password"), (7, "--wait")]
)
def test_a_failed_account_says_what_to_do(code: int, hint: str) -> None:
    _, advice = words.trouble(AccountFailed("A", "it broke", code), PLAIN)
    assert hint in advice


OPERATIONS = (
    *({"do": "copy", "to": "local", "message": str(n), "flags": ["\\Seen"], "size": 1} for n in range(12)),
    {"do": "copy", "to": "remote", "message": "1.h", "flags": [], "size": None},
    {"do": "copy", "to": "remote", "message": "2.h\x1b", "flags": [], "size": None},
    {"do": "reflag", "remote": "5", "local": "x", "add_remote": ["\\Seen"], "remove_remote": ["\\Flagged"]},
    {"do": "delete", "on": "local", "message": "9.h"},
    {"do": "delete", "on": "remote", "message": "9"},
)


def test_a_plan_is_told_as_a_whole_and_then_one_by_one() -> None:
    head, *details = plans.planned(PlanShown("A", "INBOX", OPERATIONS), DRY)
    assert head == (
        "INBOX: would copy 12 to local, 2 to remote, change flags of 1, delete 1 locally, delete 1 on the server"
    )
    assert details[0] == "  copy message 0 to local (\\Seen)"
    assert details[13:] == [
        "  copy message 2.h? to remote",
        "  change flags of message 5: on the server (+\\Seen -\\Flagged)",
        "  delete message 9.h locally",
        "  delete message 9 on the server",
    ]


def test_a_long_plan_is_told_up_to_a_bound() -> None:
    many = tuple({"do": "delete", "on": "local", "message": str(n)} for n in range(1234))
    lines = plans.planned(PlanShown("A", "INBOX", many), DRY)
    assert lines[0] == "INBOX: would delete 1,234 locally"
    assert len(lines) == words.DETAILS + 2
    assert lines[-1] == "  and 1,214 more"


def test_a_plan_tells_how_many_copies_on_both_sides_it_would_pair() -> None:
    pairs = tuple({"do": "adopt", "remote": str(n), "local": f"{n}.h"} for n in range(20))
    head, *details = plans.planned(PlanShown("A", "INBOX", pairs), DRY)
    assert head == "INBOX: would pair 20 that both sides hold"
    assert details[0] == "  pair message 0 on the server with 0.h"


def test_pairing_does_not_crowd_out_what_a_plan_copies_and_deletes() -> None:
    pairs = tuple({"do": "adopt", "remote": str(n), "local": f"{n}.h"} for n in range(words.DETAILS))
    delete = {"do": "delete", "on": "remote", "message": "99"}
    head, first, *_ = plans.planned(PlanShown("A", "INBOX", (*pairs, delete)), DRY)
    assert head == "INBOX: would delete 1 on the server, pair 20 that both sides hold"
    assert first == "  delete message 99 on the server"


def test_a_plan_tells_which_messages_it_would_move_where() -> None:
    moves = (
        {"do": "move", "on": "remote", "message": "7", "to": "Archive/2024"},
        {"do": "move", "on": "remote", "message": "8", "to": "Tr\x1bash"},
        {"do": "move", "on": "local", "message": "9.h", "to": "Archive"},
        {"do": "delete", "on": "remote", "message": "10"},
    )
    assert plans.planned(PlanShown("A", "INBOX", moves), DRY) == (
        "INBOX: would move 1 locally, move 2 on the server, delete 1 on the server",
        "  move message 7 on the server to Archive/2024",
        "  move message 8 on the server to Tr?ash",
        "  move message 9.h locally to Archive",
        "  delete message 10 on the server",
    )


def test_a_dry_run_looks_at_folders_without_a_word() -> None:
    assert words.news(FoldersListed("A", 9), DRY) is None
    assert words.news(FoldersUnchanged("A", 9), DRY) is None


def test_an_empty_plan_needs_no_line() -> None:
    assert plans.planned(PlanShown("A", "INBOX", ()), DRY) == ()


def test_a_dry_run_speaks_of_folders_that_would_be_created() -> None:
    assert words.news(FolderCreated("A", "Sent", "local", "Sent"), DRY) == "Sent: would be created locally"
