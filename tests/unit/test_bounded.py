"""Batches of bounded weight and number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.bounded import bounded


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([4, 6, 1], [[4, 6], [1]]),
        ([1, 1, 1, 1], [[1, 1, 1], [1]]),
        ([2, 11, 2], [[2], [11], [2]]),
        ([0, 11], [[0], [11]]),
    ],
)
def test_a_batch_closes_when_it_would_be_too_heavy_or_too_long(sizes, batches):
    assert list(bounded(sizes, int, weight=10, count=3)) == batches


@given(st.lists(st.integers(0, 30)))
def test_all_come_in_their_order_and_only_one_alone_is_too_heavy(sizes):
    batches = list(bounded(sizes, int, weight=10, count=3))
    assert [size for batch in batches for size in batch] == sizes
    assert all(0 < len(batch) <= 3 and (sum(batch) <= 10 or len(batch) == 1) for batch in batches)
