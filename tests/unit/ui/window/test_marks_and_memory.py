"""Marks, what is remembered, and what the desktop wants."""

from __future__ import annotations

import json
import struct
import zlib

import pytest

from postboat.ui.window import desktop
from postboat.ui.window.discs import SHAPES, disc
from postboat.ui.window.memory import NAME, Memory, on_screen, recall, remember


def pixels(png, size):
    """The alpha of each pixel of a PNG as we write it."""
    start = png.index(b"IDAT")
    length = struct.unpack(">I", png[start - 4 : start])[0]
    rows = zlib.decompress(png[start + 4 : start + 4 + length])
    return [[rows[row * (4 * size + 1) + 4 * column + 4] for column in range(size)] for row in range(size)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [9, 26])
def test_a_mark_is_round_and_has_soft_edges(shape, size):
    alphas = pixels(disc(shape, "#15803d", size), size)
    assert alphas[0][0] == alphas[-1][-1] == 0
    assert alphas[0][size // 2] > 60
    assert any(0 < alpha < 255 for row in alphas for alpha in row)


def test_marks_differ_without_their_colours():
    assert len({disc(shape, "#000000", 13) for shape in SHAPES}) == len(SHAPES)


def test_what_is_remembered_is_recalled(tmp_path):
    remember(Memory("500x400+10+20", dark=True), lambda: tmp_path / "new")
    assert recall(lambda: tmp_path / "new") == Memory("500x400+10+20", dark=True)


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"geometry": "; exit", "dark": 3}', '{"geometry": 5}'])
def test_what_cannot_be_understood_is_as_if_it_never_was(tmp_path, kept):
    (tmp_path / NAME).write_text(kept)
    assert recall(lambda: tmp_path) == Memory()


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path):
    (tmp_path / "file").touch()
    remember(Memory("500x400"), lambda: tmp_path / "file")
    assert json.dumps(recall(lambda: tmp_path / "file").geometry) == '""'


@pytest.mark.parametrize(
    ("geometry", "fits"),
    [
        ("500x400+10+20", "500x400+10+20"),
        ("5000x4000+10+20", "1280x800+10+20"),
        ("500x400+1900+20", "500x400"),
        ("500x400+-5+20", "500x400"),
        ("rubbish", ""),
    ],
)
def test_a_remembered_place_is_on_the_screen(geometry, fits):
    assert on_screen(geometry, 1280, 800) == fits


@pytest.mark.parametrize(
    ("said", "measured", "env", "dpi"),
    [
        ("192", 96.0, {"GDK_SCALE": "3"}, 192),
        ("", 96.1, {}, 96),
        ("", 96.1, {"GDK_SCALE": "2"}, 192),
        ("", 160.0, {}, 160),
        ("", 75.0, {}, 96),
        ("0", 96.0, {}, 96),
        ("nan", 96.0, {"GDK_SCALE": "999999999999"}, 96),
    ],
)
def test_dots_per_inch_are_those_of_the_desktop(said, measured, env, dpi):
    assert desktop.dots_per_inch(said, measured, env) == dpi


@pytest.mark.parametrize(
    ("theme", "dark"), [("", None), ("Adwaita:dark", True), ("Breeze-Dark", True), ("Adwaita", False)]
)
def test_the_environment_may_want_dark(theme, dark):
    assert desktop.prefers_dark({"GTK_THEME": theme}) is dark
