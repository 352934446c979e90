"""What is heard in a flight, and of which mailbox it was said."""

from __future__ import annotations

from postboat.imap.looks.heard import Heard
from postboat.imap.wire.responses import Condition, Exists, Expunged, Fetched, ResponseCode, Unknown, Vanished
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.model import NO_FLAGS, SEEN

EVERYTHING = UidSet([(1, MAX_UID)])


def shown(uid: int | None, *flags: str, modseq: int | None = 5) -> Fetched:
    return Fetched(1, uid, frozenset(flags), modseq=modseq)


def test_what_comes_before_closed_was_about_the_mailbox_before() -> None:
    heard = Heard()
    for response in (Exists(99), shown(1, SEEN), Vanished(UidSet.of([2])), Unknown(b"*")):
        heard.selecting_since(response)
    heard.selecting_since(Condition("OK", ResponseCode("CLOSED")))
    for response in (Exists(3), shown(2), Vanished(UidSet.of([7]), earlier=True)):
        heard.selecting_since(response)
    heard.end()
    assert (heard.exists, heard.at_select, heard.listing.flags) == (3, 3, {2: NO_FLAGS})
    assert (heard.vanished, heard.understood, heard.removals) == (UidSet.of([7]), True, 0)


def test_a_select_by_itself_tells_of_no_message() -> None:
    heard = Heard()
    for response in (Exists(3), shown(1, SEEN), Vanished(UidSet.of([2]))):
        heard.selecting(response)
    heard.end()
    assert (heard.exists, heard.listing.flags, heard.vanished, heard.is_mixed) == (3, {}, UidSet(), False)


def test_changes_are_mixed_with_those_of_the_mailbox_before_unless_they_begin_somewhere() -> None:
    closed, told = Condition("OK", ResponseCode("CLOSED")), Vanished(UidSet.of([7]), earlier=True)
    for said, is_mixed in (((told,), True), ((closed, told), False), ((told, closed, told), False), ((), False)):
        heard = Heard()
        for response in said:
            heard.selecting_since(response)
        heard.end()
        assert heard.is_mixed is is_mixed


def test_the_count_at_the_select_stays_while_messages_come_and_go() -> None:
    heard = Heard()
    heard.selecting(Exists(3))
    for response in (Exists(4), Expunged(1), Expunged(9), Expunged(0), Vanished(UidSet.of([3]))):
        heard.behind(response)
    heard.end()
    assert (heard.at_select, heard.exists, heard.stirred, heard.removals) == (3, 2, 5, 4)


def test_earlier_removals_do_not_change_the_count() -> None:
    heard = Heard()
    heard.selecting(Exists(3))
    heard.selecting_since(Vanished(EVERYTHING, earlier=True))
    heard.end()
    assert (heard.exists, heard.vanished) == (3, EVERYTHING)


def test_a_removal_now_takes_back_what_was_shown_before_without_counting_a_range_out() -> None:
    heard = Heard()
    heard.selecting(Exists(2))
    for response in (shown(1), shown(2), Vanished(UidSet([(2, MAX_UID)]))):
        heard.behind(response)
    heard.end()
    assert (heard.listing.flags, heard.exists) == ({1: NO_FLAGS}, 0)


def test_the_later_flags_count() -> None:
    heard = Heard()
    heard.selecting_since(shown(1, SEEN))
    heard.behind(shown(1))
    heard.end()
    assert heard.listing.flags == {1: NO_FLAGS}


def test_flags_of_nobody_and_flags_without_a_mod_sequence_are_noticed() -> None:
    heard = Heard()
    for response in (shown(None), shown(9, modseq=None), shown(7, modseq=None), shown(3), Fetched(1, 2, size=5)):
        heard.behind(response)
    assert (heard.nameless, heard.unstamped) == (1, 7)
