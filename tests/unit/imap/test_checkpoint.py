"""A checkpoint proves "unchanged" only when all its numbers are there."""

from __future__ import annotations

import pytest

from postboat.imap.checkpoint import Anchor, Checkpoint, anchored, checkpoint_text, read_anchors, read_checkpoint


def test_four_numbers_are_read_as_they_were_written() -> None:
    text = checkpoint_text(7, 12, 0, 2**63 - 1)
    assert text == "[7, 12, 0, 9223372036854775807]"
    assert read_checkpoint(text) == Checkpoint(7, 12, 0, 2**63 - 1)


@pytest.mark.parametrize(
    "numbers",
    [(None, 12, 3, 5), (7, None, 3, 5), (7, 12, None, 5), (7, 12, 3, None), (7, 12, 3, 0), (7, 12, 3, -1)],
)
def test_a_missing_number_or_no_mod_sequence_proves_nothing(numbers: tuple[int | None, ...]) -> None:
    assert checkpoint_text(*numbers) is None


@pytest.mark.parametrize("text", [None, "", "[7, 12, 3", "[7, 12, 3]", "[7, 12, 3, 5, 6]", '"7"', '[7, 12, 3, "5"]'])
def test_what_is_no_checkpoint_is_read_as_none(text: str | None) -> None:
    assert read_checkpoint(text) is None


@pytest.mark.parametrize("numbers", [None, "[7, 12, 3, 5]"])
def test_anchors_follow_the_numbers_and_are_none_of_them(numbers: str | None) -> None:
    anchors = [Anchor(4, 70), Anchor(11, 2000)]
    text = anchored(numbers, anchors)
    assert read_anchors(text) == anchors
    assert read_checkpoint(text) == read_checkpoint(numbers)
    assert anchored(numbers, []) == numbers


@pytest.mark.parametrize(
    "text", [None, "[7, 12, 3, 5]", "\n", "\n[[1", "\n[[1, 2, 3]]", "\n7", '\n[["1", 2]]', "\n[3]"]
)
def test_what_are_no_anchors_is_read_as_none(text: str | None) -> None:
    assert read_anchors(text) == []
