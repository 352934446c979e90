"""Pictures of the board in every state. `POSTBOAT_DRAW=1 pytest tests/unit/ui/board` draws them anew: look at them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.fakes.boards import VOYAGES, picture, texts, voyage

from postboat.ui.board import Focus, Look, draw
from postboat.ui.link import Lost, Snapshot

BOARDS = Path(__file__).parents[3] / "data" / "boards"
SIZES = ((80, 24), (120, 40), (200, 60))
NAMES = sorted(path.stem for path in VOYAGES.glob("*.ndjson"))
PANELS = (("error", "errors"), ("held", "held"), ("first_sync", "detail"), ("sign_in", "log"), ("in_step", "help"))


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def is_as_drawn(rows, name):
    path, drawn = BOARDS / f"{name}.txt", picture(rows)
    if os.environ.get("POSTBOAT_DRAW"):
        path.write_text(drawn)
    return path.read_text() == drawn


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", NAMES)
def test_each_state_looks_as_it_was_approved(name, size):
    board, now = voyage(name)
    assert is_as_drawn(draw.screen(board, Focus(), now, *size, Look()), f"{name}-{size[0]}x{size[1]}")


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_each_panel_looks_as_it_was_approved(name, panel):
    board, now = voyage(name)
    assert is_as_drawn(draw.screen(board, Focus(panel), now, 80, 24, Look()), f"{name}-{panel}-80x24")


@pytest.mark.parametrize("size", [(20, 5), (40, 10)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_small_screen_looks_as_it_was_approved(size):
    board, now = voyage("ten_accounts")
    assert is_as_drawn(draw.screen(board, Focus(account="club"), now, *size, Look()), f"small-{size[0]}x{size[1]}")


def test_a_lost_service_looks_as_it_was_approved():
    board, now = voyage("in_step")
    board.learn(Lost("the service closed the connection"), now)
    assert is_as_drawn(draw.screen(board, Focus(), now + 3, 80, 24, Look()), "lost-80x24")


def test_missed_events_look_as_they_were_approved():
    board, now = voyage("first_sync")
    board.learn(Snapshot(board.status, dropped=120), now)
    assert is_as_drawn(draw.screen(board, Focus(), now, 80, 24, Look()), "missed-80x24")


@pytest.mark.parametrize("name", NAMES)
def test_in_ascii_every_state_is_told_in_ascii(name):
    board, now = voyage(name)
    rows = draw.screen(board, Focus(), now, 80, 24, Look(unicode=False))
    assert all(text.isascii() and len(text) == 80 for text in texts(rows))
    if name == "first_sync":
        assert is_as_drawn(rows, "ascii-80x24")
