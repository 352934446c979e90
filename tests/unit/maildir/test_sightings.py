import pytest

from postboat.maildir.sightings import HELD, LONGEST_WAIT, WAIT, Notice, Sightings
from postboat.maildir.touched import MANY

ONE, TWO = ("cur", "1:2,"), ("cur", "1:2,S")


def take(seen, now):
    """What would be passed on of a folder that is the only one."""
    seen.ripen(now)
    return seen.take(now, hold=seen.is_waiting)


@pytest.fixture
def seen():
    return Sightings()


def test_what_was_renamed_into_place_is_told_at_once(seen):
    seen.notice(ONE, Notice.CAME, 10)
    assert take(seen, 10) == {"1": {ONE: True}}
    assert take(seen, 10) == {} and seen.due is None and seen.is_quiet


def test_the_last_event_counts(seen):
    for notice in (Notice.CAME, Notice.WENT, Notice.CAME, Notice.WENT):
        seen.notice(ONE, notice, 10)
    assert take(seen, 10) == {"1": {ONE: False}}


def test_a_link_is_told_when_nobody_wrote_to_it_for_a_moment(seen):
    seen.notice(ONE, Notice.MADE, 10)
    assert take(seen, 10) == {} and seen.due == 10 + WAIT and not seen.is_quiet
    assert take(seen, 10 + WAIT) == {"1": {ONE: True}}


def test_what_is_written_is_told_when_it_is_closed(seen):
    seen.notice(ONE, Notice.MADE, 10)
    seen.notice(ONE, Notice.GROWN, 10.1)
    assert take(seen, 12) == {} and seen.is_quiet
    seen.notice(ONE, Notice.CLOSED, 13)
    assert take(seen, 13) == {"1": {ONE: True}}


def test_who_never_closes_a_file_does_not_hide_it_for_ever(seen):
    seen.notice(ONE, Notice.MADE, 10)
    seen.notice(ONE, Notice.GROWN, 10.1)
    seen.notice(ONE, Notice.GROWN, 12)
    assert seen.due == 12 + LONGEST_WAIT
    assert take(seen, 12 + LONGEST_WAIT) == {"1": {ONE: True}}


def test_what_changes_within_a_message_that_was_there_is_nothing(seen):
    seen.notice(ONE, Notice.GROWN, 10)
    seen.notice(ONE, Notice.CLOSED, 10)
    assert seen.due is None and seen.is_quiet and take(seen, 10) == {}


def test_what_went_waits_for_what_was_just_made_but_not_for_ever(seen):
    seen.notice(TWO, Notice.MADE, 10)
    seen.notice(ONE, Notice.WENT, 10)
    assert take(seen, 10) == {}
    assert take(seen, 10 + WAIT) == {"1": {ONE: False, TWO: True}}
    at = 20.0
    while at < 20 + HELD:
        seen.notice(("cur", f"{at}"), Notice.MADE, at)
        assert take(seen, at) == {}
        at += WAIT / 2
    assert take(seen, 20 + HELD)


def test_what_is_held_for_another_folder_is_looked_at_again_when_it_was_held_for_long_enough(seen):
    seen.notice(ONE, Notice.WENT, 10)
    assert seen.take(10, hold=True) == {} and seen.due == 10 + HELD
    assert seen.take(10 + HELD, hold=True) == {"1": {ONE: False}} and seen.due is None


def test_every_word_makes_what_was_told_before_old(seen):
    before = seen.version
    seen.notice(ONE, Notice.CAME, 10)
    take(seen, 10)
    assert seen.version > before


def test_too_many_files_are_not_worth_it(seen):
    for number in range(MANY + 1):
        assert not seen.are_too_many
        seen.notice(("cur", str(number)), Notice.CAME, 10)
    assert seen.are_too_many
    seen.forget()
    assert not seen.are_too_many and take(seen, 10) == {}
