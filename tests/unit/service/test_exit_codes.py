"""Exit codes of accounts add up to one."""

from __future__ import annotations

import pytest

from postboat.service.exit_codes import gravest


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 4, 0], 4), ([4, 5], 5), ([5, 2], 2), ([7, 3], 7), ([1, 2], 1)],
)
def test_what_needs_the_user_outranks_what_may_pass(codes, expected):
    assert gravest(codes) == expected
