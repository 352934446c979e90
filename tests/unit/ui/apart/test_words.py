"""What is said of a face that leaves before the run does."""

from __future__ import annotations

import pytest

from postboat.ui.apart import words


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (1, "ValueError: no", "broke (ValueError: no)"),
        (-9, "", "was ended by signal 9"),
        (3, "", "ended with status 3"),
        (0, "", "was closed"),
        (None, "", "was closed"),
    ],
)
def test_how_it_ended_is_told_by_its_last_words_or_else_by_its_code(code: int | None, said: str, told: str) -> None:
    assert words.how_it_ended(code, said) == told


def test_what_goes_on_is_named() -> None:
    assert words.ended("tk", "was closed", goes_on=False) == (
        "postboat: the window was closed; the sync goes on, told in lines"
    )
    assert "keeping your mail in step goes on" in words.ended("blinkenlights", "was closed", goes_on=True)
    assert "the sync goes on" in words.left(goes_on=False)
    assert "keeping your mail in step goes on" in words.left(goes_on=True)


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("now", "this run syncs every account once and is at it"),
        ("pause", "only a run that goes on (autorefresh) can pause; this one ends by itself"),
        ("confirm", "when this run is over: postboat confirm A"),
    ],
)
def test_what_a_single_run_cannot_do_is_refused_with_the_reason(do: str, reason: str) -> None:
    assert words.only_when_it_goes_on(do, "postboat confirm A") == reason
