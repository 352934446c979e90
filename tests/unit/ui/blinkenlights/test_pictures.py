"""Boxes over the dashboard, as they were approved. `POSTBOAT_DRAW=1 pytest tests/unit/ui/blinkenlights` draws anew."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.fakes.boards import WAITS, lines_of, texts
from tests.fakes.told_link import ToldLink

from postboat.ui.blinkenlights.helm import Helm
from postboat.ui.board.spans import Look
from postboat.ui.link import Answered, Happened, Question

BOXES = Path(__file__).parents[3] / "data" / "boxes"
SIZES = ((80, 24), (40, 10), (20, 5))
QUESTION = Question(1, "anna@uni.example at imap.uni.example: refused\n[AUTHENTICATIONFAILED] Invalid credentials")
SHOWN = {
    "confirm": ("held", {}, ["c"], []),
    "leave-owned": ("in_step", {"owned": True}, ["q"], []),
    "leave-service": ("in_step", {}, ["q"], []),
    "password": ("sign_in", {}, ["h", "u", "s", "h"], [QUESTION]),
    "refusal": ("offline", {}, [], [Answered(1, "the service is about to end")]),
    "filter": ("ten_accounts", {}, ["slash", "a", "r"], []),
}


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(name: str, size: tuple[int, int], look: Look) -> str:
    voyage, how, keys, told = SHOWN[name]
    link = ToldLink(**how)
    helm = Helm(link, look)
    for line in lines_of(voyage):
        link.time = line.when if isinstance(line, Happened) else link.time
        helm.hear([line])
    link.time += WAITS.get(voyage, 0.25)
    helm.press("s", "s")
    helm.hear(told)
    for key in keys:
        helm.press(key, key if len(key) == 1 else "")
    drawn = "".join(f"{line.rstrip()}\n" for line in texts(helm.screen(*size)))
    link.close()
    return drawn


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SHOWN)
def test_each_box_looks_as_it_was_approved(name, size):
    is_as_drawn(f"{name}-{size[0]}x{size[1]}", shown(name, size, Look()))


def test_a_box_in_ascii_looks_as_it_was_approved():
    is_as_drawn("confirm-ascii-80x24", shown("confirm", (80, 24), Look(unicode=False)))


def is_as_drawn(name: str, drawn: str) -> None:
    path = BOXES / f"{name}.txt"
    if os.environ.get("POSTBOAT_DRAW"):
        path.write_text(drawn)
    assert drawn == path.read_text()
