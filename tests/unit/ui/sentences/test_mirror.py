"""The last line of a run one way, as a migrator reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postboat.events import AccountFinished, AccountStarted, Counts, RunFinished
from postboat.mirrored import Mirrored, NotThere, NotTold
from postboat.ui.sentences.mirror import TOLD, verdict
from postboat.ui.sentences.summary import summary
from postboat.ui.sentences.telling import told_news, told_trouble
from postboat.ui.view import View, fold
from postboat.ui.words import Manner

ALL = Mirrored("move", "Old", "New", 12_345, 12_345, 37)
SPAM = NotThere("INBOX", "7", "refused", "too large", "Holidays", 1_700_000_000.0)
REMOVED = NotThere("INBOX", "8", "removed")


def less(*missing: NotThere, **facts) -> Mirrored:
    return replace(ALL, there=ALL.messages - sum(one.count for one in missing), missing=missing, **facts)


def said(event: Mirrored, **manner) -> list[str]:
    return list(verdict(event, Manner(**manner)))


def test_all_is_there():
    assert said(ALL) == ["All 12,345 messages of Old are on New, in 37 folders"]
    assert said(ALL, many_accounts=True) == ["move: all 12,345 messages of Old are on New, in 37 folders"]
    assert said(replace(ALL, messages=1, there=1, folders=1)) == ["The only message of Old is on New, in 1 folder"]
    assert said(replace(ALL, messages=0, there=0)) == ["There are no messages on Old, in 37 folders"]
    asked_for = replace(ALL, only=("INBOX", "Work"))
    assert said(asked_for) == ["All 12,345 messages of Old in INBOX, Work are on New"]


def test_what_is_not_there_is_named_with_its_reason():
    lost = NotThere("Work", "", "lost", count=4)
    assert said(less(SPAM, lost)) == [
        "12,340 of 12,345 messages of Old are on New; 5 are not:",
        '  INBOX: "Holidays" (2023-11-14): too large',
        "  Work: 4 messages: gone from New with all else in the folder; a two-way sync would ask what that means",
    ]
    assert said(less(SPAM))[0] == "12,344 of 12,345 messages of Old are on New; 1 is not:"


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("arrived", "not copied yet, since it came or changed meanwhile: run again"),
        ("unsettled", "it was sent, and New does not show it yet: run again"),
        ("readonly", "New may not be changed (readonly)"),
        ("folder", "the folder was not synced: no"),
    ],
)
def test_each_reason_has_its_words(why, words):
    assert said(less(NotThere("INBOX", "9", why, "no")))[1] == f"  INBOX: message 9: {words}"


def test_what_was_removed_from_the_new_side_is_no_failure_and_comes_last():
    assert said(less(REMOVED)) == [
        "12,344 of 12,345 messages of Old are on New; 1 was removed from New since:",
        "  INBOX: message 8: removed from this folder on New since it was copied",
    ]
    both = said(less(REMOVED, REMOVED, SPAM))
    assert both[0] == "12,342 of 12,345 messages of Old are on New; 1 is not; 2 were removed from New since:"
    assert "Holidays" in both[1]


def test_many_are_counted_and_not_named():
    many = [replace(SPAM, key=str(number)) for number in range(TOLD + 3)]
    lines = said(less(*many))
    assert len(lines) == 1 + TOLD + 1
    assert lines[-1] == "  and 3 more"


def test_what_cannot_be_told_is_not_called_complete():
    unsure = replace(ALL, untold=(NotTold("Odd", "its names do not last"),), folders=36)
    assert said(unsure) == [
        "All 12,345 messages of Old that could be counted are on New; of 1 folder it cannot be told:",
        "  Odd: its names do not last",
    ]
    nothing = Mirrored("move", "Old", "New", untold=(NotTold("", "the server is down"),))
    assert said(nothing) == ["Whether all messages of Old are on New cannot be told:", "  the server is down"]


def test_folders_that_were_not_looked_at_are_named_in_any_case():
    assert said(replace(ALL, left_out=("Spam", "Trash"), unsubscribed=("Lists",)))[1:] == [
        "  Not looked at: Spam, Trash (folder rules)",
        "  Not looked at: Lists (not subscribed)",
    ]
    many = tuple(map(str, range(TOLD + 2)))
    assert said(replace(ALL, left_out=many))[1].endswith("19 and 2 more (folder rules)")


def test_a_dry_run_says_how_much_would_come():
    event = replace(ALL, there=12_000, due=345)
    assert said(event) == ["A sync would bring 345 of 12,345 messages of Old to New; 12,000 are there already"]
    assert said(replace(event, there=0, due=12_345)) == [
        "A sync would bring 12,345 of 12,345 messages of Old to New, which holds none of them yet"
    ]
    assert said(replace(event, there=11_999, missing=(SPAM,)))[0].endswith("11,999 are there already; 1 would not be:")


def test_names_from_outside_steer_no_terminal():
    lines = said(less(NotThere("a\x1b[2J", "1", "refused", "b\x1b", "c\x1b")))
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize(("event", "failed"), [(ALL, False), (less(REMOVED), False), (less(SPAM), True)])
def test_only_what_fails_is_told_to_those_who_want_no_news(event, failed):
    view = fold(View(), event, 0.0)
    trouble, news = told_trouble(event, view, Manner()), told_news(event, view, Manner())
    assert (bool(trouble), bool(news)) == (failed, not failed)


def test_it_is_the_last_line_of_the_summary():
    view = View()
    finished = AccountFinished("move", Counts(down=12_345), 37, 0, 60.0)
    for event in (AccountStarted("move"), finished, ALL, RunFinished(0)):
        fold(view, event, 0.0)
    lines = summary(view, Manner(one_way=True))
    assert lines[0] == "move: copied one way, 37 folders, 12,345 new (↓12,345) in 60 s"
    assert lines[-1] == "All 12,345 messages of Old are on New, in 37 folders"
