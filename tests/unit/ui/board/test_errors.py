"""What is said to have gone wrong, and how gravely."""

from __future__ import annotations

import pytest

from postboat.events import AccountWaits
from postboat.ui.board.errors import Errors
from postboat.ui.words import Manner


@pytest.mark.parametrize(("code", "style"), [(4, "attention"), (2, "error"), (5, "error")])
def test_an_account_that_needs_its_user_is_an_error_and_one_that_is_away_is_not(code: int, style: str) -> None:
    errors = Errors(Manner(), goes_on=True)
    errors.learn(AccountWaits("work", "why", code, 60.0), 0.0)
    (error,) = errors.listed()
    assert error.style == style
