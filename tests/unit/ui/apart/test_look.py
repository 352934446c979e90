"""How a face may draw, by what its user says."""

from __future__ import annotations

import pytest
from tests.fakes.terminal import FakeFile

from postboat.ui.apart.look import look_for


def written_as(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", FakeFile(encoding))


@pytest.mark.parametrize(
    ("env", "unicode"),
    [
        ({}, True),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro", "LC_ALL": ""}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "POSIX"}, False),
        ({"LANG": "de_DE.UTF-8", "LC_CTYPE": "de_DE.ISO-8859-1"}, False),
        ({"LC_ALL": "C.UTF-8"}, True),
        ({"LC_ALL": "broken.nonsense"}, False),
    ],
)
def test_a_locale_without_unicode_gets_ascii(env: dict[str, str], unicode: bool, monkeypatch) -> None:
    written_as("utf-8", monkeypatch)
    assert look_for(env).unicode is unicode


def test_so_does_an_output_without_it(monkeypatch) -> None:
    written_as("ascii", monkeypatch)
    assert not look_for({}).unicode


def test_motion_is_left_out_where_it_is_not_wanted() -> None:
    assert look_for({}).motion
    assert not look_for({"TEXTUAL_ANIMATIONS": "none"}).motion
    assert not look_for({}, still=True).motion
    assert not look_for({}, ascii_only=True).unicode
