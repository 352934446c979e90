"""Deletions that wait for the user's word, and messages that wait for their time."""

from __future__ import annotations

import time

import pytest

from postboat.events import MessagesAside, PlanDecided, PlanHeld
from postboat.model import Suspicion
from postboat.ui import shell
from postboat.ui.sentences import waiting
from postboat.ui.words import Manner

PLAIN = Manner()
DRY = Manner(dry_run=True)
MANY = Manner(many_accounts=True)
SUBJECTS = ("Invoice 4711", "Re: Budget")


def held(
    suspicion: Suspicion = Suspicion.EMPTIED,
    *,
    folder: str = "Archive",
    on: str = "remote",
    count: int = 120,
    of: int = 120,
    subjects: tuple[str, ...] = (),
) -> PlanHeld:
    return PlanHeld("MyMail", folder, on, suspicion.value, count, of, subjects)


def test_a_held_folder_tells_which_why_how_many_and_what_to_do() -> None:
    assert waiting.held(held(subjects=SUBJECTS), PLAIN) == (
        "Archive: HELD: all 120 messages would be deleted on the server, because the folder was emptied in the Maildir",
        '  "Invoice 4711", "Re: Budget" and 118 more',
        "  if that is meant:  postboat confirm MyMail:Archive",
        "  to get them back:  postboat restore MyMail:Archive",
    )


def test_of_several_accounts_the_one_is_named() -> None:
    assert waiting.held(held(), MANY)[0].startswith("MyMail: Archive: HELD: ")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (held(on="local"), "all 120 messages would be deleted locally, because the folder was emptied on the server"),
        (held(count=1, of=1), "the only message would be deleted on the server, because the folder was emptied in"),
        (
            held(Suspicion.MANY_OF_FOLDER, count=1030, of=2000),
            "1,030 of 2,000 messages would be deleted on the server, because they are gone from the Maildir, "
            "a large part of the folder (more than maxdeletesfolder and maxdeletespercent allow)",
        ),
        (
            held(Suspicion.MANY_OF_ACCOUNT, count=1, of=7, on="local"),
            "1 of 7 messages would be deleted locally, because it is gone from the server, and all folders together "
            "would lose more than maxdeletes allows",
        ),
        (held(Suspicion.FOLDER_GONE), "on the server, because the folder is gone from the Maildir"),
        (held(Suspicion.FOLDER_GONE, on="local"), "locally, because the folder is gone from the server"),
        (held(Suspicion.OTHER_DISK, count=2), "gone from the Maildir, whose directory lies on another disk than befo"),
        (held(Suspicion.UNMARKED, count=2), "whose directory lacks the mark (.postboat-store) that it had"),
    ],
)
def test_each_suspicion_has_its_reason(event: PlanHeld, told: str) -> None:
    assert told in waiting.held(event, PLAIN)[0]


@pytest.mark.parametrize("suspicion", Suspicion)
@pytest.mark.parametrize("on", ["local", "remote"])
def test_no_suspicion_is_without_words_and_commands(suspicion: Suspicion, on: str) -> None:
    first, *rest = waiting.held(held(suspicion, on=on), PLAIN)
    assert "because" in first
    reason = first.partition("because")[2].strip()
    assert reason not in {"they are gone from the Maildir", "they are gone from the server"}
    assert [line.split()[-3:-1] for line in rest[-2:]] == [["postboat", "confirm"], ["postboat", "restore"]]


def test_when_all_folders_are_gone_the_account_is_meant() -> None:
    assert waiting.held(held(Suspicion.ALL_GONE, folder="", count=5230, of=5230), PLAIN) == (
        "MyMail: HELD, and nothing was synced: all 5,230 messages would be deleted on the server, because all folders "
        "are gone from the Maildir",
        "  if the right disk is not mounted: mount it, and sync again",
        "  if that is meant:  postboat confirm MyMail",
        "  to get them back:  postboat restore MyMail",
    )


def test_a_disk_is_only_spoken_of_where_one_may_be_missing() -> None:
    told = waiting.held(held(Suspicion.ALL_GONE, folder="", on="local"), PLAIN)
    assert not any("disk" in line for line in told)
    assert not any("disk" in line for line in waiting.held(held(), PLAIN))


def test_a_dry_run_gives_no_command_for_what_it_does_not_hold() -> None:
    told = waiting.held(held(subjects=SUBJECTS), DRY)
    assert told[0].startswith("Archive: would be held: all 120 messages would be deleted on the server")
    assert "Invoice 4711" in told[1]
    assert len(told) == 3
    assert not any("postboat" in line for line in told)


def test_subjects_cannot_steer_a_terminal_and_are_cut() -> None:
    (line,) = waiting.subjects(held(subjects=("\x1b]0;x\x07" + "long " * 30, "", "two\r\nlines"), count=3))
    assert line.isprintable()
    assert line.endswith('…", "(no subject)", "two  lines"')
    assert len(line) < 100


def test_no_more_are_told_of_than_there_are() -> None:
    assert waiting.subjects(held(subjects=SUBJECTS, count=2)) == ('  "Invoice 4711", "Re: Budget"',)
    assert waiting.subjects(held()) == ()


@pytest.mark.parametrize(
    ("verdict", "on", "told"),
    [
        ("confirmed", "remote", "Archive: confirmed: 120 messages to be deleted on the server"),
        ("confirmed", "local", "Archive: confirmed: 120 messages to be deleted locally"),
        ("restore", "remote", "Archive: to be restored: 120 messages in the Maildir"),
        ("restore", "local", "Archive: to be restored: 120 messages on the server"),
    ],
)
def test_the_users_word_is_repeated(verdict: str, on: str, told: str) -> None:
    assert waiting.decided(PlanDecided("MyMail", "Archive", on, verdict, 120), PLAIN) == told


def test_messages_put_aside_tell_when_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    try:
        event = MessagesAside("A", "Sent", 2, 1_795_000_000.0, "too \x1blarge")
        assert waiting.aside(event, PLAIN) == (
            "Sent: 2 messages are put aside, tried again at 12:06 (or now, with --retry): too ?large"
        )
        assert "Sent: 1 message is put aside" in waiting.aside(MessagesAside("A", "Sent", 1, 0.0, "x"), MANY)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_commands_find_the_same_configuration() -> None:
    manner = Manner(program=shell.joined(["postboat", "-c", "/home/me/my config.toml"]))
    assert waiting.held(held(), manner)[1].endswith("  postboat -c '/home/me/my config.toml' confirm MyMail:Archive")
