"""Every known oddity of a server has its dialogue, or a reason to have none."""

import re
from collections import Counter
from pathlib import Path

from tests.quirks.index import FIRST, LAST, OUTSIDE_SYNCING

HERE = Path(__file__).parent
DIALOGUE = re.compile(r"^(?:async )?def test_quirk_(\d+)_\w+\(", re.MULTILINE)


def dialogues() -> set[int]:
    """Numbers of the tests of this directory."""
    return {int(number) for file in HERE.glob("test_*.py") for number in DIALOGUE.findall(file.read_text())}


def test_every_oddity_is_in_exactly_one_place():
    places = Counter([*dialogues(), *OUTSIDE_SYNCING])
    assert places == Counter(range(FIRST, LAST + 1))


def test_each_reason_is_given_in_words():
    assert all(len(reason.split()) > 5 for reason in OUTSIDE_SYNCING.values())
