from hypothesis import given
from hypothesis import strategies as st

from postboat.imap.wire.uid_set import MAX_UID, UidSet

uids = st.sets(st.integers(1, 60) | st.integers(MAX_UID - 3, MAX_UID), max_size=40)


@given(uids)
def test_a_set_is_what_went_into_it(numbers):
    uid_set = UidSet.of(numbers)
    assert list(uid_set) == sorted(numbers)
    assert len(uid_set) == len(numbers)
    assert bool(uid_set) == bool(numbers)
    assert {uid for uid in range(1, 70) if uid in uid_set} == {uid for uid in numbers if uid < 70}
    assert all(b[0] > a[1] + 1 for a, b in zip(uid_set.ranges, uid_set.ranges[1:], strict=False))


@given(uids.filter(len))
def test_reading_undoes_writing(numbers):
    assert UidSet.parse(str(UidSet.of(numbers))) == UidSet.of(numbers)


@given(uids, uids)
def test_arithmetic_is_that_of_sets(a, b):
    one, other = UidSet.of(a), UidSet.of(b)
    assert set(one | other) == a | b
    assert set(one & other) == a & b
    assert set(one - other) == a - b
    assert (one == other) == (a == b)


@given(uids, st.integers(21, 60))
def test_splitting_loses_nothing_and_keeps_to_the_limit(numbers, octets):
    pieces = list(UidSet.of(numbers).split(octets))
    assert [uid for piece in pieces for uid in piece] == sorted(numbers)
    assert all(len(str(piece)) <= octets for piece in pieces)
