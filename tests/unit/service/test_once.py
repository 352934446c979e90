"""What lasts is told once."""

from __future__ import annotations

from postboat.events import Event, FolderFailed, FolderStarted, MessagesAside, Warned
from postboat.service.once import Once

TROUBLE = FolderFailed("A", "INBOX", "no permission")


def told(*cycles: list[Event] | tuple[list[Event], bool]) -> list[list[Event]]:
    """What is told in each cycle; one with False looks at some folders only."""
    heard: list[Event] = []
    once, shown = Once(heard.append), []
    for cycle in cycles:
        events, everything = cycle if isinstance(cycle, tuple) else (cycle, True)
        for event in events:
            once(event)
        once.cycle_ended(everything=everything)
        shown.append(heard.copy())
        heard.clear()
    return shown


def test_trouble_that_lasts_is_told_once():
    assert told([TROUBLE], [TROUBLE], [TROUBLE]) == [[TROUBLE], [], []]


def test_trouble_that_was_over_is_told_again():
    assert told([TROUBLE], [], [TROUBLE]) == [[TROUBLE], [], [TROUBLE]]


def test_a_look_at_some_folders_ends_no_trouble_of_others():
    assert told([TROUBLE], ([], False), [TROUBLE]) == [[TROUBLE], [], []]


def test_trouble_of_a_small_sync_is_not_told_again_by_the_next_large_one():
    assert told(([TROUBLE], False), [TROUBLE], [TROUBLE]) == [[TROUBLE], [], []]


def test_another_reason_is_other_trouble():
    other = FolderFailed("A", "INBOX", "disk full")
    assert told([TROUBLE], [other]) == [[TROUBLE], [other]]


def test_what_happens_anew_each_time_is_told_each_time():
    started = FolderStarted("A", "INBOX")
    assert told([started], [started]) == [[started], [started]]


def test_a_message_put_aside_for_longer_is_no_news():
    first, later = MessagesAside("A", "INBOX", 1, 100.0, "too big"), MessagesAside("A", "INBOX", 1, 900.0, "too big")
    assert told([first], [later]) == [[first], []]


def test_weeks_of_cycles_keep_only_what_lasts():
    once = Once(lambda event: None)
    for cycle in range(10_000):
        once(Warned(f"only in cycle {cycle}"))
        once.cycle_ended(everything=True)
    assert len(once._told) == 1
