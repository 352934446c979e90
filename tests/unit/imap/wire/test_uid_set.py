import pytest

from postboat.imap.wire.uid_set import MAX_UID, UidSet, parse_ranges


def test_ranges_are_sorted_and_joined():
    assert str(UidSet.parse("7,3:1,4,9:9")) == "1:4,7,9"


@pytest.mark.parametrize(
    "text", ["", "*", "1:*", "0", "0:1", "1,,2", "a", "1:2:3", "-1", " 1", "4294967296", "1" * 5000, "¹"]
)
def test_what_is_no_set_is_refused(text):
    with pytest.raises(ValueError):
        UidSet.parse(text)


def test_everything_costs_nothing():
    everything = UidSet.parse("1:4294967295")
    assert len(everything) == MAX_UID
    assert 123456789 in everything
    assert str(everything - UidSet.of([5])) == "1:4,6:4294967295"
    assert not everything - everything


@pytest.mark.parametrize("uid", [0, -1, MAX_UID + 1])
def test_a_number_that_is_no_uid_is_refused(uid):
    with pytest.raises(ValueError):
        UidSet.of([uid])


def test_splitting_keeps_each_piece_short_and_all_uids():
    uids = UidSet.of(range(1, 2000, 2))
    pieces = list(uids.split(100))
    assert all(len(str(piece)) <= 100 for piece in pieces)
    assert len(str(pieces[0])) > 95
    assert [uid for piece in pieces for uid in piece] == list(uids)


def test_splitting_keeps_each_piece_small():
    pieces = list(UidSet.parse("1:10,12,20:29").split(8000, most=4))
    assert [str(piece) for piece in pieces] == ["1:4", "5:8", "9:10,12", "20:23", "24:27", "28:29"]
    assert str(next(UidSet.parse("1:4294967295").split(8000))) == "1:4294967295"


def test_nothing_splits_into_nothing():
    assert list(UidSet().split(100)) == []


def test_a_set_does_not_change():
    with pytest.raises(AttributeError):
        UidSet().ranges = ((1, 2),)


def test_membership_ends_with_the_range():
    uids = UidSet.parse("3:5,9")
    assert [uid in uids for uid in (2, 3, 5, 6, 9, 10)] == [False, True, True, False, True, False]
    assert "3" not in uids
    assert uids.last == 9


def test_order_is_kept_where_it_matters():
    assert parse_ranges("9,7,3:1") == [(9, 9), (7, 7), (3, 1)]
