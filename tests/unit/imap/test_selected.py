import pytest

from postboat.errors import CommandFailed
from postboat.imap.selected import Selected, Selecting, held, is_gone
from postboat.imap.wire.responses import Condition, Exists, Expunged, ResponseCode, Unknown, Vanished
from postboat.imap.wire.uid_set import UidSet
from postboat.model import DELETED, SEEN, FlagsHeld


def ok(name, arguments=""):
    return Condition("OK", ResponseCode(name, arguments))


def answered(*responses, read_only=False, end=None):
    selecting = Selecting("A", read_only=read_only)
    for response in responses:
        selecting.note(response)
    return selecting.finish(end or Condition("OK", ResponseCode("READ-WRITE")))


def test_the_numbers_of_a_selection():
    selected = answered(Exists(7), ok("UIDVALIDITY", "1666390893380"), ok("UIDNEXT", "9"), ok("HIGHESTMODSEQ", "55"))
    assert (selected.name, selected.exists, selected.read_only) == ("A", 7, False)
    assert (selected.uidvalidity, selected.uidnext, selected.highestmodseq) == (1666390893380, 9, 55)


def test_what_the_server_does_not_tell_or_tells_as_zero_is_none():
    selected = answered(ok("UIDVALIDITY", "0"), ok("UIDNEXT", "0"), ok("HIGHESTMODSEQ", "0"))
    assert (selected.uidvalidity, selected.uidnext, selected.highestmodseq) == (None, None, None)


def test_nomodseq_leaves_no_highestmodseq():
    assert answered(ok("HIGHESTMODSEQ", "5"), ok("NOMODSEQ")).highestmodseq is None


def test_what_came_before_closed_is_about_the_mailbox_before():
    selected = answered(Exists(99), ok("UIDVALIDITY", "1"), ok("CLOSED"), Exists(2))
    assert (selected.exists, selected.uidvalidity) == (2, None)


def test_a_code_in_the_tagged_ok_counts():
    assert answered(end=ok("UIDVALIDITY", "3")).uidvalidity == 3
    assert answered(end=ok("READ-ONLY")).read_only


def test_without_permanentflags_everything_is_held():
    holds = answered().holds
    assert holds.mask(frozenset({SEEN, DELETED, "$Forwarded", "word"})) == {SEEN, DELETED, "$Forwarded", "word"}


def test_permanentflags_say_what_is_held():
    assert held(frozenset({SEEN, "$MDNSent"})) == FlagsHeld(frozenset({SEEN, "$MDNSent"}), keywords=False)
    assert held(frozenset({SEEN, "\\*"})) == FlagsHeld(frozenset({SEEN}), keywords=True)
    assert "\\Recent" not in held(frozenset({SEEN, "\\Recent"})).flags
    assert answered(ok("PERMANENTFLAGS", "()")).holds == FlagsHeld(frozenset(), keywords=False)


def test_a_mailbox_opened_for_reading_holds_nothing():
    nothing = FlagsHeld(frozenset(), keywords=False)
    assert answered(ok("PERMANENTFLAGS", "(\\Seen \\*)"), read_only=True).holds == nothing
    assert answered(end=ok("READ-ONLY")).holds == nothing


def test_uids_that_last_no_longer_than_the_session_are_known():
    assert answered(ok("UIDNOTSTICKY")).uid_not_sticky
    assert not answered().uid_not_sticky


def test_the_count_follows_what_comes_and_goes():
    selected = Selected("A", exists=5)
    for response in (Expunged(1), Vanished(UidSet.of((3, 4))), Exists(9), Expunged(9)):
        selected.note(response)
    assert selected.exists == 8


@pytest.mark.parametrize("response", [Expunged(0), Expunged(6), Vanished(UidSet.of((1,)), earlier=True)])
def test_what_no_message_can_be_does_not_count(response):
    selected = Selected("A", exists=5)
    selected.note(response)
    assert selected.exists == 5


def test_everything_vanished_at_once_costs_nothing():
    selected = Selected("A", exists=5)
    selected.note(Vanished(UidSet.parse("1:4294967295")))
    assert selected.exists == 0


def test_one_response_that_makes_no_sense_is_remembered():
    assert answered(Exists(1)).understood
    assert not answered(Unknown(b"* VANISHED 5:"), Exists(1)).understood
    selected = answered()
    selected.note(Unknown(b"* VANISHED 5:"))
    selected.note(Exists(1))
    assert not selected.understood


def test_what_made_no_sense_before_closed_is_about_the_mailbox_before():
    assert answered(Unknown(b"* VANISHED 5:"), ok("CLOSED")).understood


@pytest.mark.parametrize(
    ("text", "code", "gone"),
    [
        ("Unknown Mailbox: x", "NONEXISTENT", True),
        ("Mailbox doesn't exist: x", "", True),
        ("Mailbox does not exist", "", True),
        ("No such mailbox", "", True),
        ("Permission denied", "", False),
        ("the mailbox doesn't exist, says the user", "CANNOT", False),
    ],
)
def test_a_missing_mailbox_is_told_by_code_or_in_words(text, code, gone):
    assert is_gone(CommandFailed("SELECT", "NO", text, code)) is gone
