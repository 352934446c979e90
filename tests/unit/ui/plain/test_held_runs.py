"""Runs that hold deletions and put messages aside, as every face shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fakes.terminal import FakeFile, FakeTerminal

from postboat.events import (
    AccountFinished,
    AccountStarted,
    Counts,
    Event,
    FolderCreated,
    FolderFinished,
    FolderMatchedAnew,
    FolderStarted,
    MessageCameBack,
    MessagesAside,
    MessagesPutBack,
    PlanDecided,
    PlanHeld,
    RunFinished,
)
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.jsonl import JsonLines
from postboat.ui.plain.logfile import LogFile
from postboat.ui.plain.out import Out
from postboat.ui.plain.quiet import Quiet
from postboat.ui.plain.tty import RED, Size, Tty
from postboat.ui.sentences.waiting import IN_FULL
from postboat.ui.view import View, fold
from postboat.ui.words import DETAILS, Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HELD = PlanHeld("MyMail", "Archive", "remote", "emptied", 120, 120, ("Invoice", "Minutes"))
SUMMARY = "MyMail: not in step: held: 120 messages in 1 folder wait for your word; 2 folders, 1 new (↓1) in 0.5 s"
REMINDER = "  held: Archive; `postboat restore` lists what waits for your word, and why"
RUN = (
    AccountStarted("MyMail"),
    FolderStarted("MyMail", "Archive"),
    HELD,
    FolderFinished("MyMail", "Archive", Counts(down=1)),
    AccountFinished("MyMail", Counts(down=1), 2, 0, 0.5, held=120),
    RunFinished(6),
)
TOLD = [
    "Archive: HELD: all 120 messages would be deleted on the server, because the folder was emptied in the Maildir",
    '  "Invoice", "Minutes" and 118 more',
    "  if that is meant:  postboat confirm MyMail:Archive",
    "  to get them back:  postboat restore MyMail:Archive",
]
ASIDE = MessagesAside("MyMail", "Sent", 2, 0.0, "too large")


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def basic(*events: Event, manner: Manner = Manner()) -> tuple[list[str], list[str]]:
    out, err = FakeFile(), FakeFile()
    await Basic(manner, out=Out(out), err=Out(err)).show(stream(*events))
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def ended(**waiting: int) -> AccountFinished:
    return AccountFinished("MyMail", Counts(), 2, 0, 0.5, **waiting)


async def test_basic_tells_what_is_held_at_once_and_reminds_of_it_at_the_end() -> None:
    out, err = await basic(*RUN)
    assert err == TOLD
    assert out[-2:] == [SUMMARY, REMINDER]


async def test_quiet_tells_what_is_held_and_nothing_else() -> None:
    err = FakeFile()
    await Quiet(Manner(), err=Out(err)).show(stream(*RUN))
    assert err.getvalue().splitlines() == TOLD


async def test_the_log_tells_what_is_held_each_line_with_its_time() -> None:
    log = FakeFile()
    await LogFile(Manner(), Out(log), now=lambda: NOON).show(stream(*RUN))
    stamp = "2026-05-04 12:00:00+00:00 "
    lines = log.getvalue().splitlines()
    assert lines[:4] == [stamp + line for line in TOLD]
    assert lines[-2:] == [stamp + SUMMARY, stamp + REMINDER]


async def test_json_tells_the_facts() -> None:
    out = FakeFile("ascii")
    await JsonLines(out=Out(out), now=lambda: NOON).show(stream(*RUN))
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert told[2] == {
        "event": "PlanHeld",
        "time": "2026-05-04T12:00:00.000+00:00",
        "account": "MyMail",
        "folder": "Archive",
        "on": "remote",
        "suspicion": "emptied",
        "count": 120,
        "of": 120,
        "subjects": ["Invoice", "Minutes"],
    }
    assert (told[-2]["held"], told[-2]["aside"]) == (120, 0)


async def test_a_terminal_shows_what_is_held_and_sums_it_up() -> None:
    terminal, err = FakeTerminal(), FakeTerminal()
    await Tty(Manner(), out=Out(terminal), err=Out(err), measure=lambda: Size(200, 24)).show(stream(*RUN))
    assert err.screen == TOLD
    assert err.getvalue().startswith(RED)
    assert terminal.screen == [SUMMARY, "  Archive: 1 new (↓1)", REMINDER]


async def test_a_terminal_shows_the_users_word_and_what_came_back() -> None:
    terminal = FakeTerminal()
    word = PlanDecided("MyMail", "Archive", "remote", "restore", 120)
    events = (word, MessagesPutBack("MyMail", "Archive", 3), AccountStarted("MyMail"), ended())
    await Tty(Manner(), out=Out(terminal), err=Out(FakeFile()), measure=lambda: Size(200, 24)).show(stream(*events))
    assert terminal.screen[:2] == [
        "Archive: to be restored: 120 messages in the Maildir",
        "Archive: put back 3 messages that had been removed from the Maildir",
    ]


def fold_all(view: View, *events: Event) -> Event:
    for event in events:
        fold(view, event, 0.0)
    return events[-1]


async def test_three_hundred_held_folders_are_told_up_to_a_bound_and_counted() -> None:
    many = [PlanHeld("MyMail", f"F{n}", "remote", "many of the account", 2, 7) for n in range(300)]
    out, err = await basic(AccountStarted("MyMail"), *many, ended(held=600))
    assert len(err) == 3 * IN_FULL + (DETAILS - IN_FULL) + 4
    assert all(line.startswith("F") and "HELD" in line for line in err[3 * IN_FULL : -4])
    assert err[-4:] == [
        "more folders are held and only counted",
        "MyMail: 300 folders held; `postboat restore` lists them all",
        "  if all that is meant:  postboat confirm MyMail",
        "  to get all of it back: postboat restore MyMail",
    ]
    assert "held: 600 messages in 300 folders wait for your word" in out[0]
    assert out[1].startswith("  held: F0, F1, F2, F3, F4, F5 and 294 more; ")


async def test_a_dry_run_of_three_hundred_held_folders_proposes_nothing() -> None:
    many = [PlanHeld("MyMail", f"F{n}", "remote", "emptied", 7, 7) for n in range(300)]
    _, err = await basic(AccountStarted("MyMail"), *many, ended(held=2100), manner=Manner(dry_run=True))
    assert err[-1] == "more folders would be held and only counted"
    assert not any("postboat" in line for line in err)


async def test_when_all_folders_are_gone_one_word_stands_for_all() -> None:
    gone = PlanHeld("MyMail", "", "remote", "all folders gone", 5230, 5230)
    out, err = await basic(AccountStarted("MyMail"), gone, ended(held=5230))
    assert len(err) == 4
    assert err[0].startswith("MyMail: HELD, and nothing was synced: all 5,230 messages")
    assert "held: 5,230 messages in all folders wait for your word" in out[0]
    assert out[1].startswith("  held: all folders; ")


async def test_one_message_waits() -> None:
    out, _ = await basic(AccountStarted("MyMail"), PlanHeld("MyMail", "A", "local", "unmarked", 1, 7), ended(held=1))
    assert "held: 1 message in 1 folder waits for your word" in out[0]


async def test_a_folder_held_on_both_sides_counts_once() -> None:
    other = PlanHeld("MyMail", "Archive", "local", "many of the folder", 30, 60)
    out, err = await basic(AccountStarted("MyMail"), HELD, other, ended(held=150))
    assert "held: 150 messages in 1 folder wait" in out[0]
    assert sum("HELD" in line for line in err) == 2


async def test_a_dry_run_says_what_would_be_held() -> None:
    out, err = await basic(AccountStarted("MyMail"), HELD, ended(held=120), manner=Manner(dry_run=True))
    assert err[0].startswith("Archive: would be held: all 120 messages")
    assert out == [
        "MyMail: dry run, nothing was changed: 2 folders, nothing new, would be held: 120 messages in 1 folder in 0.5 s"
    ]


async def test_messages_put_aside_are_one_line_for_a_folder_and_counted_at_the_end() -> None:
    out, err = await basic(AccountStarted("MyMail"), ASIDE, ended(aside=2))
    assert len(err) == 1
    assert err[0].startswith("Sent: 2 messages are put aside, tried again at ")
    assert err[0].endswith(": too large")
    assert out == ["MyMail: not in step: 2 messages put aside; 2 folders, nothing new in 0.5 s"]


async def test_messages_put_aside_in_very_many_folders_are_told_up_to_a_bound() -> None:
    many = [MessagesAside("MyMail", f"F{n}", 1, 0.0, "no") for n in range(300)]
    _, err = await basic(AccountStarted("MyMail"), *many, ended(aside=300))
    assert len(err) == DETAILS + 1
    assert err[-1] == "more messages are put aside in other folders, and only counted"


async def test_the_users_word_and_what_came_back_are_told_before_the_sync() -> None:
    put_back = MessagesPutBack("MyMail", "Archive", 3)
    word = PlanDecided("MyMail", "Archive", "remote", "confirmed", 120)
    out, err = await basic(word, put_back, AccountStarted("MyMail"), ended())
    assert out[:-1] == [
        "Archive: confirmed: 120 messages to be deleted on the server",
        "Archive: put back 3 messages that had been removed from the Maildir",
    ]
    assert err == []


async def test_a_word_on_very_many_folders_is_told_up_to_a_bound() -> None:
    many = [PlanDecided("MyMail", f"F{n}", "remote", "restore", 7) for n in range(300)]
    out, _ = await basic(*many, AccountStarted("MyMail"))
    assert len([line for line in out if "to be restored" in line]) == DETAILS
    assert out[DETAILS] == "and the same of more folders"


async def test_very_many_messages_that_came_back_are_told_up_to_a_bound() -> None:
    many = [MessageCameBack("MyMail", "INBOX", "local", str(n)) for n in range(300)]
    out, _ = await basic(AccountStarted("MyMail"), *many, ended())
    assert len(out) == DETAILS + 2
    assert out[-2] == "more messages came back since they were changed, and count as new"


async def test_a_folder_that_is_made_anew_is_not_said_to_be_another() -> None:
    anew = FolderMatchedAnew("MyMail", "Archive")
    _, err = await basic(AccountStarted("MyMail"), FolderCreated("MyMail", "Archive", "local", "Archive"), anew)
    assert err == []
    _, err = await basic(AccountStarted("MyMail"), anew)
    assert len(err) == 1


def test_what_waits_is_no_work_on_a_folder() -> None:
    view = View()
    fold_all(view, HELD, ASIDE, PlanDecided("MyMail", "", "remote", "restore", 7), MessagesPutBack("MyMail", "X", 3))
    assert view.accounts["MyMail"].working == {}
