"""Events as lines: every one can be sent and read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postboat import events
from postboat.event_json import decode, encode
from postboat.events import Counts, Event

WHEN = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)


KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
VALUES: dict[object, st.SearchStrategy[object]] = {
    str: TEXTS,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Counts: st.builds(Counts, down=st.integers(), failed=st.integers()),
    tuple[str, ...]: st.lists(TEXTS, max_size=3).map(tuple),
    tuple[dict[str, object], ...]: st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=2).map(tuple),
    int | None: st.none() | st.integers(),
    float | None: st.none() | st.floats(allow_nan=False, allow_infinity=False),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_event_is_read_as_it_was_written(kind: type[Event], data: st.DataObject) -> None:
    event = kind(**{name: data.draw(VALUES[hint]) for name, hint in get_type_hints(kind, vars(events)).items()})
    line = encode(event, WHEN)
    assert line.isascii()
    assert line.isprintable()
    assert decode(json.loads(line)) == event


def test_the_line_tells_the_event_and_when_it_was_heard() -> None:
    line = json.loads(encode(events.ServiceStopping(), WHEN))
    assert line == {"event": "ServiceStopping", "time": "2026-02-03T04:05:06.789+00:00"}


@pytest.mark.parametrize(
    "strange", [{}, {"event": "Nonsense"}, {"event": "Counts"}, {"event": "Publish"}, {"event": "FolderFinished"}]
)
def test_what_is_no_event_known_here_is_passed_over(strange: dict[str, object]) -> None:
    assert decode(strange) is None


def test_what_a_newer_program_adds_to_an_event_is_passed_over() -> None:
    assert decode({"event": "AccountStarted", "account": "A", "colour": "blue"}) == events.AccountStarted("A")
