"""Where a face begins that runs apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from postboat.ui.apart.child import face

if TYPE_CHECKING:
    from postboat.ui.link import Link


@pytest.mark.parametrize(("name", "code"), [("tk", 1), ("blinkenlights", 2)])
def test_each_name_begins_its_own_face(name: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postboat.ui.window.run", lambda link: 1)
    monkeypatch.setattr("postboat.ui.blinkenlights.run", lambda link, look: 2)
    assert face(name)(cast("Link", object())) == code
