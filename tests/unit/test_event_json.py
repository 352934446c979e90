"""Events as lines: every one can be sent and read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postboat import events, mirrored
from postboat.event_json import decode, encode
from postboat.events import ConnectionsSeen, Counts, Event, FolderPlanned, Light
from postboat.mirrored import NotThere, NotTold
from postboat.values import SideName, Sides

WHEN = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)


NAMES = {**vars(mirrored), **vars(events)}
KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
_UNDECODED = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
"""Octets of file names that are no UTF-8, as Python shows them. A high surrogate before one would be a character."""
TEXTS = st.text(st.characters(codec="utf-8") | _UNDECODED, max_size=8)
VALUES: dict[object, st.SearchStrategy[object]] = {
    str: TEXTS,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(-6e10, 6e10),
    SideName: st.sampled_from(["remote", "local"]),
    Counts: st.builds(Counts, down=st.integers(), failed=st.integers()),
    tuple[Light, ...]: st.lists(st.builds(Light, TEXTS, TEXTS), max_size=3).map(tuple),
    tuple[NotThere, ...]: st.lists(
        st.builds(NotThere, *[TEXTS] * 5, st.none() | st.floats(-6e10, 6e10), st.integers()), max_size=3
    ).map(tuple),
    tuple[NotTold, ...]: st.lists(st.builds(NotTold, TEXTS, TEXTS), max_size=3).map(tuple),
    tuple[str, ...]: st.lists(TEXTS, max_size=3).map(tuple),
    tuple[dict[str, object], ...]: st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=2).map(tuple),
    Sides | None: st.none() | st.builds(Sides, TEXTS, TEXTS, st.booleans()),
    int | None: st.none() | st.integers(),
    float | None: st.none() | st.floats(-6e10, 6e10),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_event_is_read_as_it_was_written(kind: type[Event], data: st.DataObject) -> None:
    event = kind(
        **{name: data.draw(VALUES[hint]) for name, hint in get_type_hints(kind, NAMES, include_extras=True).items()}
    )
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


@pytest.mark.parametrize(
    "malformed",
    [
        {"event": "AccountStarted", "account": 7},
        {"event": "AccountStarted", "account": None},
        {"event": "FoldersListed", "account": "A", "pairs": True},
        {"event": "FoldersListed", "account": "A", "pairs": 1.0},
        {"event": "AccountRests", "account": "A", "until": "soon"},
        {"event": "AccountRests", "account": "A", "until": float("nan")},
        {"event": "AccountRests", "account": "A", "until": 10**400},
        {"event": "FolderPlanned", "account": "A", "folder": "F", "counts": {"down": "many"}},
        {"event": "FolderPlanned", "account": "A", "folder": "F", "counts": [1]},
        {"event": "ConnectionsSeen", "account": "A", "lights": ["free"], "received": 1, "sent": 1},
        {"event": "ConnectionsSeen", "account": "A", "lights": [{}], "received": 1, "sent": 1},
        {"event": "ConnectionsSeen", "account": "A", "lights": {"doing": "free"}, "received": 1, "sent": 1},
        {"event": "ServiceStarted", "accounts": "AB"},
        {"event": "FolderCreated", "account": "A", "folder": "F", "side": "inside", "name": "F"},
        {"event": ["ServiceStarted"]},
    ],
)
def test_what_is_not_in_the_form_of_its_event_is_passed_over(malformed: dict[str, object]) -> None:
    assert decode(malformed) is None


@given(
    kind=st.sampled_from([kind.__name__ for kind in KINDS]),
    facts=st.dictionaries(
        st.sampled_from(sorted({name for kind in KINDS for name in get_type_hints(kind)})),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXTS, st.lists, max_leaves=4),
    ),
)
@settings(max_examples=200, deadline=None)
def test_nothing_that_json_can_say_is_more_than_passed_over(kind: str, facts: dict[str, object]) -> None:
    decode({"event": kind, **facts})


def test_values_within_an_event_are_values_again() -> None:
    counts = {"event": "FolderPlanned", "account": "A", "folder": "F", "counts": {"down": 3, "sideways": 1}}
    assert decode(counts) == FolderPlanned("A", "F", Counts(down=3))
    light = {"doing": "copying", "folder": "F", "colour": "blue"}
    seen = {"event": "ConnectionsSeen", "account": "A", "lights": [light, {"doing": "free"}], "received": 1, "sent": 2}
    assert decode(seen) == ConnectionsSeen("A", (Light("copying", "F"), Light("free")), 1, 2)


def test_a_time_in_whole_seconds_is_a_time() -> None:
    event = decode({"event": "AccountRests", "account": "A", "until": 5})
    assert isinstance(event, events.AccountRests)
    assert isinstance(event.until, float)
