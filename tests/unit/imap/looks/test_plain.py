"""Windows over the messages we know."""

from __future__ import annotations

import pytest

from postboat.imap.looks.plain import windows


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], []),
        ([5], ["1:5"]),
        ([5, 6], ["1:6"]),
        ([5, 6, 9], ["1:6", "7:9"]),
        ([5, 6, 9, 4294967295], ["1:6", "7:4294967295"]),
        ([1, 2, 3, 4, 5], ["1:2", "3:4", "5:5"]),
    ],
)
def test_they_hold_all_uids_up_to_the_last_known_each_a_few_known_ones(known: list[int], expected: list[str]) -> None:
    assert list(windows(known, 2)) == expected
