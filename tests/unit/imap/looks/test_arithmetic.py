"""When an answer about changes is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from postboat.imap.checkpoint import Checkpoint
from postboat.imap.looks.arithmetic import adds_up, all_sets, is_believable, none_removed, one_set, stands_still
from postboat.imap.looks.heard import Heard
from postboat.imap.selected import Selected
from postboat.imap.wire.responses import ESearched, Exists, Fetched, Searched, Vanished
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.model import NO_FLAGS

if TYPE_CHECKING:
    from postboat.imap.wire.responses import Response

SAVED = Checkpoint(7, 10, 5, 100)


def selected(uidnext: int | None = 12, highestmodseq: int | None = 110) -> Selected:
    return Selected("INBOX", uidvalidity=7, uidnext=uidnext, highestmodseq=highestmodseq)


def heard(*behind: Response, exists: int = 6, flagged: tuple[int, ...] = (10, 11), gone: str = "3") -> Heard:
    """By default two messages came and one of five went."""
    told = Heard()
    told.selecting_since(Exists(exists))
    if gone:
        told.selecting_since(Vanished(UidSet.parse(gone), earlier=True))
    for uid in flagged:
        told.selecting_since(Fetched(1, uid, NO_FLAGS, modseq=105))
    for response in behind:
        told.behind(response)
    told.end()
    return told


def test_an_answer_that_can_be_is_believed() -> None:
    assert is_believable(SAVED, selected(), heard())


@pytest.mark.parametrize(
    "now",
    [
        selected(highestmodseq=None),
        selected(highestmodseq=99),
        selected(highestmodseq=100),
        selected(highestmodseq=2**63),
        selected(uidnext=None),
        selected(uidnext=9),
        selected(uidnext=11),
    ],
)
def test_numbers_that_cannot_be_are_not(now: Selected) -> None:
    assert not is_believable(SAVED, now, heard())


def test_a_message_that_is_shown_and_gone_is_not() -> None:
    assert not is_believable(SAVED, selected(), heard(flagged=(3, 10, 11)))


def test_flags_of_nobody_are_not() -> None:
    assert not is_believable(SAVED, selected(), heard(Fetched(1, None, NO_FLAGS)))


def test_a_rise_in_silence_is_not_unless_something_may_have_come_and_gone() -> None:
    silent = heard(exists=5, flagged=(), gone="")
    assert not is_believable(SAVED, selected(uidnext=10), silent)
    assert is_believable(SAVED, selected(uidnext=12), silent)
    assert is_believable(SAVED, selected(uidnext=10), heard(exists=4, flagged=(), gone=""))


def test_mail_that_comes_while_we_look_may_be_above_uidnext_if_it_is_counted() -> None:
    late = Fetched(7, 12, NO_FLAGS, modseq=111)
    assert is_believable(SAVED, selected(), heard(Exists(7), late))
    assert not is_believable(SAVED, selected(), heard(late))


def test_the_sum_of_what_is_known_gone_and_new_is_what_there_is() -> None:
    assert adds_up(SAVED, selected(), heard(), paired=5, gone=1, appeared=2)
    assert not adds_up(SAVED, selected(), heard(), paired=6, gone=1, appeared=2)
    assert not adds_up(SAVED, selected(), heard(), paired=5, gone=0, appeared=2)


def test_every_uid_given_out_since_is_there_or_gone() -> None:
    assert not adds_up(SAVED, selected(uidnext=13), heard(), paired=5, gone=1, appeared=2)
    assert adds_up(SAVED, selected(uidnext=13), heard(gone="3,12"), paired=5, gone=1, appeared=2)
    assert adds_up(SAVED, selected(), heard(gone=f"1:9,12:{MAX_UID}", exists=2), paired=5, gone=5, appeared=2)


def test_the_mailbox_itself_tells_whether_any_was_removed() -> None:
    assert none_removed(SAVED, heard(exists=7))
    assert not none_removed(SAVED, heard(exists=6))


def test_equal_numbers_and_silence_mean_that_nothing_happened() -> None:
    same = selected(uidnext=10, highestmodseq=100)
    assert stands_still(SAVED, same, heard(exists=5, flagged=(), gone=""))
    assert not stands_still(SAVED, same, heard(exists=5, flagged=(4,), gone=""))
    assert not stands_still(SAVED, same, heard(exists=5, flagged=(), gone="4"))
    for other in (selected(10, 101), selected(11, 100)):
        assert not stands_still(SAVED, other, heard(exists=5, flagged=(), gone=""))
    assert not stands_still(SAVED, same, heard(exists=4, flagged=(), gone=""))


def found(tag: str | None, uids: str, count: int | None, *, by_uid: bool = True) -> ESearched:
    items = ({"ALL": uids} if uids else {}) | ({"COUNT": str(count)} if count is not None else {})
    return ESearched(tag, by_uid, items)


def searches(*answers: Response) -> Heard:
    return heard(*answers, exists=3, flagged=(), gone="")


def test_sets_are_taken_in_the_order_of_their_tags() -> None:
    sets = all_sets(searches(found("A9", "1:3", 3), found("A10", "", 0)), 2)
    assert sets == [UidSet.parse("1:3"), UidSet()]
    assert all_sets(searches(found(None, "1:3", 3), found(None, "", 0)), 2) == sets


@pytest.mark.parametrize(
    "answers",
    [
        (found("A1", "1:3", 3),),
        (found("A1", "1:3", 3), found("A2", "1", 1), found("A3", "2", 1)),
        (found("A2", "1:3", 3), found("A1", "1", 1)),
        (found("A1", "1:3", 3), found("A1", "1", 1)),
        (found("A1", "1:3", 4), found("A2", "1", 1)),
        (found("A1", "1:3", None), found("A2", "1", 1)),
        (found("A1", "1:*", 3), found("A2", "1", 1)),
        (found("A1", "", 3), found("A2", "1", 1)),
        (found("A1", "1:3", 3, by_uid=False), found("A2", "1", 1)),
    ],
)
def test_sets_that_do_not_fit_their_questions_are_not_taken(answers: tuple[ESearched, ...]) -> None:
    assert all_sets(searches(*answers), 2) is None


def test_one_search_is_read_in_either_form() -> None:
    every = UidSet.parse("1:3")
    assert one_set(searches(found("A1", "1:3", 3))) == every
    assert one_set(searches(Searched(UidSet.of([1, 2])), Searched(UidSet.of([3])))) == every


def test_no_answer_means_nobody_only_where_nobody_is() -> None:
    assert one_set(searches()) is None
    assert one_set(heard(exists=0, flagged=(), gone="")) == UidSet()
    assert one_set(searches(found("A1", "1:3", None))) is None
