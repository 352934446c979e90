import pytest

from postboat.imap.wire.responses import ESearched, ResponseCode
from postboat.imap.wire.uid_set import UidSet


def test_numbers_are_read_from_their_own_code_only():
    assert ResponseCode("UIDVALIDITY", "1666390893380").uidvalidity == 1666390893380
    assert ResponseCode("UIDNEXT", "4").uidnext == 4
    assert ResponseCode("UIDNEXT", "4").uidvalidity is None
    assert ResponseCode("HIGHESTMODSEQ", "7").highestmodseq == 7
    assert ResponseCode("UIDVALIDITY", "0").uidvalidity == 0


@pytest.mark.parametrize("arguments", ["", "x", "-1", "1 2", "1.5", "9" * 20, "¹"])
def test_what_is_no_number_is_none(arguments):
    assert ResponseCode("UIDNEXT", arguments).uidnext is None


def test_a_modseq_of_zero_proves_nothing():
    assert ResponseCode("HIGHESTMODSEQ", "0").highestmodseq is None


def test_permanent_flags_are_spelt_alike():
    flags = ResponseCode("PERMANENTFLAGS", "(\\seen $forwarded a]b \\*)").permanent_flags
    assert flags == {"\\Seen", "$Forwarded", "a]b", "\\*"}
    assert ResponseCode("PERMANENTFLAGS", "()").permanent_flags == frozenset()
    assert ResponseCode("PERMANENTFLAGS", "").permanent_flags is None


def test_appenduid_gives_validity_and_uids_in_their_order():
    assert ResponseCode("APPENDUID", "38505 3955").appenduid == (38505, (3955,))
    assert ResponseCode("APPENDUID", "1 7,3:5").appenduid == (1, (7, 3, 4, 5))


@pytest.mark.parametrize("arguments", ["", "1", "x 1", "1 *", "1 0", "1 2 3", "1 1:4294967295"])
def test_an_appenduid_that_cannot_be_right_is_none(arguments):
    assert ResponseCode("APPENDUID", arguments).appenduid is None


@pytest.mark.parametrize(
    ("arguments", "pairs"),
    [
        ("9 304,319:320 3956:3958", ((304, 3956), (319, 3957), (320, 3958))),
        ("9 1:3 12,11,10", ((1, 12), (2, 11), (3, 10))),
        ("9 1:3 12:10", ((1, 12), (2, 11), (3, 10))),
    ],
)
def test_copyuid_pairs_by_position(arguments, pairs):
    assert ResponseCode("COPYUID", arguments).copyuid == (9, pairs)


@pytest.mark.parametrize("arguments", ["14", "14 1:3 5", "14 1 0", "14 1:4294967295 1:4294967295", "x 1 1", "14 1 *"])
def test_a_copyuid_that_cannot_be_right_is_none(arguments):
    assert ResponseCode("COPYUID", arguments).copyuid is None


def test_capabilities_are_in_capitals():
    assert ResponseCode("CAPABILITY", "IMAP4rev1 Idle").capabilities == {"IMAP4REV1", "IDLE"}
    assert ResponseCode("ALERT").capabilities is None


def test_esearch_items_are_read_on_demand():
    answer = ESearched("a", True, {"ALL": "1:3", "COUNT": "3"})
    assert (answer.all, answer.count) == (UidSet.parse("1:3"), 3)
    assert (ESearched(None, True, {}).all, ESearched(None, True, {"ALL": "1:*", "COUNT": "x"}).count) == (None, None)
